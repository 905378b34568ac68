-- How many of a hundred transactions are declined, by channel, and for which reasons.
--
-- A count divided by a count is a whole number: 100.0 makes it a decimal.
--
-- Inferred or given: SCHEMA='channel STRING, status STRING, decline_reason STRING'. decline_reason is NULL in most
-- records; where the first ones hold nothing else, as in the demo, only the given one has it.

SELECT channel,
       count(*)                                                                       AS transactions,
       count_if(status = 'declined')                                                  AS declined,
       round(100.0 * count_if(status = 'declined') / count(*), 2)                     AS percent,
       count_if(decline_reason = 'insufficient_funds')                                AS funds,
       count_if(decline_reason = 'suspected_fraud')                                   AS fraud,
       count_if(decline_reason IN ('incorrect_pin', 'incorrect_security_code'))       AS wrong_code
FROM transactions
GROUP BY channel
ORDER BY percent DESC
