// Every kind of signal that the JavaScript SDK has, in OTLP/JSON, with values that arrived_signals.py knows.
const { SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-http");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { AggregationType, MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const START = [1788134400, 1]; // seconds and nanoseconds
const MANY = 1500;
const resource = resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME, "service.version": "7" });

function spans(tracer) {
  const attributes = {
    text: 'häh "?"',
    yes: true,
    large: 2 ** 40,
    half: 0.5,
    "not a number": NaN,
    endless: -Infinity,
    texts: ["a", "b"],
    numbers: [1, 2.5],
    "http.response.status_code": 503,
  };
  const request = tracer.startSpan("request", { kind: SpanKind.SERVER, attributes, startTime: START });
  request.addEvent("cache miss", { key: "k", size: 3 }, [START[0], START[1] + 5]);
  request.setStatus({ code: SpanStatusCode.OK });
  request.end([START[0] + 1, START[1] + 7]);
  const links = [{ context: request.spanContext(), attributes: { why: "again" } }];
  tracer.startSpan("retry", { kind: SpanKind.PRODUCER, links }).end();
  const failing = tracer.startSpan("failing", { kind: SpanKind.CONSUMER });
  failing.recordException(new TypeError("no such thing"));
  failing.setStatus({ code: SpanStatusCode.ERROR, message: "no such thing" });
  failing.end();
  for (let number = 0; number < MANY; number++) {
    tracer.startSpan("tick", { attributes: { number } }).end();
  }
}

function measure(meter) {
  const requests = meter.createCounter("requests", { unit: "{request}" });
  requests.add(2, { path: "/a" });
  requests.add(3, { path: "/b", retried: true });
  const running = meter.createUpDownCounter("running");
  running.add(5);
  running.add(-7);
  const temperature = meter.createGauge("temperature", { unit: "Cel" });
  temperature.record(21.5, { room: "north" });
  temperature.record(NaN, { room: "south" });
  const latency = meter.createHistogram("latency", { unit: "ms", advice: { explicitBucketBoundaries: [10, 20] } });
  [5, 10, 15, 100.5].forEach((value) => latency.record(value));
  const size = meter.createHistogram("size", { unit: "By" });
  [0, 1, 2, 4].forEach((value) => size.record(value));
}

function records(logger) {
  logger.emit({
    timestamp: START,
    observedTimestamp: [START[0], START[1] + 9],
    severityNumber: SeverityNumber.WARN,
    severityText: "WARN",
    body: "the disk is nearly full",
    attributes: { disk: "sda1", free: 0.04 },
  });
  logger.emit({
    observedTimestamp: [START[0], START[1] + 11],
    body: { steps: [1, 2.5, "three"], done: false },
  });
}

async function main() {
  const traces = new BatchSpanProcessor(new OTLPTraceExporter());
  const tracers = new BasicTracerProvider({ resource, spanProcessors: [traces] });
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() });
  const sizes = { instrumentName: "size", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } };
  const meters = new MeterProvider({ resource, readers: [reader], views: [sizes] });
  const logs = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() });
  const loggers = new LoggerProvider({ resource, processors: [logs] });
  spans(tracers.getTracer("application", "1.2.3"));
  measure(meters.getMeter("application", "1.2.3"));
  records(loggers.getLogger("application", "1.2.3"));
  await Promise.all([tracers.shutdown(), meters.shutdown(), loggers.shutdown()]);
}

main();
