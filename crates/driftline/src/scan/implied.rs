//! What a condition on a rounded time says of the time itself: `date_trunc('day', time) = x`, `CAST(time AS DATE) >= x` and
//! `date_bin(INTERVAL '1 hour', time) < x` bound `time`, and with it the days and row groups to be read. A bound may be wide, never
//! narrow: the condition itself is still evaluated on every row.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, conjunction};
use driftline_storage::TIME_COLUMN;

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// A condition on `time` that holds wherever the given one does; `None` where it says nothing of `time`.
pub(super) fn time_bounds(
    condition: &Arc<dyn PhysicalExpr>,
    table: &SchemaRef,
) -> Option<Arc<dyn PhysicalExpr>> {
    let binary = condition.downcast_ref::<BinaryExpr>()?;
    let (rounded, operator, value) = match (rounded(binary.left(), table), rounded(binary.right(), table)) {
        (Some(rounded), None) => (rounded, *binary.op(), instant(binary.right())?),
        (None, Some(rounded)) => (rounded, binary.op().swap()?, instant(binary.left())?),
        _ => return None,
    };
    // rounded down, a time is at most itself and less than one unit below itself
    let above = |start: i64| rounded.compare(Operator::GtEq, start);
    let below = |end: i64| rounded.compare(Operator::LtEq, end.saturating_add(rounded.unit_ns));
    match operator {
        Operator::Eq => Some(conjunction([above(value), below(value)])),
        Operator::Gt | Operator::GtEq => Some(above(value)),
        Operator::Lt | Operator::LtEq => Some(below(value)),
        _ => None,
    }
}

/// `time`, rounded down to a unit of at most so many nanoseconds.
struct Rounded {
    time: Arc<dyn PhysicalExpr>,
    data_type: DataType,
    unit_ns: i64,
}

impl Rounded {
    fn compare(&self, operator: Operator, time_ns: i64) -> Arc<dyn PhysicalExpr> {
        let zone = match &self.data_type {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let bound = Literal::new(ScalarValue::TimestampNanosecond(Some(time_ns), zone));
        Arc::new(BinaryExpr::new(Arc::clone(&self.time), operator, Arc::new(bound)))
    }
}

fn rounded(expr: &Arc<dyn PhysicalExpr>, table: &SchemaRef) -> Option<Rounded> {
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        let to_day = cast.cast_type() == &DataType::Date32;
        return to_day.then(|| over_time(cast.expr(), DAY_NS, table)).flatten();
    }
    let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match (function.name(), function.args()) {
        ("date_trunc", [unit, time]) => over_time(time, unit_ns(unit)?, table),
        ("date_bin", [stride, time, ..]) => over_time(time, stride_ns(stride)?, table),
        _ => None,
    }
}

fn over_time(expr: &Arc<dyn PhysicalExpr>, unit_ns: i64, table: &SchemaRef) -> Option<Rounded> {
    let column = expr.downcast_ref::<Column>().filter(|column| column.name() == TIME_COLUMN)?;
    let data_type = table.field(column.index()).data_type().clone();
    Some(Rounded { time: Arc::clone(expr), data_type, unit_ns })
}

/// The longest that a unit of `date_trunc` can be.
fn unit_ns(unit: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    let name = unit.downcast_ref::<Literal>()?.value().try_as_str()??.to_lowercase();
    Some(match name.as_str() {
        "microsecond" | "millisecond" | "second" => SECOND_NS,
        "minute" => 60 * SECOND_NS,
        "hour" => 3_600 * SECOND_NS,
        "day" => DAY_NS,
        "week" => 7 * DAY_NS,
        "month" => 31 * DAY_NS,
        "quarter" => 92 * DAY_NS,
        "year" => 366 * DAY_NS,
        _ => return None,
    })
}

/// The longest that a stride of `date_bin` can be.
fn stride_ns(stride: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    let ScalarValue::IntervalMonthDayNano(Some(stride)) = stride.downcast_ref::<Literal>()?.value() else {
        return None;
    };
    let days = i64::from(stride.months).checked_mul(31)?.checked_add(i64::from(stride.days))?;
    let length = days.checked_mul(DAY_NS)?.checked_add(stride.nanoseconds)?;
    (length > 0).then_some(length)
}

/// A constant time or day, in nanoseconds.
fn instant(expr: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::TimestampNanosecond(time, _) => *time,
        ScalarValue::Date32(day) => i64::from((*day)?).checked_mul(DAY_NS),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
