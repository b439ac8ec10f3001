-- 99 % of the answers within 5 seconds, over 30 days. A failed call has no latency.
CREATE SLO IF NOT EXISTS latency ON llm_calls
WHERE NOT is_error
GOOD WHEN duration_ms <= 5000
OBJECTIVE 0.99 WINDOW '30 days';

CREATE ALERT IF NOT EXISTS latency EVERY '5 minutes'
LABELS (dashboard = 'operational')
ANNOTATIONS (
    summary = 'Answers take too long {{ $value | humanize }} times as often as the objective allows',
    runbook = 'Split by model and provider; move load to the faster one'
)
ON SLO latency;
