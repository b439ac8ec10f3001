-- The prompts to read first: farthest from everything that the model was trained on, with the intent they were forced into.
SELECT
    time,
    trace_id,
    app_intent AS intent,
    app_confidence AS confidence,
    novelty(app_prompt_embedding, (SELECT array_agg(centroid ORDER BY cluster) FROM training_centroids)) AS novelty
FROM spans
WHERE time >= TIMESTAMP '2026-08-24T00:00:00Z'
ORDER BY novelty DESC
LIMIT 20;
