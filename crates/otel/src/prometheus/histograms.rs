//! Native histograms: sparse spans of buckets become the dense buckets of OpenTelemetry, where nothing is lost by it.
//!
//! Bucket `i` of Prometheus ends where bucket `i - 1` of OpenTelemetry does: `(base^(i-1), base^i]` is the one, `(base^i, base^(i+1)]` the
//! other. So the offset is the index of the first bucket less one, and the scale is the schema.

use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, exponential_histogram_data_point::Buckets,
};

use super::{
    messages::{BucketSpan, Count, Histogram, ZeroCount},
    points::{Budget, NO_RECORDED_VALUE, Times, is_stale},
};

/// The schemas whose bounds are powers of two and of its roots.
const EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
/// The schema whose bounds are listed.
const CUSTOM_SCHEMA: i32 = -53;
/// Buckets from the first to the last of one side. At the finest schema they reach over 256 powers of two.
const BUCKETS_MAX: i64 = 1 << 16;

const FRACTION: &str = "histogram: a count has a fraction, or is below zero or above 2^63 - 1";
const MIXED: &str = "histogram: integer and float counts are mixed";
const SPANS: &str = "histogram: the spans do not add up to its buckets";
const NEGATIVE: &str = "histogram: a bucket count is below zero";
const WIDE: &str = "histogram: from the first to the last bucket there are more than 65,536";

/// A histogram as OpenTelemetry has it; its attributes and exemplars are yet to come.
#[derive(Debug)]
pub(super) enum Converted {
    Exponential(ExponentialHistogramDataPoint),
    Explicit(HistogramDataPoint),
}

/// Converts a histogram.
///
/// # Errors
/// Why it cannot be said exactly.
pub(super) fn convert(
    histogram: &Histogram,
    created_ms: i64,
    budget: &mut Budget,
) -> Result<Converted, &'static str> {
    let times = Times::new(histogram.timestamp, histogram.start_timestamp, created_ms)?;
    let is_custom = histogram.schema == CUSTOM_SCHEMA;
    if !is_custom && !EXPONENTIAL_SCHEMAS.contains(&histogram.schema) {
        return Err("histogram: its schema is neither -4 to 8 nor -53");
    }
    if is_stale(histogram.sum) {
        return Ok(stale(&times, is_custom));
    }
    let counts = Counts::of(histogram)?;
    if is_custom {
        explicit(histogram, &times, &counts, budget)
    } else {
        exponential(histogram, &times, &counts, budget)
    }
}

fn stale(times: &Times, is_custom: bool) -> Converted {
    let (time_unix_nano, start_time_unix_nano, flags) = (times.time, times.start, NO_RECORDED_VALUE);
    if is_custom {
        Converted::Explicit(HistogramDataPoint {
            time_unix_nano,
            start_time_unix_nano,
            flags,
            ..Default::default()
        })
    } else {
        Converted::Exponential(ExponentialHistogramDataPoint {
            time_unix_nano,
            start_time_unix_nano,
            flags,
            ..Default::default()
        })
    }
}

fn exponential(
    histogram: &Histogram,
    times: &Times,
    counts: &Counts,
    budget: &mut Budget,
) -> Result<Converted, &'static str> {
    let mut side = |spans: &[BucketSpan], counts: &[u64]| -> Result<_, &'static str> {
        let Some(range) = Range::of(spans, counts.len())? else { return Ok(None) };
        budget.spend(range.buckets * size_of::<u64>())?;
        let offset = i32::try_from(range.first - 1).map_err(|_| SPANS)?;
        Ok(Some(Buckets { offset, bucket_counts: range.dense(spans, counts) }))
    };
    Ok(Converted::Exponential(ExponentialHistogramDataPoint {
        time_unix_nano: times.time,
        start_time_unix_nano: times.start,
        count: counts.all,
        sum: Some(histogram.sum),
        scale: histogram.schema,
        zero_count: counts.zero,
        zero_threshold: histogram.zero_threshold,
        positive: side(&histogram.positive_spans, &counts.positive)?,
        negative: side(&histogram.negative_spans, &counts.negative)?,
        ..Default::default()
    }))
}

