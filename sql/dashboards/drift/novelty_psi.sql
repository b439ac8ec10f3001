-- Distance of each prompt to the nearest training centroid: the day against the training days of the same weekday.
-- About 4,400 prompts against 17,600: without drift PSI is 0.003 and stays under 0.005 on 95 of 100 days, so 0.1 is worth a look
-- and 0.25 an alarm, by effect and not by chance.
-- title: Novelty of prompts, PSI
-- unit: number
-- threshold: 0.25
-- direction: above
-- action: Read the most novel prompts; name the topic; label it first.
SELECT
    compared.day AS time,
    psi(prompts.novelty, compared.is_current) AS value,
    count(*) FILTER (WHERE compared.is_current) AS n
FROM compared_days AS compared
JOIN prompts ON prompts.day = compared.source
GROUP BY compared.day
