//! OTLP to Arrow on one core: requests of 512 spans with 15 attributes, and of 1,000 data points with 5. Decoding alone stands beside decoding
//! and mapping, so that the mapping's own share shows.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use driftline::{
    Database, Durability,
    otel::{Encoding, Mapped, Mapper, Signal, testing::tables},
};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{
        Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
        metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const SPANS: u64 = 512;
pub(crate) const POINTS: u64 = 1_000;
/// Bytes of a large prompt.
const PROMPT_BYTES: usize = 1_000_000;
pub(crate) const START: u64 = 1_700_000_000_000_000_000;

pub(crate) fn run(criterion: &mut Criterion) {
    let mapper = Mapper::new(tables()).expect("the shipped tables fit");
    spans(criterion, &mapper);
    data_points(criterion, &mapper);
}

fn spans(criterion: &mut Criterion, mapper: &Mapper) {
    let traces = traces();
    let body = traces.encode_to_vec();
    let json = serde_json::to_vec(&traces).expect("a request serialises");
    let mut group = criterion.benchmark_group("otlp_spans");
    group.throughput(Throughput::Elements(SPANS));
    group.bench_function("decode_protobuf", |bencher| {
        bencher.iter(|| ExportTraceServiceRequest::decode(black_box(&body[..])));
    });
    group.bench_function("decode_and_map_protobuf", |bencher| {
        bencher.iter(|| mapper.decode(Signal::Traces, Encoding::Protobuf, black_box(&body)));
    });
    group.bench_function("decode_and_map_json", |bencher| {
        bencher.iter(|| mapper.decode(Signal::Traces, Encoding::Json, black_box(&json)));
    });
    let database = Scratch::new();
    group.bench_function("decode_map_and_keep_in_memory", |bencher| {
        bencher.iter(|| {
            let mapped = mapper.decode(Signal::Traces, Encoding::Protobuf, black_box(&body));
            database.keep(mapped.expect("the body is good"));
        });
    });
    group.finish();
}

/// A database that takes rows without its log: what is left of an ingest without its durability. It flushes as always.
struct Scratch {
    runtime: Runtime,
    database: Database,
    _folder: TempDir,
}

impl Scratch {
    fn new() -> Self {
        let (runtime, folder) =
            (Runtime::new().expect("a runtime"), TempDir::new().expect("a temporary folder"));
        let database = runtime.block_on(Database::open(folder.path())).expect("it opens");
        Self { runtime, database, _folder: folder }
    }

    fn keep(&self, mapped: Mapped) {
        for (table, batch) in mapped.batches {
            let append = self.database.append_with(table, batch, Durability::Memory);
            self.runtime.block_on(append).expect("the rows fit");
        }
    }
}

fn data_points(criterion: &mut Criterion, mapper: &Mapper) {
    let body = metrics().encode_to_vec();
    let mut group = criterion.benchmark_group("otlp_data_points");
    group.throughput(Throughput::Elements(POINTS));
    group.bench_function("decode_protobuf", |bencher| {
        bencher.iter(|| ExportMetricsServiceRequest::decode(black_box(&body[..])));
    });
    group.bench_function("decode_and_map_protobuf", |bencher| {
        bencher.iter(|| mapper.decode(Signal::Metrics, Encoding::Protobuf, black_box(&body)));
    });
    let database = Scratch::new();
    group.bench_function("decode_map_and_keep_in_memory", |bencher| {
        bencher.iter(|| {
            let mapped = mapper.decode(Signal::Metrics, Encoding::Protobuf, black_box(&body));
            database.keep(mapped.expect("the body is good"));
        });
    });
    group.finish();
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn resource() -> Option<Resource> {
    let attributes = vec![
        text("service.name", "support-bot"),
        text("service.version", "1.4.2"),
        text("deployment.environment.name", "production"),
        text("host.name", "node-7"),
        text("telemetry.sdk.language", "python"),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.version", "1.45.2"),
    ];
    Some(Resource { attributes, ..Default::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "bot".to_owned(), version: "1".to_owned(), ..Default::default() })
}

/// Chat spans: twelve attributes with columns, three without.
pub(crate) fn traces() -> ExportTraceServiceRequest {
    let span = |i: u64| Span {
        trace_id: [START.to_be_bytes(), (i + 1).to_be_bytes()].concat(),
        span_id: (i + 1).to_be_bytes().to_vec(),
        name: "chat gpt-4o".to_owned(),
        kind: 3,
        start_time_unix_nano: START + i * 1_000_000,
        end_time_unix_nano: START + i * 1_000_000 + 900_000_000,
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-4o"),
            text("gen_ai.response.model", "gpt-4o-2024-08-06"),
            text("gen_ai.response.id", format!("chatcmpl-{i}")),
            int("gen_ai.request.max_tokens", 500),
            attribute("gen_ai.request.temperature", Value::DoubleValue(0.2)),
            int("gen_ai.usage.input_tokens", 900 + i as i64 % 100),
            int("gen_ai.usage.output_tokens", 80 + i as i64 % 40),
            text("gen_ai.conversation.id", format!("conversation-{}", i / 4)),
            text("server.address", "api.openai.com"),
            int("server.port", 443),
            text("app.intent", "refund"),
            text("app.channel", "web"),
            attribute("app.confidence", Value::DoubleValue(0.5 + (i % 50) as f64 / 100.0)),
        ],
        ..Default::default()
    };
    let spans = ScopeSpans { scope: scope(), spans: (0..SPANS).map(span).collect(), ..Default::default() };
    let group = ResourceSpans { resource: resource(), scope_spans: vec![spans], ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![group] }
}

/// One call with a prompt of a million bytes, in words that compress as words do.
pub(crate) fn prompt() -> ExportTraceServiceRequest {
    let mut traces = traces();
    let spans = &mut traces.resource_spans[0].scope_spans[0].spans;
    spans.truncate(1);
    let words =
        ["refund", "order", "please", "the", "of", "a", "customer", "since", "where", "is", "my", "parcel"];
    let mut state = START;
    let mut prompt = String::with_capacity(PROMPT_BYTES + 16);
    while prompt.len() < PROMPT_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        prompt.push_str(words[(state >> 33) as usize % words.len()]);
        prompt.push(' ');
    }
    spans[0].attributes.push(text("gen_ai.prompt", prompt));
    traces
}

