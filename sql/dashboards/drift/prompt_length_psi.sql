-- title: Prompt length, PSI
-- unit: number
-- threshold: 0.25
-- direction: above
-- action: What changed upstream (campaign, form)? Watch accuracy.
SELECT
    compared.day AS time,
    psi(prompts.prompt_length, compared.is_current) AS value,
    count(*) FILTER (WHERE compared.is_current) AS n
FROM compared_days AS compared
JOIN prompts ON prompts.day = compared.source
GROUP BY compared.day
