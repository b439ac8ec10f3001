-- How sure the bot is of its answers, the last day against training. It stays where it was while the bot fails, which is why nobody should wait for it.
CREATE ALERT IF NOT EXISTS confidence EVERY '1 hour'
LABELS (dashboard = 'drift', severity = 'ticket')
ANNOTATIONS (
    summary = 'The bot is differently sure than in training: PSI {{ $value | humanize }}',
    runbook = 'New model or temperature? Calibrate before using its confidence'
)
AS SELECT psi(confidence, baseline('training', 'confidence')) AS value
FROM prompts
WHERE time > now() - INTERVAL '1 day'
HAVING psi(confidence, baseline('training', 'confidence')) > 0.25;
