//! What the calls of `slo_status` and `slo_history` say.

use arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, IntervalMonthDayNanoType, IntervalUnit, Schema, TimeUnit, TimestampNanosecondType,
};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

use super::span::{MINUTE_NS, Span};
use super::table::Question;
use crate::catalog::Relations;
use crate::error::{Error, Result};

const STATUS_USAGE: &str =
    "slo_status takes ('name' [, at]), as in slo_status('checkout', now() - INTERVAL '1 day')";
const HISTORY_USAGE: &str =
    "slo_history takes ('name', step [, at]), as in slo_history('checkout', INTERVAL '1 hour')";
const DAY_MINUTES: i64 = 1_440;

pub(super) fn of_status(args: &[Expr], session: &dyn Session, relations: &Relations) -> Result<Question> {
    let (name, at) = match args {
        [name] => (name, None),
        [name, at] => (name, Some(at)),
        _ => return Err(Error::invalid(format!("{STATUS_USAGE}, got {} arguments", args.len()))),
    };
    let name = text(name, STATUS_USAGE)?;
    let at_ns = at.map(|at| instant(at, session, STATUS_USAGE)).transpose()?;
    match name.contains('%') {
        true => Ok(Question::Statuses { like: Some(name), at_ns }),
        false => Ok(Question::Status { slo: Box::new(relations.slo(&name)?), at_ns }),
    }
}

pub(super) fn of_history(args: &[Expr], session: &dyn Session, relations: &Relations) -> Result<Question> {
    let (name, step, at) = match args {
        [name, step] => (name, step, None),
        [name, step, at] => (name, step, Some(at)),
        _ => return Err(Error::invalid(format!("{HISTORY_USAGE}, got {} arguments", args.len()))),
    };
    let slo = relations.slo(&text(name, HISTORY_USAGE)?)?;
    let step = length(step, session)?;
    let at_ns = at.map(|at| instant(at, session, HISTORY_USAGE)).transpose()?;
    Ok(Question::History { slo: Box::new(slo), step, at_ns })
}

fn text(expr: &Expr, usage: &str) -> Result<String> {
    match expr {
        Expr::Literal(value, _) => match value.try_as_str() {
            Some(Some(text)) => Ok(text.to_owned()),
            _ => Err(Error::invalid(format!("{usage}; its name is a text, got {value}"))),
        },
        other => Err(Error::invalid(format!("{usage}; its name is a text, got {other}"))),
    }
}

/// A moment, in nanoseconds since 1970.
fn instant(expr: &Expr, session: &dyn Session, usage: &str) -> Result<i64> {
    let value = constant(expr, session)?;
    let kind = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let value =
        cast(&value, &kind).map_err(|_| Error::invalid(format!("{usage}; at is a TIMESTAMP, got {expr}")))?;
    let value = value.as_primitive::<TimestampNanosecondType>();
    match value.iter().next().flatten() {
        Some(at_ns) => Ok(at_ns),
        None => Err(Error::invalid(format!("{usage}; at must not be NULL"))),
    }
}

/// A length of whole minutes.
fn length(expr: &Expr, session: &dyn Session) -> Result<Span> {
    let wrong = || {
        Error::invalid(format!(
            "{HISTORY_USAGE}; step is an INTERVAL of whole minutes, at least one, without months, got {expr}"
        ))
    };
    let value = constant(expr, session)?;
    let value = cast(&value, &DataType::Interval(IntervalUnit::MonthDayNano)).map_err(|_| wrong())?;
    let value = value.as_primitive::<IntervalMonthDayNanoType>();
    let interval = value.iter().next().flatten().ok_or_else(wrong)?;
    if interval.months != 0 || interval.nanoseconds % MINUTE_NS != 0 {
        return Err(wrong());
    }
    let minutes = i64::from(interval.days) * DAY_MINUTES + interval.nanoseconds / MINUTE_NS;
    if minutes < 1 {
        return Err(wrong());
    }
    Ok(Span::of_minutes(minutes))
}

/// The value of an expression that needs no row.
fn constant(expr: &Expr, session: &dyn Session) -> Result<arrow::array::ArrayRef> {
    let nothing = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &nothing)?;
    let physical = session.create_physical_expr(expr.clone(), &DFSchema::empty())?;
    Ok(physical.evaluate(&row)?.into_array(1)?)
}
