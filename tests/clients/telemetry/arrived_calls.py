"""The four calls of calls.py must look the same, whichever instrumentation watched them."""

import json

from ask import row, rows, same
from expect import step

CALLS = [
    ("chat", "openai", "gpt-4o", 100, 20, False, None),
    ("chat", "openai", "gpt-4o", 11, 2, False, None),
    ("chat", "openai", "bad", None, None, True, "BadRequestError"),
    ("embeddings", "openai", "text-embedding-3-small", 5, None, False, None),
]
TRACE = ("question", 5, 1, 4, 116, 22)


def calls(service):
    answer = rows(
        "SELECT operation, provider, model, input_tokens, output_tokens, is_error, replace(error_type, 'openai.', '')"
        " FROM llm_calls WHERE service_name = ? ORDER BY time",
        service,
    )
    same([tuple(call.values()) for call in answer], CALLS)
    answer = row(
        "SELECT name, spans, errors, llm_calls, input_tokens, output_tokens FROM traces WHERE service_name = ?", service
    )
    same(tuple(answer.values()), TRACE)


def details(service, cached, reasoned):
    answer = row(
        "SELECT gen_ai_request_max_tokens AS most, gen_ai_request_temperature AS temperature,"
        " gen_ai_usage_cache_read_input_tokens AS cached, gen_ai_usage_reasoning_output_tokens AS reasoned"
        " FROM spans WHERE service_name = ? AND gen_ai_usage_input_tokens = 100",
        service,
    )
    same(answer, {"most": 50, "temperature": 0.5, "cached": cached, "reasoned": reasoned})


def costs(service, chat):
    answer = rows("SELECT cost_usd, cost_source, unpriced FROM llm_calls WHERE service_name = ? ORDER BY time", service)
    expected = [(chat, "prices", False), (0.0000475, "prices", False), (None, None, False), (1e-7, "prices", False)]
    same([(call["cost_usd"] and round(call["cost_usd"], 12), *list(call.values())[1:]) for call in answer], expected)
    answer = row("SELECT cost_usd, unpriced_calls FROM traces WHERE service_name = ?", service)
    same((round(answer["cost_usd"], 12), answer["unpriced_calls"]), (round(chat + 0.0000475 + 1e-7, 12), 0))


def times(service, first_token):
    answer = rows(
        "SELECT coalesce(input_tokens = 11, false) AS streamed, time_to_first_token_ms AS first, duration_ms AS whole"
        " FROM llm_calls WHERE service_name = ?",
        service,
    )
    for call in answer:
        if call["streamed"] and first_token:
            assert 0 < call["first"] <= call["whole"], call
        else:
            assert call["first"] is None and call["whole"] > 0, call


def metrics(service, tokens, durations, failed):
    answer = rows(
        "SELECT gen_ai_token_type AS type, gen_ai_provider_name AS provider, sum(sum) AS tokens FROM metrics"
        " WHERE service_name = ? AND name = 'gen_ai.client.token.usage' GROUP BY 1, 2 ORDER BY 1",
        service,
    )
    same([(line["type"], line["provider"], line["tokens"]) for line in answer], tokens)
    answer = rows(
        "SELECT kind, unit, temporality, count, sum, bounds, bucket_counts, error_type FROM metrics"
        " WHERE service_name = ? AND name = 'gen_ai.client.operation.duration'",
        service,
    )
    same(len(answer), durations)
    same([point["error_type"] for point in answer if point["error_type"]], failed)
    for point in answer:
        same((point["kind"], point["unit"], point["temporality"]), ("histogram", "s", "cumulative"))
        assert point["count"] == sum(point["bucket_counts"]) == 1 and point["sum"] > 0, point
        assert len(point["bucket_counts"]) == len(point["bounds"]) + 1, point


def messages_in_spans(service, key, text):
    answer = row(
        "SELECT count(*) AS n FROM spans WHERE service_name = ? AND strpos(attr(attributes, ?), ?) > 0",
        service,
        key,
        text,
    )
    same(answer, {"n": 3})


def messages_in_events(service, events):
    """Events of calls, each with the trace and the span that it belongs to."""
    answer = rows(
        "SELECT event_name AS name, count(*) AS n FROM logs JOIN spans USING (trace_id, span_id)"
        " WHERE logs.service_name = ? AND logs.gen_ai_provider_name = 'openai' GROUP BY 1",
        service,
    )
    same({line["name"]: line["n"] for line in answer}, events)


INPUT_AND_OUTPUT = [("input", "openai", 116.0), ("output", "openai", 22.0)]
UNSTREAMED = [("input", "openai", 105.0), ("output", "openai", 20.0)]

rows(
    "INSERT INTO prices (time, model, input_price, cache_read_price, output_price) VALUES"
    " ('2020-01-01', 'gpt-4o%', 2.5, 1.25, 10), ('2020-01-01', 'text-embedding-3-small', 0.02, NULL, NULL)"
)

print("calls of a model, as each instrumentation saw them:")
for service, (cached, reasoned), first_token, tokens, durations, failed in [
    ("openai-v2", (None, None), False, UNSTREAMED, 4, ["BadRequestError"]),
    ("openai-v2-latest", (None, None), False, INPUT_AND_OUTPUT, 4, ["BadRequestError"]),
    ("genai-openai", (40, 5), True, INPUT_AND_OUTPUT, 4, ["openai.BadRequestError"]),
    ("traceloop", (40, 5), True, INPUT_AND_OUTPUT, 4, ["BadRequestError"]),
    ("openinference", (40, 5), True, [], 0, []),
]:
    with step(service):
        calls(service)
        details(service, cached, reasoned)
        # 60 tokens of input and 40 from a cache, where the instrumentation tells them apart
        costs(service, 0.0004 if cached else 0.00045)
        times(service, first_token)
        metrics(service, tokens, durations, failed)

with step("what was said"):
    messages_in_spans("openai-v2-latest", "gen_ai.input.messages", "Say hello.")
    messages_in_spans("traceloop", "gen_ai.input.messages", "Say hello.")
    messages_in_spans("openinference", "llm.input_messages.0.message.content", "Be brief.")
    messages_in_events("openai-v2", {"gen_ai.choice": 2, "gen_ai.system.message": 3, "gen_ai.user.message": 3})
    messages_in_events("openai-v2-latest", {"gen_ai.client.inference.operation.details": 3})
    choices = rows("SELECT body FROM logs WHERE service_name = 'openai-v2' AND event_name = 'gen_ai.choice'")
    same([json.loads(choice["body"])["finish_reason"] for choice in choices], ["stop", "stop"])
    events = rows("SELECT attributes FROM logs WHERE service_name = 'openai-v2-latest'")
    for event in events:
        [system, user] = json.loads(dict(event["attributes"])["gen_ai.input.messages"])
        same((system["role"], user["parts"][0]["content"]), ("system", "Say hello."))
