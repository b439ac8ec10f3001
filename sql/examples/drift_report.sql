-- Which columns of the calls changed this week, and in which models? One row a column, and one for every column and model.
SELECT
    column_name,
    segment,
    round(score, 3) AS score,
    drifted,
    round(share, 3) AS share,
    note
FROM drift_report(
    'llm_calls',
    reference => time < now() - INTERVAL '7 days',
    current => time >= now() - INTERVAL '7 days',
    columns => 'provider, operation, input_tokens, output_tokens, duration_ms, is_error',
    segments => 'model'
)
ORDER BY score DESC NULLS LAST;
