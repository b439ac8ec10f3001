//! What samples and histograms have in common: times, staleness, what a series' labels cost.

use opentelemetry_proto::tonic::metrics::v1::{DataPointFlags, NumberDataPoint, number_data_point::Value};

use super::messages::Sample;

/// The value by which Prometheus says that a series has ended. Other NaNs are values.
pub(crate) const STALE: u64 = 0x7FF0_0000_0000_0002;
pub(super) const NO_RECORDED_VALUE: u32 = DataPointFlags::NoRecordedValueMask as u32;

/// Bytes that the points of one request may take, the labels of their series repeated for each: a small body must not become gigabytes.
const EXPANDED_BYTES_MAX: usize = 512 << 20;

const NS_PER_MS: u64 = 1_000_000;

/// The times of a point, in nanoseconds; a start of 0 is not set.
pub(super) struct Times {
    pub(super) time: u64,
    pub(super) start: u64,
}

impl Times {
    /// From milliseconds. Where a point has no start, that of its series counts.
    pub(super) fn new(time_ms: i64, start_ms: i64, created_ms: i64) -> Result<Self, &'static str> {
        let start_ms = if start_ms == 0 { created_ms } else { start_ms };
        Ok(Self {
            time: time_ns(time_ms)
                .filter(|time| *time > 0)
                .ok_or("sample: its time is not after 1970-01-01 and before 2262-04-11")?,
            start: time_ns(start_ms)
                .ok_or("sample: its start time is not after 1970-01-01 and before 2262-04-11")?,
        })
    }
}

/// Nanoseconds; `None` before 1970 or where 63 bits do not hold them.
pub(super) fn time_ns(time_ms: i64) -> Option<u64> {
    let ns = u64::try_from(time_ms).ok()?.checked_mul(NS_PER_MS)?;
    i64::try_from(ns).is_ok().then_some(ns)
}

pub(super) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// A sample as a data point without attributes; a start counts only `with_start`.
pub(super) fn number(
    sample: &Sample,
    created_ms: i64,
    with_start: bool,
) -> Result<NumberDataPoint, &'static str> {
    let (start_ms, created_ms) = if with_start { (sample.start_timestamp, created_ms) } else { (0, 0) };
    let times = Times::new(sample.timestamp, start_ms, created_ms)?;
    let stale = is_stale(sample.value);
    Ok(NumberDataPoint {
        time_unix_nano: times.time,
        start_time_unix_nano: times.start,
        flags: if stale { NO_RECORDED_VALUE } else { 0 },
        value: (!stale).then_some(Value::AsDouble(sample.value)),
        ..Default::default()
    })
}

/// What the points of a request may still take.
#[derive(Debug)]
pub(super) struct Budget(pub(super) usize);

impl Default for Budget {
    fn default() -> Self {
        Self(EXPANDED_BYTES_MAX)
    }
}

impl Budget {
    /// Takes a part of it.
    ///
    /// # Errors
    /// It is used up.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), &'static str> {
        let left = self.0.checked_sub(bytes);
        self.0 =
            left.ok_or("request: its points with all their labels exceed 512 MiB: send smaller batches")?;
        Ok(())
    }
}
