-- Share of prompts farther from every training centroid than 99 % of the training prompts: 1 % by construction. With 4,400 prompts a
-- day its standard error is 0.15 points, 0.3 when conversations of several turns count as one; 3 % is far outside.
-- title: Prompts unlike training
-- unit: ratio
-- threshold: 0.03
-- direction: above
-- action: That many users are affected: hand the topic to people.
WITH edge AS (
    SELECT percentile_cont(novelty, 0.99) AS novelty
    FROM prompts
    WHERE time < (SELECT max(trained_to) FROM training_centroids)
)
SELECT
    prompts.day AS time,
    avg(CASE WHEN prompts.novelty > edge.novelty THEN 1.0 ELSE 0.0 END) AS value,
    count(*) AS n
FROM prompts
CROSS JOIN edge
GROUP BY prompts.day
