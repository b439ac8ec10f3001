-- Mean confidence minus accuracy of the same labelled answers, seven mature days. The standard error is about 0.7 points.
-- title: Confidence - accuracy
-- unit: ratio
-- threshold: 0.05
-- direction: above
-- action: Surer than right: stop acting on its confidence.
WITH labelled AS (
    SELECT
        date_trunc('day', labels.predicted_at) + INTERVAL '2 days' AS day,
        sum(spans.app_confidence - CASE WHEN labels.is_correct THEN 1.0 ELSE 0.0 END) AS gap,
        count(*) AS labels
    FROM labels
    JOIN spans ON spans.span_id = labels.span_id
    WHERE labels.time < date_trunc('day', labels.predicted_at) + INTERVAL '3 days'
    GROUP BY 1
), trailing AS (
    SELECT
        day,
        sum(gap) OVER last_seven AS gap,
        sum(labels) OVER last_seven AS labels,
        count(*) OVER last_seven AS days
    FROM labelled
    WINDOW last_seven AS (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
)
SELECT day AS time, gap / labels AS value, labels AS n
FROM trailing
WHERE days = 7
