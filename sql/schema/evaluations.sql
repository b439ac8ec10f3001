-- One row an evaluation of an answer, by a model, by code or by a person (annotator_kind 'LLM', 'CODE', 'HUMAN', where it was told).
-- trace_id and span_id name the evaluated call; span_id is NULL where a whole trace was judged, and both where a session was. Where the evaluator
-- did not know them, response_id joins with spans.gen_ai_response_id. Evaluations that came with spans are here, too.
CREATE VIEW evaluations AS
SELECT
    time,
    trace_id,
    span_id,
    gen_ai_response_id AS response_id,
    service_name,
    coalesce(gen_ai_evaluation_name, CASE event_name WHEN 'gen_ai.evaluation.user_feedback' THEN 'user_feedback' END) AS name,
    gen_ai_evaluation_score_value AS score,
    gen_ai_evaluation_score_label AS label,
    gen_ai_evaluation_explanation AS explanation,
    error_type,
    coalesce(attr(attributes, 'annotation.annotator_kind'), CASE event_name WHEN 'gen_ai.evaluation.user_feedback' THEN 'HUMAN' END)
        AS annotator_kind,
    session_id
FROM logs
WHERE event_name IN ('gen_ai.evaluation.result', 'gen_ai.evaluation.user_feedback');
