-- Objective: 99 % of the answers within 5 seconds over 30 days. A failed call has no latency: NULL is not counted.
-- A burn rate of 3 over one day spends 10 % of the month's budget.
-- title: Latency budget burn
-- unit: number
-- threshold: 3
-- direction: above
-- action: Ticket: long answers, or a slow provider?
SELECT
    date_trunc('day', time) AS time,
    slo_burn_rate(CASE WHEN NOT is_error THEN duration_ms <= 5000 END, 0.99) AS value,
    count(*) AS n
FROM llm_calls
GROUP BY date_trunc('day', time)
