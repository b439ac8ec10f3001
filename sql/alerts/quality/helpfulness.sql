-- A second model reads one answer in twenty. The upper Wilson 95 % bound of the last day below the target.
CREATE ALERT IF NOT EXISTS helpfulness EVERY '6 hours'
LABELS (dashboard = 'quality', severity = 'ticket')
ANNOTATIONS (
    summary = 'The judge finds at most {{ $value | humanizePercentage }} of the answers helpful',
    runbook = 'Read failed answers; check the judge against labels'
)
AS SELECT
    wilson_interval(sum(CASE WHEN label = 'pass' THEN 1 ELSE 0 END), count(*))['upper'] AS value,
    count(*) AS judged
FROM evaluations
WHERE name = 'helpfulness' AND time > now() - INTERVAL '1 day'
HAVING count(*) >= 50 AND wilson_interval(sum(CASE WHEN label = 'pass' THEN 1 ELSE 0 END), count(*))['upper'] < 0.90;
