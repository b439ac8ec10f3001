-- Nobody asks anything for six hours: customers have no such hours, so something in front of the bot is down.
CREATE ALERT IF NOT EXISTS silence EVERY '15 minutes'
LABELS (dashboard = 'operational', severity = 'page')
ANNOTATIONS (
    summary = 'No call for six hours',
    runbook = 'Is the bot reachable? Find the channel that went quiet'
)
AS SELECT count(*) AS value
FROM llm_calls
WHERE time > now() - INTERVAL '6 hours'
HAVING count(*) = 0;
