-- Transactions and totals by the card's brand.
--
-- Inferred or given: SCHEMA='card_brand STRING, amount DECIMAL(12,2)'

SELECT card_brand,
       count(*)    AS transactions,
       sum(amount) AS total,
       avg(amount) AS average,
       max(amount) AS largest
FROM transactions
GROUP BY card_brand
ORDER BY total DESC
