"""Four calls of a model, watched by an instrumentation. Usage: calls.py MODULE, the instrumentation's."""

import importlib
import os
import sys

import openai

import sdk

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]


def call(client):
    client.chat.completions.create(model="gpt-4o", messages=QUESTION, max_tokens=50, temperature=0.5)
    streamed = client.chat.completions.create(
        model="gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    assert [chunk.usage.prompt_tokens for chunk in streamed if chunk.usage] == [11]
    try:
        client.chat.completions.create(model="bad", messages=QUESTION)
    except openai.BadRequestError:
        pass
    else:
        raise AssertionError("the model bad must fail")
    client.embeddings.create(model="text-embedding-3-small", input="hello")


with sdk.providers() as (tracers, _, _):
    importlib.import_module(sys.argv[1]).OpenAIInstrumentor().instrument()
    client = openai.OpenAI(base_url=f"http://{os.environ['OPENAI']}/v1", api_key="none", max_retries=0)
    with tracers.get_tracer("application").start_as_current_span("question"):
        call(client)
