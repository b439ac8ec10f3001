-- One row an evaluation of an answer, by a judge, a rule or a person. trace_id and span_id name the evaluated call;
-- where the evaluator did not know them, response_id joins with spans.gen_ai_response_id.
CREATE VIEW evaluations AS
SELECT
    time,
    trace_id,
    span_id,
    gen_ai_response_id AS response_id,
    service_name,
    gen_ai_evaluation_name AS name,
    gen_ai_evaluation_score_value AS score,
    gen_ai_evaluation_score_label AS label,
    gen_ai_evaluation_explanation AS explanation,
    error_type
FROM logs
WHERE event_name = 'gen_ai.evaluation.result';
