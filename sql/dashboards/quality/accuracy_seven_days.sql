-- The seven newest mature cohorts, as known at the end of each day: about 1,400 labels.
-- title: Accuracy, 7 label days
-- unit: ratio
-- threshold: 0.90
-- direction: below
-- action: It lasts: hand those intents to people until it is fixed.
WITH cohorts AS (
    SELECT
        date_trunc('day', predicted_at) + INTERVAL '2 days' AS day,
        sum(CASE WHEN is_correct THEN 1 ELSE 0 END) AS correct,
        count(*) AS labels
    FROM labels
    WHERE time < date_trunc('day', predicted_at) + INTERVAL '3 days'
    GROUP BY 1
), trailing AS (
    SELECT
        day,
        sum(correct) OVER last_seven AS correct,
        sum(labels) OVER last_seven AS labels,
        count(*) OVER last_seven AS days
    FROM cohorts
    WINDOW last_seven AS (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
)
SELECT
    day AS time,
    wilson_interval(correct, labels)['upper'] AS value,
    CAST(correct AS DOUBLE) / labels AS observed,
    labels AS n
FROM trailing
WHERE days = 7
