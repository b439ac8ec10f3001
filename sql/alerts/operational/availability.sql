-- 99.5 % of the calls are answered, over 30 days. Pages where 2 % of the month's budget burn within an hour or 5 % within six, tickets where 10 % do
-- within a day or three, and still do (docs/slo.md).
CREATE SLO IF NOT EXISTS availability ON llm_calls
GOOD WHEN NOT is_error
OBJECTIVE 0.995 WINDOW '30 days';

CREATE ALERT IF NOT EXISTS availability EVERY '5 minutes'
LABELS (dashboard = 'operational')
ANNOTATIONS (
    summary = 'Calls fail {{ $value | humanize }} times as often as the objective allows',
    runbook = 'Count by error_type and provider; fail over if one stands out'
)
ON SLO availability;
