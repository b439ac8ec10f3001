"""What a server with users and TLS took: from callers who may write, and a request that is sent again only once."""

import gzip
import os
import ssl
import urllib.error
import urllib.request

from ask import rows, same
from expect import refused, step

TRACES = f"https://{os.environ['OTLP_HTTP']}/v1/traces"
AUTHORITY = ssl.create_default_context(cafile=os.environ["CA"])
BODY = b"""{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "raw"}}]},
    "scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "once",
    "startTimeUnixNano": "1788134400000000001", "endTimeUnixNano": "1788134400000000002"}]}]}]}"""


def post(body, headers):
    request = urllib.request.Request(TRACES, body, {"content-type": "application/json"} | headers)
    try:
        with urllib.request.urlopen(request, context=AUTHORITY) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code} {error.read().decode()}") from error


token = f"Bearer {os.environ['TOKEN']}"
with step("a request and its repetitions"):
    for body, headers in [(BODY, {}), (BODY, {}), (gzip.compress(BODY), {"content-encoding": "gzip"})]:
        same(post(body, headers | {"authorization": token}), (200, b"{}"))
with refused("a request without a token", "401", '"code":16'):
    post(BODY, {})
with step("each is counted"):
    answer = rows("SELECT signal, outcome, count FROM driftline.ingest_stats")
    same([tuple(line.values()) for line in answer], [("traces", "accepted", 4), ("traces", "repeated", 2)])
with step("nothing else has arrived"):
    answer = rows("SELECT service_name AS service, count(*) AS n FROM spans GROUP BY 1")
    services = ["token-grpc", "token-http", "password-grpc", "raw"]
    same({line["service"]: line["n"] for line in answer}, dict.fromkeys(services, 1))
    same(rows("SELECT * FROM logs"), [])
    same(rows("SELECT * FROM metrics"), [])
