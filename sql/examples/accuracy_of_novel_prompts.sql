-- Are the unfamiliar prompts the wrong ones? Labels come late and are a table of their own, joined by id; Wilson bounds say how sure we are.
SELECT
    CASE WHEN novelty(spans.app_prompt_embedding, (SELECT array_agg(centroid ORDER BY cluster) FROM training_centroids)) > 0.8
        THEN 'unlike training' ELSE 'like training' END AS prompts,
    count(*) AS labels,
    avg(CASE WHEN labels.is_correct THEN 1.0 ELSE 0.0 END) AS accuracy,
    wilson_interval(sum(CASE WHEN labels.is_correct THEN 1 ELSE 0 END), count(*))['lower'] AS at_least,
    wilson_interval(sum(CASE WHEN labels.is_correct THEN 1 ELSE 0 END), count(*))['upper'] AS at_most
FROM labels
JOIN spans ON spans.span_id = labels.span_id
WHERE labels.predicted_at >= TIMESTAMP '2026-08-24T00:00:00Z'
GROUP BY 1
ORDER BY 1;
