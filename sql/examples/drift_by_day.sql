-- How far is each day's prompt length from the training weeks? One scan: `false` is the reference, `true` the current rows.
-- Every day is compared with the training days of its own weekday; see dashboards/views/compared_days.sql.
SELECT
    compared.day,
    psi(prompts.prompt_length, compared.is_current) AS psi,
    js_distance(prompts.prompt_length, compared.is_current) AS js_distance,
    ks_test(prompts.prompt_length, compared.is_current)['statistic'] AS ks
FROM compared_days AS compared
JOIN prompts ON prompts.day = compared.source
GROUP BY compared.day
ORDER BY compared.day;
