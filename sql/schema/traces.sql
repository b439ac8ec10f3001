-- One row a trace, over the spans that have arrived. name and service_name are the root span's, NULL while it is missing.
-- Tokens and cost are summed over the calls of models (see llm_calls), so that agents and workflows above them do not count again. cost_usd is what is known: unpriced_calls
-- counts the calls whose cost is not.
CREATE VIEW traces AS
SELECT
    min(time) AS time,
    max(end_time) AS end_time,
    CAST(max(end_time) AS BIGINT) - CAST(min(time) AS BIGINT) AS duration_ns,
    trace_id,
    first_value(name ORDER BY time) FILTER (WHERE parent_span_id IS NULL) AS name,
    first_value(service_name ORDER BY time) FILTER (WHERE parent_span_id IS NULL) AS service_name,
    count(*) AS spans,
    count(*) FILTER (WHERE status_code = 'error' OR error_type IS NOT NULL) AS errors,
    count(*) FILTER (WHERE is_call) AS llm_calls,
    sum(gen_ai_usage_input_tokens + CASE WHEN cache_tokens > gen_ai_usage_input_tokens THEN cache_tokens ELSE 0 END) FILTER (WHERE is_call)
        AS input_tokens,
    sum(gen_ai_usage_output_tokens
        + CASE WHEN gen_ai_usage_reasoning_output_tokens > gen_ai_usage_output_tokens THEN gen_ai_usage_reasoning_output_tokens ELSE 0 END)
        FILTER (WHERE is_call) AS output_tokens,
    sum(cost_usd) FILTER (WHERE is_call) AS cost_usd,
    count(*) FILTER (WHERE is_call AND cost_usd IS NULL AND has_tokens) AS unpriced_calls
FROM (
    SELECT
        *,
        coalesce(gen_ai_operation_name IN ('chat', 'generate_content', 'text_completion', 'embeddings'), false) AS is_call,
        coalesce(gen_ai_usage_input_tokens, gen_ai_usage_output_tokens, gen_ai_usage_cache_read_input_tokens,
            gen_ai_usage_cache_write_input_tokens, gen_ai_usage_reasoning_output_tokens) IS NOT NULL AS has_tokens,
        coalesce(gen_ai_usage_cache_read_input_tokens, 0) + coalesce(gen_ai_usage_cache_write_input_tokens, 0) AS cache_tokens,
        coalesce(
            CASE WHEN upper(coalesce(gen_ai_usage_cost_currency, 'USD')) = 'USD' AND gen_ai_usage_cost_amount >= 0 AND NOT isnan(gen_ai_usage_cost_amount)
            THEN gen_ai_usage_cost_amount END,
            llm_cost(time, gen_ai_provider_name, gen_ai_response_model, gen_ai_usage_input_tokens, gen_ai_usage_output_tokens,
            gen_ai_usage_cache_read_input_tokens, gen_ai_usage_cache_write_input_tokens, gen_ai_usage_reasoning_output_tokens,
            gen_ai_request_model)
        ) AS cost_usd
    FROM spans
)
GROUP BY trace_id;
