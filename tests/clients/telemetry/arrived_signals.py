"""Every value that signals.py and javascript/signals.js sent must be there as it was sent, over each transport."""

import json
import math

from ask import row, rows, same
from expect import step

START, LASTING = 1_788_134_400_000_000_001, 1_000_000_007
MANY = 1500

# attributes without a column of their own, as JSON
PYTHON = {
    "text": '"häh \\"?\\""',
    "nothing in it": '""',
    "yes": "true",
    "large": "9007199254740993",
    "least": "-9223372036854775808",
    "half": "0.5",
    "whole": "3.0",
    "not a number": '{"$double":"NaN"}',
    "endless": '{"$double":"-Infinity"}',
    "texts": '["a","b"]',
    "numbers": "[1,2]",
    "halves": "[0.5,1.5]",
    "truths": "[true,false]",
    "bytes": '{"$bytes":"AP8="}',
    "map": '{"inner":[1,"two",null]}',
    "none": "null",
    "resource.cell": '"3"',
    "scope.team": '"search"',
}
# NaN and the infinities are null in the JSON of JavaScript
JAVASCRIPT = {
    "text": '"häh \\"?\\""',
    "yes": "true",
    "large": "1099511627776",
    "half": "0.5",
    "not a number": "null",
    "endless": "null",
    "texts": '["a","b"]',
    "numbers": "[1,2.5]",
}


