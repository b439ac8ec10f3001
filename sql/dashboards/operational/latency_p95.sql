-- title: Latency, p95
-- unit: s
-- threshold: 5
-- direction: above
-- action: Split by model and provider; move load to the faster one.
SELECT
    date_trunc('day', time) AS time,
    percentile_cont(duration_ms, 0.95) / 1000.0 AS value,
    count(*) AS n
FROM llm_calls
WHERE NOT is_error
GROUP BY date_trunc('day', time)
