-- US dollars for a thousand calls of the last day.
CREATE ALERT IF NOT EXISTS cost EVERY '1 hour' FOR '2 hours'
LABELS (dashboard = 'operational', severity = 'ticket')
ANNOTATIONS (
    summary = 'A thousand calls cost {{ $value | humanize }} dollars',
    runbook = 'Which model, which intent? Look for long prompts and retries'
)
AS SELECT 1000.0 * sum(cost_usd) / count(*) AS value
FROM llm_calls
WHERE time > now() - INTERVAL '1 day'
HAVING 1000.0 * sum(cost_usd) / count(*) > 4.50;
