-- title: Calls
-- unit: count
-- threshold: 1500
-- direction: below
-- action: Is the bot reachable? Find the channel that went quiet.
SELECT date_trunc('day', time) AS time, count(*) AS value, count(*) AS n
FROM llm_calls
GROUP BY date_trunc('day', time)
