use arrow::{
    array::{Array, AsArray},
    datatypes::{Float64Type, Int32Type, Int64Type},
};
use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
};
use proptest::prelude::*;

use super::build::*;
use crate::Rejected;

fn metric(data: Option<Data>) -> Metric {
    Metric { name: "m".to_string(), unit: "s".to_string(), data, ..Default::default() }
}

fn number(value: Option<number_data_point::Value>) -> NumberDataPoint {
    NumberDataPoint { time_unix_nano: START, start_time_unix_nano: START - 1, value, ..Default::default() }
}

fn gauge(points: Vec<NumberDataPoint>) -> Metric {
    metric(Some(Data::Gauge(Gauge { data_points: points })))
}

fn double(value: f64) -> Option<number_data_point::Value> {
    Some(number_data_point::Value::AsDouble(value))
}

fn int(value: i64) -> Option<number_data_point::Value> {
    Some(number_data_point::Value::AsInt(value))
}

fn histogram(counts: &[u64], bounds: &[f64]) -> HistogramDataPoint {
    HistogramDataPoint {
        time_unix_nano: START,
        count: counts.iter().fold(0, |sum, count| sum.saturating_add(*count)),
        sum: Some(4.5),
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        min: Some(0.5),
        max: Some(2.0),
        ..Default::default()
    }
}

fn histograms(points: Vec<HistogramDataPoint>) -> Metric {
    metric(Some(Data::Histogram(Histogram { data_points: points, aggregation_temporality: 1 })))
}

fn exponential() -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        time_unix_nano: START,
        count: 6,
        sum: Some(10.0),
        scale: 3,
        zero_count: 1,
        zero_threshold: 1e-6,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![2, 0, 3] }),
        negative: None,
        ..Default::default()
    }
}

fn list_of_ints(column: &dyn Array, row: usize) -> Vec<i64> {
    column.as_list::<i32>().value(row).as_primitive::<Int64Type>().values().to_vec()
}

fn list_of_doubles(column: &dyn Array, row: usize) -> Vec<f64> {
    column.as_list::<i32>().value(row).as_primitive::<Float64Type>().values().to_vec()
}

