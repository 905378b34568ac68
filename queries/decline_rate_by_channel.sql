-- How many of a hundred transactions are declined, by channel, and how much money that is.
--
-- A count divided by a count is a whole number: 100.0 makes it a decimal. Where nothing was declined, the sum is NULL.
--
-- Inferred or given: SCHEMA='channel STRING, status STRING, amount DECIMAL(12,2)'

SELECT channel,
       count(*)                                                   AS transactions,
       count_if(status = 'declined')                              AS declined,
       round(100.0 * count_if(status = 'declined') / count(*), 2) AS percent,
       sum(amount) FILTER (WHERE status = 'declined')             AS amount_declined
FROM transactions
GROUP BY channel
ORDER BY percent DESC, channel
