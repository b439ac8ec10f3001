-- One row a judgement of a person: a user's thumb, stars or words, an annotator's verdict. The evaluations whose annotator_kind is 'HUMAN';
-- score and label mean what their name says. comment: in the person's words, or the event's body as it was sent.
CREATE VIEW feedback AS
SELECT
    time,
    trace_id,
    span_id,
    gen_ai_response_id AS response_id,
    service_name,
    coalesce(gen_ai_evaluation_name, 'user_feedback') AS name,
    gen_ai_evaluation_score_value AS score,
    gen_ai_evaluation_score_label AS label,
    coalesce(gen_ai_evaluation_explanation, body) AS comment,
    session_id,
    user_id
FROM logs
WHERE event_name = 'gen_ai.evaluation.user_feedback'
    OR (event_name = 'gen_ai.evaluation.result' AND attr(attributes, 'annotation.annotator_kind') = 'HUMAN');