// breaks when a kind of metric is lost or its fields are mixed up
#[test]
fn every_kind_of_metric_is_one_row_a_point() {
    let sum = Sum { data_points: vec![number(int(-3))], aggregation_temporality: 2, is_monotonic: true };
    let exponential = ExponentialHistogram { data_points: vec![exponential()], aggregation_temporality: 1 };
    let pair = ValueAtQuantile { quantile: 0.99, value: 7.0 };
    let summary = SummaryDataPoint {
        time_unix_nano: START,
        count: 9,
        sum: 3.5,
        quantile_values: vec![pair],
        ..Default::default()
    };
    let request = metrics(vec![
        gauge(vec![number(double(0.25))]),
        metric(Some(Data::Sum(sum))),
        histograms(vec![histogram(&[1, 2], &[1.0])]),
        metric(Some(Data::ExponentialHistogram(exponential))),
        metric(Some(Data::Summary(Summary { data_points: vec![summary] }))),
    ]);
    let mapped = mapper().metrics(request);
    assert_eq!((mapped.accepted, mapped.rejected_total()), (5, 0));
    let rows = Rows::of(&mapped);
    let table: [(&str, [Option<&str>; 5]); 9] = [
        (
            "kind",
            [Some("gauge"), Some("sum"), Some("histogram"), Some("exponential_histogram"), Some("summary")],
        ),
        ("temporality", [None, Some("cumulative"), Some("delta"), Some("delta"), None]),
        ("is_monotonic", [None, Some("true"), None, None, None]),
        ("value", [Some("0.25"), Some("-3.0"), None, None, None]),
        ("count", [None, None, Some("3"), Some("6"), Some("9")]),
        ("sum", [None, None, Some("4.5"), Some("10.0"), Some("3.5")]),
        ("min", [None, None, Some("0.5"), None, None]),
        ("max", [None, None, Some("2.0"), None, None]),
        ("start_time", [Some("1699999999999999999"), Some("1699999999999999999"), None, None, None]),
    ];
    for (column, expected) in table {
        let actual: Vec<_> = (0..5).map(|row| rows.get(column, row)).collect();
        assert_eq!(actual, expected.map(|value| value.map(str::to_string)), "{column}");
    }
    assert_eq!(list_of_doubles(rows.column("bounds").expect("bounds"), 2), [1.0]);
    assert_eq!(list_of_ints(rows.column("bucket_counts").expect("counts"), 2), [1, 2]);
    let distribution = rows.column("distribution").expect("distribution").as_struct();
    assert_eq!((0..5).filter(|row| distribution.is_valid(*row)).collect::<Vec<_>>(), [3]);
    assert_eq!(distribution.column(0).as_primitive::<Int32Type>().value(3), 3);
    assert_eq!(distribution.column(1).as_primitive::<Int64Type>().value(3), 1);
    assert_eq!(distribution.column(2).as_primitive::<Float64Type>().value(3), 1e-6);
    assert_eq!(distribution.column(3).as_primitive::<Int32Type>().value(3), -2);
    assert_eq!(list_of_ints(distribution.column(4), 3), [2, 0, 3]);
    assert_eq!(distribution.column(5).as_primitive::<Int32Type>().value(3), 0);
    assert!(distribution.column(6).is_valid(3) && list_of_ints(distribution.column(6), 3).is_empty());
    let quantiles = rows.column("quantiles").expect("quantiles").as_list::<i32>().value(4);
    assert_eq!(quantiles.as_struct().column(0).as_primitive::<Float64Type>().value(0), 0.99);
    assert_eq!(quantiles.as_struct().column(1).as_primitive::<Float64Type>().value(0), 7.0);
}

// breaks when the link from a metric to a trace is lost
#[test]
fn exemplars_keep_their_trace() {
    let exemplar = Exemplar {
        time_unix_nano: START,
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        value: Some(exemplar::Value::AsInt(7)),
        filtered_attributes: attributes(&[("user", text("u"))]),
    };
    let point = NumberDataPoint { exemplars: vec![exemplar], ..number(double(1.0)) };
    let mapped = mapper().metrics(metrics(vec![gauge(vec![number(double(1.0)), point])]));
    let exemplars = Rows::of(&mapped).column("exemplars").expect("exemplars").as_list::<i32>();
    assert!(exemplars.is_null(0));
    let exemplars = exemplars.value(1);
    let exemplars = exemplars.as_struct();
    assert_eq!(exemplars.column(1).as_primitive::<Float64Type>().value(0), 7.0);
    assert_eq!(exemplars.column(2).as_string::<i32>().value(0), "01010101010101010101010101010101");
    assert_eq!(exemplars.column(3).as_string::<i32>().value(0), "0202020202020202");
    assert_eq!(map_entries(Some(exemplars.column(4)), 0), pairs(&[("user", "\"u\"")]));
}

// breaks when a point that says "nothing recorded" vanishes or invents a value
#[test]
fn points_without_a_recorded_value_are_rows_with_null() {
    let flagged = NumberDataPoint { flags: 1, ..number(None) };
    let stale = NumberDataPoint { flags: 1, ..number(double(0.0)) };
    let empty = HistogramDataPoint { flags: 1, ..histogram(&[0, 0], &[1.0]) };
    let mapped = mapper().metrics(metrics(vec![gauge(vec![flagged, stale]), histograms(vec![empty])]));
    assert_eq!((mapped.accepted, mapped.rejected_total()), (3, 0));
    let rows = Rows::of(&mapped);
    for column in ["value", "count", "sum", "min", "max", "bounds", "bucket_counts"] {
        assert!(rows.column(column).is_none(), "{column}");
    }
}

