-- title: Label delay, p95
-- unit: h
-- threshold: 72
-- direction: above
-- action: Labels come later than the rules assume: widen windows.
SELECT
    date_trunc('day', time) AS time,
    percentile_cont((CAST(time AS BIGINT) - CAST(predicted_at AS BIGINT)) / 3.6e12, 0.95) AS value,
    count(*) AS n
FROM labels
GROUP BY date_trunc('day', time)
