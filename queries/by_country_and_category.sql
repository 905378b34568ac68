-- Where most is spent: the twenty largest totals by country and category, and the share that each has of all.
--
-- The share is computed above the aggregate, from its groups: a window over all of them, before LIMIT.
-- Amounts are added as they are, whatever their currency.
--
-- Inferred or given: SCHEMA='country STRING, category STRING, amount DECIMAL(12,2)'

SELECT country,
       category,
       count(*)                                               AS transactions,
       sum(amount)                                            AS total,
       round(100 * sum(amount) / sum(sum(amount)) OVER (), 2) AS percent
FROM transactions
GROUP BY country, category
ORDER BY total DESC, country, category
LIMIT 20
