-- How far the prompts of the last day are from what the bot was trained on: PSI of their distance to the nearest training centroid, against training.
-- About 4,400 prompts a day; without drift it stays under 0.01, so 0.25 is an alarm by effect and not by chance.
CREATE BASELINE IF NOT EXISTS training AS
SELECT novelty, intent, prompt_length, confidence
FROM prompts
WHERE time < (SELECT max(trained_to) FROM training_centroids);

CREATE ALERT IF NOT EXISTS novelty EVERY '1 hour'
LABELS (dashboard = 'drift', severity = 'ticket')
ANNOTATIONS (
    summary = 'Users ask about what the training never saw: PSI {{ $value | humanize }}',
    runbook = 'Read the most novel prompts; name the topic; label it first'
)
AS SELECT psi(novelty, baseline('training', 'novelty')) AS value
FROM prompts
WHERE time > now() - INTERVAL '1 day'
HAVING psi(novelty, baseline('training', 'novelty')) > 0.25;
