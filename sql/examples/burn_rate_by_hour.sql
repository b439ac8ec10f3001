-- Which hours spent the error budget of "99.5 % of the calls are answered"? 1 is exactly the pace that uses it up.
SELECT
    date_trunc('hour', time) AS hour,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    slo_burn_rate(NOT is_error, 0.995) AS burn_rate
FROM llm_calls
WHERE time >= TIMESTAMP '2026-08-24T00:00:00Z'
GROUP BY date_trunc('hour', time)
ORDER BY burn_rate DESC
LIMIT 10;
