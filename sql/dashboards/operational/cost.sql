-- title: Cost of 1,000 calls
-- unit: USD
-- threshold: 4.50
-- direction: above
-- action: Which model, which intent? Look for long prompts, retries.
SELECT
    date_trunc('day', time) AS time,
    1000.0 * sum(cost_usd) / count(*) AS value,
    count(*) AS n
FROM llm_calls
GROUP BY date_trunc('day', time)
