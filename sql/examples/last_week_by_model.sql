-- The last week against the four weeks before it, per model. Rows that are neither (NULL) are left out.
WITH calls AS (
    SELECT
        model,
        duration_ms,
        CASE
            WHEN time >= TIMESTAMP '2026-08-24T00:00:00Z' THEN true
            WHEN time >= TIMESTAMP '2026-07-27T00:00:00Z' THEN false
        END AS is_current
    FROM llm_calls
    WHERE NOT is_error
)
SELECT
    model,
    psi(duration_ms, is_current) AS psi,
    ks_test(duration_ms, is_current) AS ks
FROM calls
GROUP BY model
ORDER BY model;
