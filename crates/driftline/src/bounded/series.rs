//! The bytes of `range` and `generate_series` as functions that make lists: of integers, dates and times.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};

use super::column::Column;

const ELEMENT_BYTES: u64 = 8;
const HOUR_NS: i128 = 3_600_000_000_000;
const DAY_NS: i128 = 24 * HOUR_NS;
/// The shortest day, where clocks are put forward, and the shortest month.
const DAY_MIN_NS: i128 = 23 * HOUR_NS;
const MONTH_MIN_NS: i128 = 28 * DAY_MIN_NS;

/// The bytes of the list of one row, at most.
pub(super) fn bytes(arguments: &[Column], row: usize) -> u64 {
    let elements = match arguments {
        [stop] => stop.integer(row).map(|stop| steps(0, stop.into(), 1)),
        [start, stop, step @ ..] => match start.integer(row).zip(stop.integer(row)) {
            Some((start, stop)) => {
                let step = step.first().map_or(Some(1), |step| step.integer(row));
                step.map(|step| steps(start.into(), stop.into(), step.into()))
            }
            None => of_times(start, stop, step.first(), row),
        },
        [] => None,
    };
    elements.unwrap_or_default().saturating_mul(ELEMENT_BYTES)
}

/// The elements between two ends; a step of zero is an error of its own.
fn steps(start: i128, stop: i128, step: i128) -> u64 {
    let way = stop - start;
    match way.checked_div(step) {
        Some(steps) if way == 0 || (way < 0) == (step < 0) => {
            u64::try_from(steps).map_or(u64::MAX, |steps| steps.saturating_add(1))
        }
        _ => 0,
    }
}

fn of_times(start: &Column, stop: &Column, step: Option<&Column>, row: usize) -> Option<u64> {
    let (start, stop) = (time_ns(start, row)?, time_ns(stop, row)?);
    let step = step?;
    let at = step.at(row);
    let intervals = step.values().as_primitive_opt::<IntervalMonthDayNanoType>()?;
    match intervals.is_valid(at).then(|| shortest_ns(intervals.value(at)))? {
        Some(step) => Some(steps(start, stop, step)),
        // it may go to and fro
        None => Some(u64::MAX),
    }
}

/// The least that a step goes, in its direction; none where it is months ahead and days back.
fn shortest_ns(step: IntervalMonthDayNano) -> Option<i128> {
    let parts = [i128::from(step.months), i128::from(step.days), i128::from(step.nanoseconds)];
    if parts.iter().any(|part| *part < 0) && parts.iter().any(|part| *part > 0) {
        return None;
    }
    Some(parts[0] * MONTH_MIN_NS + parts[1] * DAY_MIN_NS + parts[2])
}

fn time_ns(times: &Column, row: usize) -> Option<i128> {
    match times.data_type() {
        DataType::Date32 => Some(value::<Date32Type>(times, row)? * DAY_NS),
        DataType::Date64 => Some(value::<Date64Type>(times, row)? * 1_000_000),
        DataType::Timestamp(TimeUnit::Second, _) => {
            Some(value::<TimestampSecondType>(times, row)? * 1_000_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(value::<TimestampMillisecondType>(times, row)? * 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(value::<TimestampMicrosecondType>(times, row)? * 1_000)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => value::<TimestampNanosecondType>(times, row),
        _ => None,
    }
}

fn value<T: ArrowPrimitiveType<Native: Into<i128>>>(times: &Column, row: usize) -> Option<i128> {
    let at = times.at(row);
    let values = times.values().as_primitive_opt::<T>()?;
    values.is_valid(at).then(|| values.value(at).into())
}
