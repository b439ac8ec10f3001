-- One row a call of a model: spans of inference and embeddings alone, since agent and workflow spans repeat the tokens of the calls below them.
-- A call that two instrumentations report, one above the other, is two rows.
-- model is the requested one where known, because a failed call has no other. A call failed when its status is error or it carries an error type.
-- cost_usd: what the sender stated in US dollars (cost_source is what it says of it, else 'provider'), or by the table prices (cost_source 'prices'),
-- by the names of the response's model and the requested one. NULL where neither is known; unpriced says that there were tokens, whose cost is then
-- missing. Some providers count the tokens of caches beside the input: input_tokens has them in it.
CREATE VIEW llm_calls AS
SELECT
    time,
    trace_id,
    span_id,
    service_name,
    gen_ai_operation_name AS operation,
    gen_ai_provider_name AS provider,
    coalesce(gen_ai_request_model, gen_ai_response_model) AS model,
    CASE WHEN cache_tokens > gen_ai_usage_input_tokens THEN gen_ai_usage_input_tokens + cache_tokens ELSE gen_ai_usage_input_tokens END AS input_tokens,
    CASE WHEN gen_ai_usage_reasoning_output_tokens > gen_ai_usage_output_tokens
        THEN gen_ai_usage_output_tokens + gen_ai_usage_reasoning_output_tokens ELSE gen_ai_usage_output_tokens END AS output_tokens,
    gen_ai_usage_cache_read_input_tokens AS cached_tokens,
    coalesce(stated_usd, priced_usd) AS cost_usd,
    CASE WHEN stated_usd IS NOT NULL THEN lower(coalesce(gen_ai_usage_cost_source, 'provider')) WHEN priced_usd IS NOT NULL THEN 'prices' END AS cost_source,
    coalesce(stated_usd, priced_usd) IS NULL AND has_tokens AS unpriced,
    CAST(duration_ns AS DOUBLE) / 1000000.0 AS duration_ms,
    gen_ai_response_time_to_first_chunk * 1000.0 AS time_to_first_token_ms,
    coalesce(status_code = 'error', false) OR error_type IS NOT NULL AS is_error,
    error_type,
    coalesce(gen_ai_conversation_id, session_id) AS conversation_id,
    user_id
FROM (
    SELECT
        *,
        coalesce(gen_ai_usage_cache_read_input_tokens, 0) + coalesce(gen_ai_usage_cache_write_input_tokens, 0) AS cache_tokens,
        coalesce(gen_ai_usage_input_tokens, gen_ai_usage_output_tokens, gen_ai_usage_cache_read_input_tokens,
            gen_ai_usage_cache_write_input_tokens, gen_ai_usage_reasoning_output_tokens) IS NOT NULL AS has_tokens,
        CASE WHEN upper(coalesce(gen_ai_usage_cost_currency, 'USD')) = 'USD' AND gen_ai_usage_cost_amount >= 0 AND NOT isnan(gen_ai_usage_cost_amount)
            THEN gen_ai_usage_cost_amount END AS stated_usd,
        llm_cost(time, gen_ai_provider_name, gen_ai_response_model, gen_ai_usage_input_tokens, gen_ai_usage_output_tokens,
            gen_ai_usage_cache_read_input_tokens, gen_ai_usage_cache_write_input_tokens, gen_ai_usage_reasoning_output_tokens,
            gen_ai_request_model) AS priced_usd
    FROM spans
    WHERE gen_ai_operation_name IN ('chat', 'generate_content', 'text_completion', 'embeddings')
);
