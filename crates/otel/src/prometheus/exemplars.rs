//! Exemplars: what they become, and which points they belong to.
//!
//! A sender may give them apart from the samples of their series, as Prometheus does. OpenTelemetry has them in points alone, so each goes to
//! the first point of its series that is not older, as the scrape that found it; else to the last.

use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Metric, NumberDataPoint, exemplar::Value, metric::Data,
};

use super::{
    labels::{self, Label},
    points::{Budget, NO_RECORDED_VALUE, time_ns},
};
use crate::ids::{SpanId, TraceId};

/// Bytes of an exemplar without labels.
const EXEMPLAR_BYTES: usize = 256;

/// Converts an exemplar.
///
/// # Errors
/// Why it cannot be taken.
pub(super) fn convert(
    labels: &[Label<'_>],
    value: f64,
    time_ms: i64,
    budget: &mut Budget,
) -> Result<Exemplar, &'static str> {
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Err("exemplar: a label without a name");
    }
    let time = time_ns(time_ms).ok_or("exemplar: its time is not after 1970-01-01 and before 2262-04-11")?;
    budget.spend(EXEMPLAR_BYTES + labels::cost(labels))?;
    let mut exemplar =
        Exemplar { time_unix_nano: time, value: Some(Value::AsDouble(value)), ..Default::default() };
    for (name, value) in labels {
        let id = bytes_of_hex(value).filter(|id| match *name {
            "trace_id" => TraceId::read(id).valid().is_some(),
            "span_id" => SpanId::read(id).valid().is_some(),
            _ => false,
        });
        match id {
            Some(id) if *name == "trace_id" => exemplar.trace_id = id,
            Some(id) => exemplar.span_id = id,
            None => exemplar.filtered_attributes.push(labels::attribute(name, value)),
        }
    }
    Ok(exemplar)
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::try_from(16 * digit(pair.first()?)? + digit(pair.get(1)?)?).ok()).collect()
}

/// Gives exemplars to the points of their series.
///
/// # Errors
/// How many found no point that has a value.
pub(super) fn attach(exemplars: Vec<Exemplar>, metrics: &mut [Metric]) -> Result<(), u64> {
    let mut points: Vec<_> = metrics.iter_mut().flat_map(points).filter(|point| !point.is_empty).collect();
    points.sort_by_key(|point| point.time);
    let Some(last) = points.len().checked_sub(1) else { return Err(exemplars.len() as u64) };
    for exemplar in exemplars {
        let first = points.partition_point(|point| point.time < exemplar.time_unix_nano);
        points[first.min(last)].exemplars.push(exemplar);
    }
    Ok(())
}

struct Point<'a> {
    time: u64,
    is_empty: bool,
    exemplars: &'a mut Vec<Exemplar>,
}

fn points(metric: &mut Metric) -> Vec<Point<'_>> {
    fn point(time: u64, flags: u32, exemplars: &mut Vec<Exemplar>) -> Point<'_> {
        Point { time, is_empty: flags & NO_RECORDED_VALUE != 0, exemplars }
    }
    fn numbers(points: &mut [NumberDataPoint]) -> Vec<Point<'_>> {
        points.iter_mut().map(|p| point(p.time_unix_nano, p.flags, &mut p.exemplars)).collect()
    }
    match &mut metric.data {
        Some(Data::Gauge(gauge)) => numbers(&mut gauge.data_points),
        Some(Data::Sum(sum)) => numbers(&mut sum.data_points),
        Some(Data::Histogram(histogram)) => {
            let points = histogram.data_points.iter_mut();
            points.map(|p| point(p.time_unix_nano, p.flags, &mut p.exemplars)).collect()
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let points = histogram.data_points.iter_mut();
            points.map(|p| point(p.time_unix_nano, p.flags, &mut p.exemplars)).collect()
        }
        Some(Data::Summary(_)) | None => Vec::new(),
    }
}