fn explicit(
    histogram: &Histogram,
    times: &Times,
    counts: &Counts,
    budget: &mut Budget,
) -> Result<Converted, &'static str> {
    if counts.zero > 0 || !histogram.negative_spans.is_empty() || !counts.negative.is_empty() {
        return Err("histogram: custom buckets have neither a zero bucket nor negative ones");
    }
    let bounds = &histogram.custom_values;
    budget.spend((2 * bounds.len() + 1) * size_of::<u64>())?;
    let mut bucket_counts = vec![0; bounds.len() + 1];
    if let Some(range) = Range::of(&histogram.positive_spans, counts.positive.len())? {
        let first = usize::try_from(range.first).map_err(|_| SPANS)?;
        let place = bucket_counts.get_mut(first..).and_then(|rest| rest.get_mut(..range.buckets));
        let place = place.ok_or("histogram: a bucket lies past the last of its bounds")?;
        place.copy_from_slice(&range.dense(&histogram.positive_spans, &counts.positive));
    }
    Ok(Converted::Explicit(HistogramDataPoint {
        time_unix_nano: times.time,
        start_time_unix_nano: times.start,
        count: counts.all,
        sum: Some(histogram.sum),
        explicit_bounds: bounds.clone(),
        bucket_counts,
        ..Default::default()
    }))
}

/// The counts of a histogram, as integers.
struct Counts {
    all: u64,
    zero: u64,
    positive: Vec<u64>,
    negative: Vec<u64>,
}

impl Counts {
    fn of(histogram: &Histogram) -> Result<Self, &'static str> {
        let Histogram { positive_deltas, positive_counts, negative_deltas, negative_counts, .. } = histogram;
        if let Some(Count::Float(all)) = histogram.count {
            if !positive_deltas.is_empty() || !negative_deltas.is_empty() {
                return Err(MIXED);
            }
            let integers =
                |counts: &[f64]| counts.iter().map(|count| integer(*count)).collect::<Result<_, _>>();
            return Ok(Self {
                all: integer(all)?,
                zero: match histogram.zero_count {
                    Some(ZeroCount::Float(zero)) => integer(zero)?,
                    Some(ZeroCount::Integer(1..)) => return Err(MIXED),
                    Some(ZeroCount::Integer(0)) | None => 0,
                },
                positive: integers(positive_counts)?,
                negative: integers(negative_counts)?,
            });
        }
        if !positive_counts.is_empty() || !negative_counts.is_empty() {
            return Err(MIXED);
        }
        let Some(Count::Integer(all)) = histogram.count else { return Err("histogram: no count") };
        Ok(Self {
            all,
            zero: match histogram.zero_count {
                Some(ZeroCount::Integer(zero)) => zero,
                Some(ZeroCount::Float(zero)) if zero != 0.0 => return Err(MIXED),
                Some(ZeroCount::Float(_)) | None => 0,
            },
            positive: undo_deltas(positive_deltas)?,
            negative: undo_deltas(negative_deltas)?,
        })
    }
}

/// A count that a float histogram gives, where it is one.
fn integer(count: f64) -> Result<u64, &'static str> {
    // the first double past what a count may be; those below it are integers of 64 bits
    let end = (1_u64 << 63) as f64;
    if count.fract() == 0.0 && (0.0..end).contains(&count) { Ok(count as u64) } else { Err(FRACTION) }
}

fn undo_deltas(deltas: &[i64]) -> Result<Vec<u64>, &'static str> {
    let mut count = 0_i64;
    deltas
        .iter()
        .map(|delta| {
            count = count.checked_add(*delta).ok_or("histogram: a bucket count is above 2^63 - 1")?;
            u64::try_from(count).map_err(|_| NEGATIVE)
        })
        .collect()
}

/// From the first bucket to the last, gaps included.
struct Range {
    first: i64,
    buckets: usize,
}

impl Range {
    /// `None` without buckets.
    fn of(spans: &[BucketSpan], counts: usize) -> Result<Option<Self>, &'static str> {
        let total: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
        if total != counts as u64 || spans.iter().skip(1).any(|span| span.offset < 0) {
            return Err(SPANS);
        }
        // in 64 bits: each of the 2^26 spans that a body could hold moves the end by less than 2^33
        let (mut end, mut last, mut first) = (0_i64, 0_i64, None);
        for span in spans {
            let start = end + i64::from(span.offset);
            end = start + i64::from(span.length);
            if span.length > 0 {
                first.get_or_insert(start);
                last = end;
            }
        }
        let Some(first) = first else { return Ok(None) };
        if last - first > BUCKETS_MAX {
            return Err(WIDE);
        }
        Ok(Some(Self { first, buckets: usize::try_from(last - first).map_err(|_| SPANS)? }))
    }

    /// The counts at their places, zeros between them.
    fn dense(&self, spans: &[BucketSpan], counts: &[u64]) -> Vec<u64> {
        let mut dense = Vec::with_capacity(self.buckets);
        let mut counts = counts;
        let mut index = 0_i64;
        for span in spans {
            index += i64::from(span.offset);
            let (here, rest) = counts.split_at(span.length as usize);
            if !here.is_empty() {
                dense.resize(usize::try_from(index - self.first).expect("no gap is below zero"), 0);
                dense.extend_from_slice(here);
            }
            index += i64::from(span.length);
            counts = rest;
        }
        dense
    }
}
