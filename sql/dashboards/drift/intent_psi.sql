-- What the bot's own classifier chose. It forces a new question into an old intent, so a new topic shows here late and diluted.
-- title: Intents, PSI
-- unit: number
-- threshold: 0.25
-- direction: above
-- action: Which intent grew? Right questions, or forced ones?
SELECT
    compared.day AS time,
    psi(prompts.intent, compared.is_current) AS value,
    count(*) FILTER (WHERE compared.is_current) AS n
FROM compared_days AS compared
JOIN prompts ON prompts.day = compared.source
GROUP BY compared.day
