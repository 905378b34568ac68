-- Cards worth a look: declined three times or more, or used in three countries or more; the last used one first.
--
-- HAVING picks from the groups that are kept, so a card comes into the result once it deserves it. Every card
-- is a group: what is kept grows with the cards, and with the countries of each, not with their transactions.
--
-- Inferred or given:
-- SCHEMA='card_number STRING, timestamp TIMESTAMP, amount DECIMAL(12,2), country STRING, status STRING'

SELECT card_number,
       count(*)                      AS transactions,
       count_if(status = 'declined') AS declined,
       count(DISTINCT country)       AS countries,
       max(amount)                   AS largest,
       max(timestamp)                AS last_used
FROM transactions
GROUP BY card_number
HAVING declined >= 3 OR countries >= 3
ORDER BY last_used DESC, card_number
LIMIT 50
