-- Objective: 99.5 % of the calls are answered, over 30 days. A burn rate of 3 over one day spends 10 % of the month's budget.
-- title: Error budget burn
-- unit: number
-- threshold: 3
-- direction: above
-- action: Ticket: count by error_type; fail over if one stands out.
SELECT date_trunc('day', time) AS time, slo_burn_rate(NOT is_error, 0.995) AS value, count(*) AS n
FROM llm_calls
GROUP BY date_trunc('day', time)
