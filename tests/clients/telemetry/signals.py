"""Every kind of signal that the Python SDK has, with values that arrived_signals.py knows."""

import logging

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

import sdk

START = 1_788_134_400_000_000_001
MANY = 1500
VERSION = {"instrumenting_library_version": "1.2.3", "schema_url": "https://opentelemetry.io/schemas/1.37.0"}
ATTRIBUTES = {
    "text": 'häh "?"',
    "nothing in it": "",
    "yes": True,
    "large": 2**53 + 1,
    "least": -(2**63),
    "half": 0.5,
    "whole": 3.0,
    "not a number": float("nan"),
    "endless": float("-inf"),
    "texts": ["a", "b"],
    "numbers": [1, 2],
    "halves": [0.5, 1.5],
    "truths": [True, False],
    "bytes": b"\x00\xff",
    "map": {"inner": [1, "two", None]},
    "none": None,
    # with columns of their own
    "http.request.method": "GET",
    "http.response.status_code": 503,
    "gen_ai.response.finish_reasons": ["stop", "length"],
}


def spans(tracer):
    request = tracer.start_span("request", kind=SpanKind.SERVER, attributes=ATTRIBUTES, start_time=START)
    request.add_event("cache miss", {"key": "k", "size": 3}, START + 5)
    request.set_status(Status(StatusCode.OK))
    request.end(START + 1_000_000_007)
    other = request.get_span_context()
    tracer.start_span("retry", kind=SpanKind.PRODUCER, links=[Link(other, {"why": "again"})]).end()
    try:
        with tracer.start_as_current_span("failing", kind=SpanKind.CONSUMER):
            raise ValueError("no such thing")
    except ValueError:
        pass
    for number in range(MANY):
        tracer.start_span("tick", attributes={"number": number}).end()


def instruments(meter):
    """Makes them, and returns what measures once."""
    requests = meter.create_counter("requests", unit="{request}")
    spent = meter.create_counter("spent", unit="USD")
    running = meter.create_up_down_counter("running")
    temperature = meter.create_gauge("temperature", unit="Cel")
    latency = meter.create_histogram("latency", unit="ms", explicit_bucket_boundaries_advisory=[10, 20])
    size = meter.create_histogram("size", unit="By")
    meter.create_observable_gauge("queue", [lambda _: [Observation(7, {"of": "work"})]])

    def measure(tracer):
        requests.add(2, {"path": "/a"})
        requests.add(3, {"path": "/b", "retried": True})
        spent.add(0.25)
        running.add(5)
        running.add(-7)
        temperature.set(21.5, {"room": "north"})
        for value in (0, 1, 2, 4):
            size.record(value)
        with tracer.start_as_current_span("measured"):
            for value in (5, 10, 15, 100.5):
                latency.record(value)

    return measure


def records(loggers, tracer):
    logger = loggers.get_logger("application", "1.2.3")
    attributes = {"disk": "sda1", "free": 0.04}
    logger.emit(
        LogRecord(
            timestamp=START,
            observed_timestamp=START + 9,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body="the disk is nearly full",
            attributes=attributes,
        )
    )
    logger.emit(LogRecord(observed_timestamp=START + 11, body={"steps": [1, 2.0, "three"], "done": False}))
    with tracer.start_as_current_span("judged"):
        judgement = {
            "gen_ai.evaluation.name": "helpful",
            "gen_ai.evaluation.score.value": 0.75,
            "gen_ai.evaluation.score.label": "good",
            "gen_ai.evaluation.explanation": "it says hello",
            "gen_ai.response.id": "chatcmpl-1",
        }
        logger.emit(LogRecord(event_name="gen_ai.evaluation.result", attributes=judgement))
        handler = LoggingHandler(logger_provider=loggers)
        python = logging.getLogger("application.shop")
        python.addHandler(handler)
        python.propagate = False
        try:
            raise KeyError("basket")
        except KeyError:
            python.exception("order %d failed", 42, extra={"order": 42})


sizes = View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())
with sdk.providers([sizes]) as (tracers, meters, loggers):
    tracer = tracers.get_tracer("application", **VERSION, attributes={"team": "search"})
    spans(tracer)
    measure = instruments(meters.get_meter("application", "1.2.3"))
    measure(tracer)
    assert meters.force_flush()
    measure(tracer)
    records(loggers, tracer)
