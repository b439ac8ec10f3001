-- Which day is compared with which: each day with itself (current) and with the training days of the same weekday (reference), so
-- that the weekly season is no drift. A training day is compared with the other training weeks only.
CREATE VIEW IF NOT EXISTS compared_days AS
WITH days AS (SELECT DISTINCT date_trunc('day', time) AS day FROM spans)
SELECT
    days.day,
    source.day AS source,
    source.day = days.day AS is_current
FROM days
CROSS JOIN days AS source
WHERE source.day = days.day
    OR (
        source.day < (SELECT max(trained_to) FROM training_centroids)
        AND extract(dow FROM source.day) = extract(dow FROM days.day)
    )
