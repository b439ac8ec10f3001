-- Tokens by day and model, from the exporter's histograms. Delta points add up; no span is read.
SELECT
    date_trunc('day', time) AS day,
    gen_ai_request_model AS model,
    gen_ai_token_type AS type,
    sum(sum) AS tokens
FROM metrics
WHERE name = 'gen_ai.client.token.usage' AND time >= TIMESTAMP '2026-08-24T00:00:00Z'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
