-- What the bot's own classifier chose. It forces a new question into an old intent, so a new topic shows here late and diluted.
CREATE ALERT IF NOT EXISTS intents EVERY '1 hour'
LABELS (dashboard = 'drift', severity = 'ticket')
ANNOTATIONS (
    summary = 'Users ask for other things than in training: PSI {{ $value | humanize }}',
    runbook = 'Which intent grew? Right questions, or forced ones?'
)
AS SELECT psi(intent, baseline('training', 'intent')) AS value
FROM prompts
WHERE time > now() - INTERVAL '1 day'
HAVING psi(intent, baseline('training', 'intent')) > 0.25;
