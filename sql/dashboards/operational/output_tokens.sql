-- From the exporter's own histograms, not from spans: the two must agree.
-- title: Output tokens a call
-- unit: count
-- threshold: 220
-- direction: above
-- action: Did a prompt release make the answers longer?
SELECT
    date_trunc('day', time) AS time,
    sum(sum) / sum(count) AS value,
    sum(count) AS n
FROM metrics
WHERE name = 'gen_ai.client.token.usage' AND gen_ai_token_type = 'output'
GROUP BY date_trunc('day', time)
