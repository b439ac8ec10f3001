-- One row a call of a model. Leaf spans only (inference and embeddings): agent and workflow spans repeat the tokens of the calls below them.
-- model is the requested one where known, because a failed call has no other. A call failed when its status is error or it carries an error type.
-- cost_usd: what the sender stated in US dollars (cost_source 'provider'), or by the table prices (cost_source 'prices'): that of the response's model,
-- and where that has none, of the requested one. NULL where neither is known; unpriced says that there were tokens, whose cost is then missing.
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
    coalesce(stated_usd, priced_usd) AS cost_usd,
    CASE WHEN stated_usd IS NOT NULL THEN 'provider' WHEN priced_usd IS NOT NULL THEN 'prices' END AS cost_source,
    coalesce(stated_usd, priced_usd) IS NULL AND coalesce(gen_ai_usage_input_tokens, gen_ai_usage_output_tokens) IS NOT NULL AS unpriced,
    CAST(duration_ns AS DOUBLE) / 1000000.0 AS duration_ms,
    gen_ai_response_time_to_first_chunk * 1000.0 AS time_to_first_token_ms,
    coalesce(status_code = 'error', false) OR error_type IS NOT NULL AS is_error,
    error_type,
    coalesce(gen_ai_conversation_id, session_id) AS conversation_id,
    user_id
FROM (
    SELECT
        *,
        CASE WHEN coalesce(gen_ai_usage_cost_currency, 'USD') = 'USD' THEN gen_ai_usage_cost_amount END AS stated_usd,
        CASE WHEN gen_ai_usage_cost_amount IS NULL OR coalesce(gen_ai_usage_cost_currency, 'USD') <> 'USD' THEN coalesce(
            llm_cost(time, gen_ai_provider_name, gen_ai_response_model, gen_ai_usage_input_tokens, gen_ai_usage_output_tokens,
                gen_ai_usage_cache_read_input_tokens, gen_ai_usage_cache_write_input_tokens, gen_ai_usage_reasoning_output_tokens),
            llm_cost(time, gen_ai_provider_name, gen_ai_request_model, gen_ai_usage_input_tokens, gen_ai_usage_output_tokens,
                gen_ai_usage_cache_read_input_tokens, gen_ai_usage_cache_write_input_tokens, gen_ai_usage_reasoning_output_tokens)
        ) END AS priced_usd
    FROM spans
    WHERE gen_ai_operation_name IN ('chat', 'generate_content', 'text_completion', 'embeddings')
);
