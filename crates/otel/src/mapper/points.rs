//! The five kinds of data points, brought into one shape.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, DataPointFlags, Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint,
        Metric, NumberDataPoint, SummaryDataPoint, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
};

use crate::ids::time_ns;

const COUNT_TOO_LARGE: &str = "data point: a count is above 2^63 - 1";

/// What all points of a metric share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) kind: &'static str,
    pub(super) temporality: Option<&'static str>,
    pub(super) is_monotonic: Option<bool>,
}

/// A data point of any kind, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) attributes: &'a [KeyValue],
    pub(super) exemplars: &'a [Exemplar],
    pub(super) time: i64,
    pub(super) start: Option<i64>,
    pub(super) value: Option<f64>,
    pub(super) count: Option<i64>,
    pub(super) sum: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) shape: Shape<'a>,
}

/// What only one kind of point has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'a> {
    Plain,
    Buckets { bounds: &'a [f64], counts: &'a [u64] },
    Exponential(&'a ExponentialHistogramDataPoint),
    Quantiles(&'a [ValueAtQuantile]),
}

/// The kind of a metric; `None` when it carries no data, or data of a kind that OTLP does not define.
pub(super) fn shared(metric: &Metric) -> Option<Shared> {
    let of = |kind, temporality: Option<i32>, is_monotonic| Shared {
        kind,
        temporality: temporality.and_then(name_of_temporality),
        is_monotonic,
    };
    Some(match metric.data.as_ref()? {
        Data::Gauge(_) => of("gauge", None, None),
        Data::Sum(sum) => of("sum", Some(sum.aggregation_temporality), Some(sum.is_monotonic)),
        Data::Histogram(histogram) => of("histogram", Some(histogram.aggregation_temporality), None),
        Data::ExponentialHistogram(histogram) => {
            of("exponential_histogram", Some(histogram.aggregation_temporality), None)
        }
        Data::Summary(_) => of("summary", None, None),
    })
}

fn name_of_temporality(temporality: i32) -> Option<&'static str> {
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Delta) => Some("delta"),
        Ok(AggregationTemporality::Cumulative) => Some("cumulative"),
        Ok(AggregationTemporality::Unspecified) | Err(_) => None,
    }
}

/// Visits every point of a metric, with the reason where one cannot be taken.
pub(super) fn each<'a>(metric: &'a Metric, mut visit: impl FnMut(Result<Point<'a>, &'static str>)) {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.iter().for_each(|point| visit(number(point))),
        Some(Data::Sum(sum)) => sum.data_points.iter().for_each(|point| visit(number(point))),
        Some(Data::Histogram(data)) => data.data_points.iter().for_each(|point| visit(histogram(point))),
        Some(Data::ExponentialHistogram(data)) => {
            data.data_points.iter().for_each(|point| visit(exponential(point)))
        }
        Some(Data::Summary(data)) => data.data_points.iter().for_each(|point| visit(summary(point))),
        None => {}
    }
}

fn number(point: &NumberDataPoint) -> Result<Point<'_>, &'static str> {
    let value = match point.value {
        Some(_) if is_empty(point.flags) => None,
        Some(number_data_point::Value::AsDouble(value)) => Some(value),
        Some(number_data_point::Value::AsInt(value)) => Some(value as f64),
        None if is_empty(point.flags) => None,
        None => return Err("data point: neither a value nor the flag for no recorded value"),
    };
    let plain = plain(point.time_unix_nano, point.start_time_unix_nano, &point.attributes)?;
    Ok(Point { exemplars: &point.exemplars, value, ..plain })
}

fn histogram(point: &HistogramDataPoint) -> Result<Point<'_>, &'static str> {
    let (bounds, counts) = (&point.explicit_bounds, &point.bucket_counts);
    if !(counts.is_empty() && bounds.is_empty()) && counts.len() != bounds.len() + 1 {
        return Err("data point: a histogram needs one bucket count more than it has bounds");
    }
    if !bounds.is_sorted_by(|a, b| a < b) {
        return Err("data point: the bounds of a histogram must ascend");
    }
    counts.iter().try_for_each(|count| integer(*count).map(drop))?;
    let plain = plain(point.time_unix_nano, point.start_time_unix_nano, &point.attributes)?;
    let count = integer(point.count)?;
    if is_empty(point.flags) {
        return Ok(Point { exemplars: &point.exemplars, ..plain });
    }
    Ok(Point {
        exemplars: &point.exemplars,
        count: Some(count),
        sum: point.sum,
        min: point.min,
        max: point.max,
        shape: if counts.is_empty() { Shape::Plain } else { Shape::Buckets { bounds, counts } },
        ..plain
    })
}

fn exponential(point: &ExponentialHistogramDataPoint) -> Result<Point<'_>, &'static str> {
    let buckets = [&point.positive, &point.negative].into_iter().flatten();
    buckets.flat_map(|side| &side.bucket_counts).try_for_each(|count| integer(*count).map(drop))?;
    integer(point.zero_count)?;
    let plain = plain(point.time_unix_nano, point.start_time_unix_nano, &point.attributes)?;
    let count = integer(point.count)?;
    if is_empty(point.flags) {
        return Ok(Point { exemplars: &point.exemplars, ..plain });
    }
    Ok(Point {
        exemplars: &point.exemplars,
        count: Some(count),
        sum: point.sum,
        min: point.min,
        max: point.max,
        shape: Shape::Exponential(point),
        ..plain
    })
}

fn summary(point: &SummaryDataPoint) -> Result<Point<'_>, &'static str> {
    let plain = plain(point.time_unix_nano, point.start_time_unix_nano, &point.attributes)?;
    let count = integer(point.count)?;
    if is_empty(point.flags) {
        return Ok(plain);
    }
    Ok(Point {
        count: Some(count),
        sum: Some(point.sum),
        shape: Shape::Quantiles(&point.quantile_values),
        ..plain
    })
}

/// A point with times and attributes only.
fn plain(time: u64, start: u64, attributes: &[KeyValue]) -> Result<Point<'_>, &'static str> {
    let time = time_ns(time).map_err(|_| "data point: time is after 2262-04-11")?;
    Ok(Point {
        attributes,
        exemplars: &[],
        time: time.ok_or("data point: no time")?,
        start: time_ns(start).map_err(|_| "data point: start time is after 2262-04-11")?,
        value: None,
        count: None,
        sum: None,
        min: None,
        max: None,
        shape: Shape::Plain,
    })
}

fn is_empty(flags: u32) -> bool {
    flags & DataPointFlags::NoRecordedValueMask as u32 != 0
}

fn integer(count: u64) -> Result<i64, &'static str> {
    i64::try_from(count).map_err(|_| COUNT_TOO_LARGE)
}