def spans(service, others, attributes, failure):
    answer = rows(
        "SELECT name, count(*) AS n, count(DISTINCT span_id) AS ids FROM spans WHERE service_name = ? GROUP BY 1", service
    )
    counts = {"request": 1, "retry": 1, "failing": 1, "tick": MANY} | others
    same({line["name"]: (line["n"], line["ids"]) for line in answer}, {name: (n, n) for name, n in counts.items()})
    answer = row(
        "SELECT sum(CAST(attr(attributes, 'number') AS BIGINT)) AS sum FROM spans"
        " WHERE service_name = ? AND name = 'tick'",
        service,
    )
    same(answer["sum"], MANY * (MANY - 1) // 2)

    request = row(
        "SELECT trace_id, span_id, parent_span_id, CAST(time AS BIGINT) AS start, duration_ns, kind, status_code,"
        " scope_name, scope_version, resource_service_version, http_response_status_code, attributes,"
        " events[1]['name'] AS event, CAST(events[1]['time'] AS BIGINT) AS event_time,"
        " events[1]['attributes'] AS event_attributes"
        " FROM spans WHERE service_name = ? AND name = 'request'",
        service,
    )
    same((request["start"], request["duration_ns"], request["parent_span_id"]), (START, LASTING, None))
    same((request["kind"], request["status_code"], request["http_response_status_code"]), ("server", "ok", 503))
    same((request["scope_name"], request["scope_version"]), ("application", "1.2.3"))
    same(request["resource_service_version"], "7")
    same(dict(request["attributes"]), attributes)
    same((request["event"], request["event_time"]), ("cache miss", START + 5))
    same(dict(request["event_attributes"]), {"key": '"k"', "size": "3"})

    [link] = row("SELECT kind, links FROM spans WHERE service_name = ? AND name = 'retry'", service)["links"]
    same((link["trace_id"], link["span_id"]), (request["trace_id"], request["span_id"]))
    same(dict(link["attributes"]), {"why": '"again"'})

    failing = row(
        "SELECT kind, status_code, status_message, error_type, events FROM spans"
        " WHERE service_name = ? AND name = 'failing'",
        service,
    )
    [event] = failing.pop("events")
    same(tuple(failing.values()), ("consumer", "error", *failure))
    thrown = dict(event["attributes"])
    same((event["name"], thrown["exception.type"]), ("exception", json.dumps(failure[1])))
    assert "signals" in thrown["exception.stacktrace"], thrown


def python_columns(service):
    answer = row(
        "SELECT http_request_method, gen_ai_response_finish_reasons, schema_url, resource_deployment_environment_name,"
        " resource_telemetry_sdk_language, resource_telemetry_sdk_version FROM spans"
        " WHERE service_name = ? AND name = 'request'",
        service,
    )
    schema = "https://opentelemetry.io/schemas/1.37.0"
    same(list(answer.values()), ["GET", ["stop", "length"], schema, "test", "python", "1.45.2"])


def numbers(service, expected):
    """Gauges and sums: one row a series, its values in the order of time."""
    answer = rows(
        "SELECT name, kind, unit, temporality, is_monotonic,"
        " coalesce(attr(attributes, 'path'), attr(attributes, 'room'), attr(attributes, 'of')) AS label,"
        " array_agg(value ORDER BY time) AS all FROM metrics WHERE service_name = ? AND kind IN ('gauge', 'sum')"
        " GROUP BY 1, 2, 3, 4, 5, 6, series_id ORDER BY name, label",
        service,
    )
    same([tuple(series.values()) for series in answer], expected)


def histograms(service, temporality, counts):
    """Each measurement is made once for every count that is expected."""
    for name in ("latency", "size"):
        points = rows(
            "SELECT kind, unit, temporality, count, sum, min, max, bounds, bucket_counts, distribution,"
            " start_time < time AS lasts FROM metrics WHERE service_name = ? AND name = ? ORDER BY time",
            service,
            name,
        )
        same(len(points), len(counts))
        for point, n in zip(points, counts):
            assert point["temporality"] == temporality and point["lasts"], point
            summary = tuple(point[column] for column in ("kind", "unit", "count", "sum", "min", "max"))
            if name == "latency":
                same(summary, ("histogram", "ms", 4 * n, 130.5 * n, 5, 100.5))
                same((point["bounds"], point["bucket_counts"]), ([10, 20], [2 * n, n, n]))
            else:
                same(summary, ("exponential_histogram", "By", 4 * n, 7 * n, 0, 4))
                same(buckets(point["distribution"]), {0: n, 1: n, 2: n, 4: n})


def buckets(distribution):
    """Upper end of each bucket that counted, and its count."""
    base = 2 ** 2 ** -distribution["scale"]
    positive = enumerate(distribution["positive_counts"], distribution["positive_offset"])
    counted = {round(math.pow(base, index + 1), 6): count for index, count in positive if count}
    return {0: distribution["zero_count"]} | counted


def exemplars(service):
    answer = rows(
        "WITH seen AS (SELECT unnest(exemplars) AS e FROM metrics WHERE service_name = ? AND name = 'latency')"
        " SELECT DISTINCT e['value'] AS value, name FROM seen"
        " JOIN spans ON spans.span_id = e['span_id'] AND spans.trace_id = e['trace_id'] ORDER BY 1",
        service,
    )
    same([tuple(exemplar.values()) for exemplar in answer], [(10, "measured"), (15, "measured"), (100.5, "measured")])


def logs(service, steps):
    answer = rows(
        "SELECT CAST(time AS BIGINT) - ? AS time, CAST(observed_time AS BIGINT) - ? AS observed, severity_number,"
        " severity_text, body, attr(attributes, 'disk') AS disk, CAST(attr(attributes, 'free') AS DOUBLE) AS free,"
        " trace_id FROM logs WHERE service_name = ? AND scope_name = 'application' AND event_name IS NULL"
        " ORDER BY observed_time",
        START,
        START,
        service,
    )
    written, structured = [list(record.values()) for record in answer]
    same(written, [0, 9, 13, "WARN", "the disk is nearly full", "sda1", 0.04, None])
    same(structured[1:], [11, None, None, f'{{"steps":{steps},"done":false}}', None, None, None])


def python_logs(service):
    answer = row(
        "SELECT evaluations.name, score, label, explanation, response_id, spans.name AS of FROM evaluations"
        " JOIN spans USING (trace_id, span_id) WHERE evaluations.service_name = ?",
        service,
    )
    same(list(answer.values()), ["helpful", 0.75, "good", "it says hello", "chatcmpl-1", "judged"])
    answer = row(
        "SELECT severity_number, body, exception_type, exception_message, attr(logs.attributes, 'order') AS number,"
        " spans.name AS of FROM logs JOIN spans USING (trace_id, span_id)"
        " WHERE logs.service_name = ? AND logs.scope_name = 'application.shop'",
        service,
    )
    same(list(answer.values()), [17, "order 42 failed", "KeyError", "basket", "42", "judged"])


def python_numbers(temporality, first, second):
    """Of two exports; what goes up and down is always cumulative."""

    def counted(name, unit, label, value):
        return name, "sum", unit, temporality, True, label, [value * first, value * second]

    return [
        ("queue", "gauge", None, None, None, "work", [7, 7]),
        counted("requests", "{request}", "/a", 2),
        counted("requests", "{request}", "/b", 3),
        ("running", "sum", None, "cumulative", False, None, [-2, -4]),
        counted("spent", "USD", None, 0.25),
        ("temperature", "gauge", "Cel", None, None, "north", [21.5, 21.5]),
    ]


JAVASCRIPT_NUMBERS = [
    ("requests", "sum", "{request}", "cumulative", True, "/a", [2]),
    ("requests", "sum", "{request}", "cumulative", True, "/b", [3]),
    ("running", "sum", None, "cumulative", False, None, [-2]),
    ("temperature", "gauge", "Cel", None, None, "north", [21.5]),
    ("temperature", "gauge", "Cel", None, None, "south", [None]),
]

print("every kind of signal, over each transport:")
for service, temporality, counts in [
    ("python-grpc", "cumulative", (1, 2)),
    ("python-grpc-gzip", "delta", (1, 1)),
    ("python-http", "cumulative", (1, 2)),
    ("python-http-gzip", "delta", (1, 1)),
]:
    with step(service):
        spans(service, {"measured": 2, "judged": 1}, PYTHON, ("ValueError: no such thing", "ValueError"))
        python_columns(service)
        numbers(service, python_numbers(temporality, *counts))
        histograms(service, temporality, counts)
        exemplars(service)
        logs(service, '[1,2.0,"three"]')
        python_logs(service)
for service in ["javascript", "javascript-gzip"]:
    with step(service):
        spans(service, {}, JAVASCRIPT, ("no such thing", "TypeError"))
        numbers(service, JAVASCRIPT_NUMBERS)
        histograms(service, "cumulative", (1,))
        logs(service, '[1,2.5,"three"]')
