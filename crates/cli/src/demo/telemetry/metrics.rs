//! Token usage (explicit bounds) and latency (exponential histogram) as delta points every 15 minutes, a series a model.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram,
    HistogramDataPoint, Metric, ResourceMetrics, ScopeMetrics, metric::Data,
};

use super::attributes::{call, resource, scope, text};
use crate::demo::bot::Turn;
use crate::demo::calendar::SECOND_NS;

const INTERVAL_NS: i64 = 15 * 60 * SECOND_NS;

/// The bounds that the semantic conventions recommend for token counts.
const TOKEN_BOUNDS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Buckets are 2^(1/2^4) = 4.4 % wide.
const LATENCY_SCALE: i32 = 4;

/// The day's points. Returns how many there are: one row each.
pub(super) fn request(turns: &[Turn], day_start_ns: i64) -> (ExportMetricsServiceRequest, usize) {
    let mut groups: BTreeMap<(i64, usize), Vec<&Turn>> = BTreeMap::new();
    for turn in turns.iter().filter(|turn| turn.failure.is_none()) {
        groups.entry(((turn.start_ns - day_start_ns) / INTERVAL_NS, turn.model)).or_default().push(turn);
    }
    let mut tokens = Vec::with_capacity(groups.len() * 2);
    let mut durations = Vec::with_capacity(groups.len());
    for ((interval, _), calls) in &groups {
        let start_ns = day_start_ns + interval * INTERVAL_NS;
        tokens.push(token_point(calls, start_ns, "input", |turn| turn.input_tokens));
        tokens.push(token_point(calls, start_ns, "output", |turn| turn.output_tokens));
        durations.push(duration_point(calls, start_ns));
    }
    let rows = tokens.len() + durations.len();
    let temporality = AggregationTemporality::Delta as i32;
    let metrics = vec![
        metric(
            "gen_ai.client.token.usage",
            "{token}",
            Data::Histogram(Histogram { data_points: tokens, aggregation_temporality: temporality }),
        ),
        metric(
            "gen_ai.client.operation.duration",
            "s",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: durations,
                aggregation_temporality: temporality,
            }),
        ),
    ];
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource()),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope()), metrics, ..Default::default() }],
            ..Default::default()
        }],
    };
    (request, rows)
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Default::default() }
}

fn attributes(calls: &[&Turn]) -> Vec<KeyValue> {
    calls.first().map(|turn| call(turn).to_vec()).unwrap_or_default()
}

fn token_point(
    calls: &[&Turn],
    start_ns: i64,
    kind: &str,
    tokens: impl Fn(&Turn) -> i64,
) -> HistogramDataPoint {
    let mut bucket_counts = vec![0; TOKEN_BOUNDS.len() + 1];
    let (mut sum, mut min, mut max) = (0, i64::MAX, i64::MIN);
    for turn in calls {
        let value = tokens(turn);
        bucket_counts[TOKEN_BOUNDS.partition_point(|bound| *bound < value as f64)] += 1;
        (sum, min, max) = (sum + value, min.min(value), max.max(value));
    }
    let mut attributes = attributes(calls);
    attributes.push(text("gen_ai.token.type", kind));
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: start_ns.cast_unsigned(),
        time_unix_nano: (start_ns + INTERVAL_NS - 1).cast_unsigned(),
        count: calls.len() as u64,
        sum: Some(sum as f64),
        bucket_counts,
        explicit_bounds: TOKEN_BOUNDS.to_vec(),
        min: Some(min as f64),
        max: Some(max as f64),
        ..Default::default()
    }
}

fn duration_point(calls: &[&Turn], start_ns: i64) -> ExponentialHistogramDataPoint {
    let seconds = |turn: &Turn| turn.duration_ns as f64 / SECOND_NS as f64;
    let indexes: Vec<i32> = calls.iter().map(|turn| bucket_index(seconds(turn))).collect();
    let (offset, last) =
        indexes.iter().fold((i32::MAX, i32::MIN), |(low, high), i| (low.min(*i), high.max(*i)));
    let mut bucket_counts = vec![0; (last - offset + 1) as usize];
    for index in indexes {
        bucket_counts[(index - offset) as usize] += 1;
    }
    ExponentialHistogramDataPoint {
        attributes: attributes(calls),
        start_time_unix_nano: start_ns.cast_unsigned(),
        time_unix_nano: (start_ns + INTERVAL_NS - 1).cast_unsigned(),
        count: calls.len() as u64,
        sum: Some(calls.iter().map(|turn| seconds(turn)).sum()),
        scale: LATENCY_SCALE,
        positive: Some(Buckets { offset, bucket_counts }),
        min: calls.iter().map(|turn| seconds(turn)).reduce(f64::min),
        max: calls.iter().map(|turn| seconds(turn)).reduce(f64::max),
        ..Default::default()
    }
}

/// Bucket `i` holds the values in (base^i, base^(i + 1)].
fn bucket_index(value: f64) -> i32 {
    libm::ceil(libm::log2(value) * f64::from(1 << LATENCY_SCALE)) as i32 - 1
}
