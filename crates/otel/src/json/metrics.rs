//! Metrics from JSON. A data point that cannot be read leaves the other points of its metric alone.

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint,
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    summary_data_point::ValueAtQuantile,
};
use serde_json::Value;

use super::{
    JsonItem,
    common::attributes,
    object::{Object, Read},
};
use crate::mapper::Rejects;

const KINDS: [&str; 5] = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

impl JsonItem for Metric {
    const SCOPES: &str = "scopeMetrics";
    const ITEMS: &str = "metrics";

    fn read(value: &Value, rejects: &mut Rejects) -> Read<Self> {
        let metric = Object::new(value, "metric")?;
        let kind = KINDS.into_iter().find_map(|kind| metric.get(kind).map(|data| (kind, data)));
        Ok(Self {
            name: metric.text("name")?,
            description: metric.text("description")?,
            unit: metric.text("unit")?,
            metadata: attributes(metric, "metadata")?,
            data: kind.map(|(kind, data)| read_data(kind, data, rejects)).transpose()?,
        })
    }

    fn rows(value: &Value) -> u64 {
        let data = KINDS.into_iter().find_map(|kind| value.get(kind));
        let points = data.and_then(|data| data.get("dataPoints")).and_then(Value::as_array);
        points.map_or(1, |points| points.len() as u64).max(1)
    }
}

fn read_data(kind: &str, value: &Value, rejects: &mut Rejects) -> Read<Data> {
    let data = Object::new(value, "metric data")?;
    let temporality = |name: &str| AggregationTemporality::from_str_name(name).map(|value| value as i32);
    let aggregation_temporality = data.enumeration("aggregationTemporality", temporality)?;
    Ok(match kind {
        "gauge" => Data::Gauge(Gauge { data_points: points(data, number, rejects)? }),
        "sum" => Data::Sum(Sum {
            data_points: points(data, number, rejects)?,
            aggregation_temporality,
            is_monotonic: data.boolean("isMonotonic")?,
        }),
        "histogram" => Data::Histogram(Histogram {
            data_points: points(data, histogram, rejects)?,
            aggregation_temporality,
        }),
        "exponentialHistogram" => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: points(data, exponential, rejects)?,
            aggregation_temporality,
        }),
        _ => Data::Summary(Summary { data_points: points(data, summary, rejects)? }),
    })
}

/// The points that can be read; the others are counted.
fn points<T>(data: Object<'_>, read: impl Fn(Object<'_>) -> Read<T>, rejects: &mut Rejects) -> Read<Vec<T>> {
    let mut points = Vec::new();
    for value in data.list("dataPoints")?.iter().filter(|value| !value.is_null()) {
        match Object::new(value, "data point").and_then(&read) {
            Ok(point) => points.push(point),
            Err(reason) => rejects.add(&reason, 1),
        }
    }
    Ok(points)
}

fn number(point: Object<'_>) -> Read<NumberDataPoint> {
    use number_data_point::Value::{AsDouble, AsInt};
    let value = match point.i64("asInt")? {
        Some(value) => Some(AsInt(value)),
        None => point.double("asDouble")?.map(AsDouble),
    };
    let mut flags = point.u32("flags")?;
    if value.is_none() && (point.has("asDouble") || point.has("asInt")) {
        // JavaScript writes NaN and the infinities as null: there was a measurement, its value is not known
        flags |= DataPointFlags::NoRecordedValueMask as u32;
    }
    Ok(NumberDataPoint {
        attributes: attributes(point, "attributes")?,
        start_time_unix_nano: point.u64("startTimeUnixNano")?,
        time_unix_nano: point.u64("timeUnixNano")?,
        exemplars: point.each("exemplars", exemplar)?,
        flags,
        value,
    })
}

fn histogram(point: Object<'_>) -> Read<HistogramDataPoint> {
    Ok(HistogramDataPoint {
        attributes: attributes(point, "attributes")?,
        start_time_unix_nano: point.u64("startTimeUnixNano")?,
        time_unix_nano: point.u64("timeUnixNano")?,
        count: point.u64("count")?,
        sum: point.double("sum")?,
        bucket_counts: point.counts("bucketCounts")?,
        explicit_bounds: point.doubles("explicitBounds")?,
        exemplars: point.each("exemplars", exemplar)?,
        flags: point.u32("flags")?,
        min: point.double("min")?,
        max: point.double("max")?,
    })
}

fn exponential(point: Object<'_>) -> Read<ExponentialHistogramDataPoint> {
    Ok(ExponentialHistogramDataPoint {
        attributes: attributes(point, "attributes")?,
        start_time_unix_nano: point.u64("startTimeUnixNano")?,
        time_unix_nano: point.u64("timeUnixNano")?,
        count: point.u64("count")?,
        sum: point.double("sum")?,
        scale: point.i32("scale")?,
        zero_count: point.u64("zeroCount")?,
        positive: point.get("positive").map(buckets).transpose()?,
        negative: point.get("negative").map(buckets).transpose()?,
        flags: point.u32("flags")?,
        exemplars: point.each("exemplars", exemplar)?,
        min: point.double("min")?,
        max: point.double("max")?,
        zero_threshold: point.double("zeroThreshold")?.unwrap_or_default(),
    })
}

fn buckets(value: &Value) -> Read<Buckets> {
    let buckets = Object::new(value, "buckets")?;
    Ok(Buckets { offset: buckets.i32("offset")?, bucket_counts: buckets.counts("bucketCounts")? })
}

fn summary(point: Object<'_>) -> Read<SummaryDataPoint> {
    Ok(SummaryDataPoint {
        attributes: attributes(point, "attributes")?,
        start_time_unix_nano: point.u64("startTimeUnixNano")?,
        time_unix_nano: point.u64("timeUnixNano")?,
        count: point.u64("count")?,
        sum: point.double("sum")?.unwrap_or_default(),
        quantile_values: point.each("quantileValues", quantile)?,
        flags: point.u32("flags")?,
    })
}

fn quantile(value: &Value) -> Read<ValueAtQuantile> {
    let pair = Object::new(value, "quantile")?;
    let quantile = pair.double("quantile")?.unwrap_or_default();
    Ok(ValueAtQuantile { quantile, value: pair.double("value")?.unwrap_or_default() })
}

fn exemplar(value: &Value) -> Read<Exemplar> {
    use exemplar::Value::{AsDouble, AsInt};
    let point = Object::new(value, "exemplar")?;
    let value = match point.i64("asInt")? {
        Some(value) => Some(AsInt(value)),
        None => point.double("asDouble")?.map(AsDouble),
    };
    Ok(Exemplar {
        filtered_attributes: attributes(point, "filteredAttributes")?,
        time_unix_nano: point.u64("timeUnixNano")?,
        span_id: point.hex("spanId")?,
        trace_id: point.hex("traceId")?,
        value,
    })
}
