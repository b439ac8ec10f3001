//! The period of an objective: a literal INTERVAL of days and shorter units.

use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

const DAY_NS: i64 = 86_400_000_000_000;

/// The type in which a period is read.
pub(crate) fn coerced(kind: &DataType) -> DataType {
    match is_period(kind) {
        true => DataType::Interval(IntervalUnit::MonthDayNano),
        false => kind.clone(),
    }
}

pub(crate) fn is_period(kind: &DataType) -> bool {
    matches!(kind, DataType::Interval(_) | DataType::Duration(_))
}

/// The length in nanoseconds of a literal. `None` is no literal.
pub(super) fn of_literal(function: &str, literal: Option<&ScalarValue>) -> Result<i64> {
    let Some(literal) = literal else {
        return plan_err!("{function}: period must be a constant, for example INTERVAL '30 days'");
    };
    match literal.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano))? {
        ScalarValue::IntervalMonthDayNano(Some(period)) => length_ns(&format!("{function}: period"), period),
        _ => exec_err!("{function}: period must not be NULL"),
    }
}

/// The length in nanoseconds; `what` begins a message.
pub(crate) fn length_ns(what: &str, interval: IntervalMonthDayNano) -> Result<i64> {
    if interval.months != 0 {
        return exec_err!(
            "{what} has months, which differ in length: give it in days, for example INTERVAL '30 days'"
        );
    }
    let days = i64::from(interval.days).checked_mul(DAY_NS);
    match days.and_then(|days| days.checked_add(interval.nanoseconds)) {
        Some(length) if length > 0 => Ok(length),
        _ => exec_err!("{what} must be longer than 0 and at most 292 years"),
    }
}
