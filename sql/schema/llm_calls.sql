-- One row a call of a model. Leaf spans only (inference and embeddings): agent and workflow spans repeat the tokens of the calls below them.
-- model is the requested one where known, because a failed call has no other. A call failed when its status is error or it carries an error type.
-- cost_usd is the cost that the sender stated, in US dollars; NULL when it stated none.
CREATE VIEW llm_calls AS
SELECT
    time,
    trace_id,
    span_id,
    service_name,
    gen_ai_operation_name AS operation,
    gen_ai_provider_name AS provider,
    coalesce(gen_ai_request_model, gen_ai_response_model) AS model,
    gen_ai_usage_input_tokens AS input_tokens,
    gen_ai_usage_output_tokens AS output_tokens,
    gen_ai_usage_cache_read_input_tokens AS cached_tokens,
    CASE WHEN coalesce(gen_ai_usage_cost_currency, 'USD') = 'USD' THEN gen_ai_usage_cost_amount END AS cost_usd,
    CAST(duration_ns AS DOUBLE) / 1000000.0 AS duration_ms,
    gen_ai_response_time_to_first_chunk * 1000.0 AS time_to_first_token_ms,
    coalesce(status_code = 'error', false) OR error_type IS NOT NULL AS is_error,
    error_type,
    coalesce(gen_ai_conversation_id, session_id) AS conversation_id,
    user_id
FROM spans
WHERE gen_ai_operation_name IN ('chat', 'generate_content', 'text_completion', 'embeddings');
