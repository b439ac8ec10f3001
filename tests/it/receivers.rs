//! Rust's own OpenTelemetry SDK exports into a server, over every transport that it has; SQL finds what was done.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driftline::Database;
use driftline_server::{Server, Settings};
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::otlp::answer;

/// How an SDK may be told to export.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Grpc(Option<Compression>),
    Http(Protocol, Option<Compression>),
}

const TRANSPORTS: [Transport; 6] = [
    Transport::Grpc(None),
    Transport::Grpc(Some(Compression::Gzip)),
    Transport::Grpc(Some(Compression::Zstd)),
    Transport::Http(Protocol::HttpBinary, None),
    Transport::Http(Protocol::HttpBinary, Some(Compression::Gzip)),
    Transport::Http(Protocol::HttpJson, None),
];

const SPANS: i64 = 1_000;
const RECORDS: i64 = 10;

/// Builds an exporter of one signal for a transport; the builders of the three signals have the same methods and no common type.
macro_rules! exporter {
    ($exporter:ident, $transport:expr, $grpc:expr, $http:expr, $path:expr) => {
        match $transport {
            Transport::Grpc(compression) => {
                let builder = $exporter::builder().with_tonic().with_endpoint(format!("http://{}", $grpc));
                match compression {
                    Some(compression) => builder.with_compression(compression).build()?,
                    None => builder.build()?,
                }
            }
            Transport::Http(protocol, compression) => {
                let builder = $exporter::builder().with_http().with_protocol(protocol);
                let builder = builder.with_endpoint(format!("http://{}{}", $http, $path));
                match compression {
                    Some(compression) => builder.with_compression(compression).build()?,
                    None => builder.build()?,
                }
            }
        }
    };
}

/// What a service does: a thousand spans of which every tenth fails, a counter, a histogram, log records.
fn work(transport: Transport, service: &str, grpc: &str, http: &str) -> Result<()> {
    let resource = Resource::builder_empty().with_service_name(service.to_owned()).build();
    let spans = exporter!(SpanExporter, transport, grpc, http, "/v1/traces");
    let points = exporter!(MetricExporter, transport, grpc, http, "/v1/metrics");
    let records = exporter!(LogExporter, transport, grpc, http, "/v1/logs");
    let tracers =
        SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans).build();
    let meters =
        SdkMeterProvider::builder().with_resource(resource.clone()).with_periodic_exporter(points).build();
    let loggers = SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(records).build();

    let tracer = tracers.tracer("bot");
    let tokens = meters.meter("bot").u64_counter("tokens").with_unit("{token}").build();
    let seconds = meters.meter("bot").f64_histogram("seconds").with_unit("s").build();
    for i in 0..SPANS {
        let mut span = tracer.span_builder("chat").with_kind(SpanKind::Client).start(&tracer);
        span.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        span.set_attribute(KeyValue::new("gen_ai.request.model", "gpt-4o"));
        span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", i));
        span.set_attribute(KeyValue::new("ratio", 0.5));
        span.set_attribute(KeyValue::new("tags", Value::Array(Array::I64(vec![i, i + 1]))));
        if i % 10 == 0 {
            span.set_status(Status::error("it failed"));
        }
        span.end();
        tokens.add(3, &[KeyValue::new("kind", "input")]);
        seconds.record(i as f64 / 1_000.0, &[]);
        if i % 100 == 99 {
            // a batch processor drops what its queue cannot hold
            tracers.force_flush()?;
        }
    }
    let logger = loggers.logger("bot");
    for i in 0..RECORDS {
        let mut record = logger.create_log_record();
        record.set_severity_number(Severity::Warn);
        record.set_body(AnyValue::from(format!("record {i}")));
        logger.emit(record);
    }
    tracers.shutdown()?;
    meters.shutdown()?;
    loggers.shutdown()?;
    Ok(())
}

/// What every service must have done, whichever way it told so.
const ANSWER: &str = "\
+-------+--------+--------+-------+--------+-------+---------+---------+---------+
| spans | failed | tokens | ratio | tagged | count | counted | records | warning |
+-------+--------+--------+-------+--------+-------+---------+---------+---------+
| 1000  | 100    | 499500 | 0.5   | 1000   | 1000  | 3000.0  | 10      | 10      |
+-------+--------+--------+-------+--------+-------+---------+---------+---------+";

fn question(service: &str) -> String {
    format!(
        "SELECT (SELECT count(*) FROM llm_calls WHERE service_name = '{service}') AS spans, \
         (SELECT count(*) FROM llm_calls WHERE is_error AND service_name = '{service}') AS failed, \
         (SELECT sum(input_tokens) FROM llm_calls WHERE service_name = '{service}') AS tokens, \
         (SELECT max(CAST(attr(attributes, 'ratio') AS DOUBLE)) FROM spans WHERE service_name = '{service}') AS ratio, \
         (SELECT count(DISTINCT attr(attributes, 'tags')) FROM spans WHERE service_name = '{service}') AS tagged, \
         (SELECT max(count) FROM metrics WHERE name = 'seconds' AND service_name = '{service}') AS count, \
         (SELECT max(value) FROM metrics WHERE name = 'tokens' AND service_name = '{service}') AS counted, \
         (SELECT count(*) FROM logs WHERE service_name = '{service}') AS records, \
         (SELECT count(*) FROM logs WHERE severity_number = 13 AND service_name = '{service}') AS warning"
    )
}

/// Goes red when a transport of the SDK loses, doubles or changes anything on the way into a table.
#[test]
fn the_rust_sdk_exports_over_every_transport() -> Result<()> {
    let runtime = Runtime::new()?;
    let directory = tempfile::tempdir()?;
    let database = runtime.block_on(Database::open(directory.path()))?;
    let doors = ["flight_addr", "http_addr", "otlp_grpc_addr", "otlp_http_addr"];
    let settings = doors.map(|door| format!("{door} = '127.0.0.1:0'\n")).concat();
    let server = runtime.block_on(Server::bind(database.clone(), Settings::parse(&settings)?))?;
    let door = |name| server.addresses().find(|(door, _)| *door == name).map(|(_, at)| at.to_string());
    let (grpc, http) = door("otlp-grpc").zip(door("otlp-http")).context("both doors are open")?;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = runtime.spawn(server.run(async {
        let _ = stopped.await;
    }));
    for transport in TRANSPORTS {
        let service = format!("{transport:?}").replace(['(', ')'], " ");
        let entered = runtime.enter();
        work(transport, &service, &grpc, &http).with_context(|| service.clone())?;
        drop(entered);
        let found = runtime.block_on(answer(&database, &question(&service)))?;
        ensure!(found == ANSWER, "{service}:\n{found}");
    }
    drop(stop);
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), running).await })???;
    runtime.block_on(database.close())?;
    Ok(())
}
