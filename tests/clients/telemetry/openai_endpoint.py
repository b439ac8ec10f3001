"""Answers as OpenAI does, always the same: chats, streamed chats, embeddings, and an error for the model `bad`."""

import http.server
import json

ANSWER = {"id": "chatcmpl-1", "created": 1_788_134_400, "model": "gpt-4o-2024-08-06", "service_tier": "default"}


def chat():
    return ANSWER | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 40},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }


def streamed_chat(with_usage):
    def chunk(choices, **more):
        return ANSWER | {"object": "chat.completion.chunk", "choices": choices} | more

    yield chunk([{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {"content": "lo!"}, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if with_usage:
        yield chunk([], usage={"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13})


def embedding():
    return {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 1.0]}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked["model"] == "bad":
            error = {"message": "no model bad", "type": "invalid_request_error", "param": None, "code": None}
            self.answer(400, "application/json", json.dumps({"error": error}))
        elif self.path.endswith("/embeddings"):
            self.answer(200, "application/json", json.dumps(embedding()))
        elif asked.get("stream"):
            with_usage = (asked.get("stream_options") or {}).get("include_usage", False)
            events = [json.dumps(chunk) for chunk in streamed_chat(with_usage)] + ["[DONE]"]
            self.answer(200, "text/event-stream", "".join(f"data: {event}\n\n" for event in events))
        else:
            self.answer(200, "application/json", json.dumps(chat()))

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
print(f"openai listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
