-- A second model reads 5 % of the answers, about 220 a day, without knowing the facts. Upper Wilson 95 % bound.
-- title: Judged helpful
-- unit: ratio
-- threshold: 0.90
-- direction: below
-- action: Read failed answers; check the judge against labels.
SELECT
    date_trunc('day', time) AS time,
    wilson_interval(sum(CASE WHEN label = 'pass' THEN 1 ELSE 0 END), count(*))['upper'] AS value,
    avg(CASE WHEN label = 'pass' THEN 1.0 ELSE 0.0 END) AS observed,
    count(*) AS n
FROM evaluations
WHERE name = 'helpfulness'
GROUP BY date_trunc('day', time)
