-- Kolmogorov-Smirnov distance: the largest gap between the two distribution functions. The p-value is left out on purpose: with
-- thousands of rows it calls every trifle significant.
-- title: Confidence, KS
-- unit: number
-- threshold: 0.10
-- direction: above
-- action: New model or temperature? Calibrate before using it.
SELECT
    compared.day AS time,
    ks_test(prompts.confidence, compared.is_current)['statistic'] AS value,
    count(*) FILTER (WHERE compared.is_current) AS n
FROM compared_days AS compared
JOIN prompts ON prompts.day = compared.source
GROUP BY compared.day