/// Half counters, half latency histograms of 14 bounds.
pub(crate) fn metrics() -> ExportMetricsServiceRequest {
    let attributes = |i: u64| {
        vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", format!("model-{}", i % 10)),
            text("gen_ai.token.type", "input"),
            text("app.tenant", format!("tenant-{}", i / 10)),
        ]
    };
    let number = |i: u64| NumberDataPoint {
        attributes: attributes(i),
        start_time_unix_nano: START,
        time_unix_nano: START + 60_000_000_000,
        value: Some(number_data_point::Value::AsInt(i as i64)),
        ..Default::default()
    };
    let histogram = |i: u64| HistogramDataPoint {
        attributes: attributes(i),
        start_time_unix_nano: START,
        time_unix_nano: START + 60_000_000_000,
        count: 15,
        sum: Some(12.5),
        bucket_counts: vec![1; 15],
        explicit_bounds: (0..14).map(|i| 0.01 * f64::from(1 << i)).collect(),
        ..Default::default()
    };
    let sum = Data::Sum(Sum {
        data_points: (0..POINTS / 2).map(number).collect(),
        aggregation_temporality: 2,
        is_monotonic: true,
    });
    let histogram = Data::Histogram(Histogram {
        data_points: (0..POINTS / 2).map(histogram).collect(),
        aggregation_temporality: 2,
    });
    let metric = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Default::default() };
    let metrics = vec![metric("requests", sum), metric("gen_ai.client.operation.duration", histogram)];
    let scope = ScopeMetrics { scope: scope(), metrics, ..Default::default() };
    let group = ResourceMetrics { resource: resource(), scope_metrics: vec![scope], ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![group] }
}
