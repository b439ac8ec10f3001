-- Labels that come later than the rules of quality assume make them blind.
CREATE ALERT IF NOT EXISTS label_delay EVERY '6 hours'
LABELS (dashboard = 'quality', severity = 'ticket')
ANNOTATIONS (
    summary = 'One label in twenty is older than {{ $value | humanize }} hours when it comes',
    runbook = 'Widen the windows of the rules on labels, or ask who labels'
)
AS SELECT percentile_cont((CAST(time AS BIGINT) - CAST(predicted_at AS BIGINT)) / 3.6e12, 0.95) AS value
FROM labels
WHERE time > now() - INTERVAL '1 day'
HAVING percentile_cont((CAST(time AS BIGINT) - CAST(predicted_at AS BIGINT)) / 3.6e12, 0.95) > 72;