// breaks when a loss is silent, or takes the good points with it
#[test]
fn points_that_cannot_be_rows_are_counted() {
    let no_buckets = histogram(&[], &[]);
    let one_bucket = histogram(&[5], &[]);
    let cases = [
        (metric(None), 1, "metric: no data, or data of a kind that OTLP does not define"),
        (gauge(vec![number(None)]), 1, "data point: neither a value nor the flag for no recorded value"),
        (gauge(vec![NumberDataPoint { time_unix_nano: 0, ..number(int(1)) }]), 1, "data point: no time"),
        (
            gauge(vec![NumberDataPoint { time_unix_nano: u64::MAX, ..number(int(1)) }]),
            1,
            "data point: time is after 2262-04-11",
        ),
        (
            histograms(vec![histogram(&[1, 2, 3], &[1.0]), no_buckets]),
            1,
            "data point: a histogram needs one bucket count more than it has bounds",
        ),
        (
            histograms(vec![histogram(&[1, 2, 3], &[2.0, 1.0]), one_bucket]),
            1,
            "data point: the bounds of a histogram must ascend",
        ),
        (histograms(vec![histogram(&[u64::MAX, 2], &[1.0])]), 1, "data point: a count is above 2^63 - 1"),
    ];
    for (bad, count, reason) in cases {
        let points = match &bad.data {
            Some(Data::Histogram(histogram)) => histogram.data_points.len() as u64,
            _ => 1,
        };
        let mapped = mapper().metrics(metrics(vec![bad, gauge(vec![number(double(1.0))])]));
        assert_eq!(mapped.rejected, [Rejected { reason: reason.to_string(), count }]);
        assert_eq!(mapped.accepted, 1 + points - count, "{reason}");
    }
}

fn series(metric: Metric) -> Vec<i64> {
    let mapped = mapper().metrics(metrics(vec![metric]));
    Rows::of(&mapped).column("series_id").expect("always there").as_primitive::<Int64Type>().values().to_vec()
}

fn point_with(entries: &[(&str, Value)]) -> NumberDataPoint {
    NumberDataPoint { attributes: attributes(entries), ..number(double(1.0)) }
}

// breaks when an id changes between versions (stored series would split), or two series share one
#[test]
fn series_ids_are_stable_and_tell_series_apart() {
    let (a, b) = (("a", text("x")), ("b", Value::IntValue(1)));
    let ids = series(gauge(vec![
        point_with(&[a.clone(), b.clone()]),
        point_with(&[b, a.clone()]),
        point_with(&[a]),
        point_with(&[("a", text("x")), ("b", text("1"))]),
        point_with(&[]),
    ]));
    assert_eq!(ids[0], ids[1]);
    let other_unit = Metric { unit: "ms".to_string(), ..gauge(vec![point_with(&[])]) };
    let as_sum = Sum { data_points: vec![point_with(&[])], ..Default::default() };
    let mut distinct = ids[1..].to_vec();
    distinct.extend(series(other_unit));
    distinct.extend(series(metric(Some(Data::Sum(as_sum)))));
    let count = distinct.len();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), count);
    assert_eq!(ids[4], EMPTY_SERIES);
}

/// The id of gauge `m` in `s` without attributes, from scope `lib` 1.0 of service `shop`: computed apart from this crate, by the algorithm in the docs.
const EMPTY_SERIES: i64 = -8_025_051_647_892_839_871;

proptest! {
    // breaks when the order of attributes matters, which clients do not keep
    #[test]
    fn the_order_of_attributes_does_not_matter(
        entries in prop::collection::vec(("[a-c]{0,2}", 0i64..3), 0..6),
        seed in any::<prop::sample::Index>(),
    ) {
        let entries: Vec<_> = entries.iter().map(|(key, value)| (key.as_str(), Value::IntValue(*value))).collect();
        let mut turned = entries.clone();
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
        }
        let ids = series(gauge(vec![point_with(&entries), point_with(&turned)]));
        prop_assert_eq!(ids[0], ids[1]);
    }
}
