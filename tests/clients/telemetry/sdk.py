"""The Python SDK as an application sets it up: by the variables OTEL_EXPORTER_OTLP_*, with what the protocol needs."""

import contextlib
import importlib
import os

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PACKAGES = {"grpc": "opentelemetry.exporter.otlp.proto.grpc", "http/protobuf": "opentelemetry.exporter.otlp.proto.http"}


def exporter(module, name):
    package = PACKAGES[os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]]
    return getattr(importlib.import_module(f"{package}.{module}"), name)()


@contextlib.contextmanager
def providers(views=()):
    """Those of traces, metrics and logs; at the end everything is exported."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(exporter("trace_exporter", "OTLPSpanExporter")))
    reader = PeriodicExportingMetricReader(exporter("metric_exporter", "OTLPMetricExporter"))
    meters = MeterProvider([reader], views=views)
    loggers = LoggerProvider()
    loggers.add_log_record_processor(BatchLogRecordProcessor(exporter("_log_exporter", "OTLPLogExporter")))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    _logs.set_logger_provider(loggers)
    yield tracers, meters, loggers
    for provider in (tracers, meters, loggers):
        provider.shutdown()
