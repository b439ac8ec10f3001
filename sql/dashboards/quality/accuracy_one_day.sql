-- As known at the end of each day: labels arrive two days late, so the newest mature cohort is the answers of two days before.
-- The rule looks at the upper Wilson 95 % bound: it fires when even the friendliest reading of about 200 labels is below the target.
-- title: Accuracy, 1 label day
-- unit: ratio
-- threshold: 0.90
-- direction: below
-- action: Read the wrong answers; limit the bot where they cluster.
WITH known AS (
    SELECT
        date_trunc('day', predicted_at) + INTERVAL '2 days' AS day,
        time,
        CASE WHEN is_correct THEN 1 ELSE 0 END AS correct
    FROM labels
)
SELECT
    day AS time,
    wilson_interval(sum(correct), count(*))['upper'] AS value,
    CAST(sum(correct) AS DOUBLE) / count(*) AS observed,
    count(*) AS n
FROM known
WHERE time < day + INTERVAL '1 day'
GROUP BY day
