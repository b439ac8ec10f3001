-- One row a call of the bot, with what the bot knew about the prompt, and `novelty`: its distance to the nearest training centroid.
-- Columns that a query does not use cost nothing.
CREATE VIEW IF NOT EXISTS prompts AS
SELECT
    time,
    date_trunc('day', time) AS day,
    app_intent AS intent,
    app_prompt_length AS prompt_length,
    app_confidence AS confidence,
    novelty(app_prompt_embedding, (SELECT array_agg(centroid ORDER BY cluster) FROM training_centroids)) AS novelty
FROM spans
WHERE gen_ai_operation_name = 'chat'
