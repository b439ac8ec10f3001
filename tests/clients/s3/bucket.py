"""A real S3 server (moto) behind a proxy of our own that breaks requests: refuses them, answers late, or loses the connection."""

import collections
import http.client
import http.server
import logging
import threading

from moto.server import ThreadedMotoServer

NAME = "bucket"
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260801/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"

# each n-th request of a phase meets the fault; the numbers are prime to one another, so that every kind of request meets each in time
EVERY = {"error": 11, "slow_down": 13, "reset": 17, "lost": 19, "late": 23, "timeout": 47}
LATE_S = 0.3
# longer than the program waits for an answer
TIMEOUT_S = 3.0

ANSWERS = {
    "error": (500, b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"),
    "slow_down": (503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
}


class Bucket:
    """The server with one bucket, and what the proxy did to its requests."""

    def __init__(self):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        self.host, self.port = self.server.get_host_and_port()
        self.breaks = False
        self.count = 0
        self.faults = collections.Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        assert self.request("PUT", f"/{NAME}")[0] == 200

    @property
    def url(self):
        return f"http://127.0.0.1:{self.proxy.server_port}"

    def request(self, method, path, headers=None, body=b""):
        """Asks the server itself: the status, the headers and the body of its answer."""
        connection = http.client.HTTPConnection(self.host, self.port)
        # the server does not check signatures, but wants one
        connection.request(method, path, body, {"Authorization": SIGNED} | (headers or {}))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def fault(self):
        """What the next request meets."""
        with self.lock:
            if not self.breaks:
                return None
            self.count += 1
            met = next((fault for fault, every in EVERY.items() if self.count % every == 0), None)
            if met:
                self.faults[met] += 1
            return met

    def stop(self):
        self.ended.set()
        self.proxy.shutdown()
        self.server.stop()


def handler(bucket):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fault = bucket.fault()
            if fault == "reset":
                self.close_connection = True
                return
            if fault in ANSWERS:
                self.answer(ANSWERS[fault][0], [], ANSWERS[fault][1])
                return
            status, headers, content = bucket.request(self.command, self.path, {name.title(): value for name, value in self.headers.items()}, body)
            if fault == "lost":
                # the server has done it, and nobody learns of it
                self.close_connection = True
                return
            if fault in ("late", "timeout"):
                bucket.ended.wait(LATE_S if fault == "late" else TIMEOUT_S)
            self.answer(status, headers, content)

        def answer(self, status, headers, content):
            self.send_response(status)
            length = str(len(content))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value
                elif name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                    self.send_header(name, value)
            self.send_header("content-length", length)
            self.end_headers()
            # an answer to HEAD has no body: what came behind it would be taken for the next answer
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

        def handle(self):
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                pass  # the program was killed, or no longer waits

    return Handler
