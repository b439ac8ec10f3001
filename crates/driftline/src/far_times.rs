//! A time that no TIMESTAMP can hold, compared with one: `time < '9999-12-31'` is true of every time, as it reads, and
//! `time = '1600-01-01'` of none. To DataFusion it would be an overflow of the constant.

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, lit};
use datafusion::optimizer::AnalyzerRule;

use crate::plan_expressions;

/// Answers comparisons with times before 1677-09-21 or after 2262-04-11.
#[derive(Debug)]
pub(crate) struct FarTimes;

/// Where a time lies that a TIMESTAMP cannot hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Far {
    Before,
    After,
}

impl AnalyzerRule for FarTimes {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan_expressions::rewrite(plan, rewrite)
    }

    fn name(&self) -> &str {
        "far_times"
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let answer = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => compared(left, *op, right, schema)?,
        Expr::Between(Between { expr: time, negated, low, high }) if far(low).or(far(high)).is_some() => {
            let bound = |op, bound: &Expr| -> DfResult<Expr> {
                let plain = || Expr::BinaryExpr(BinaryExpr::new(time.clone(), op, Box::new(bound.clone())));
                Ok(compared(time, op, bound, schema)?.unwrap_or_else(plain))
            };
            let inside = bound(Operator::GtEq, low)?.and(bound(Operator::LtEq, high)?);
            Some(if *negated { !inside } else { inside })
        }
        Expr::InList(InList { expr: time, list, negated }) if is_time(time, schema) => {
            let near: Vec<Expr> = list.iter().filter(|item| far(item).is_none()).cloned().collect();
            let op = if *negated { Operator::NotEq } else { Operator::Eq };
            match (near.is_empty(), near.len() == list.len(), list.first()) {
                (true, _, Some(item)) => compared(time, op, item, schema)?,
                (_, true, _) | (_, _, None) => None,
                _ => Some(Expr::InList(InList::new(time.clone(), near, *negated))),
            }
        }
        _ => None,
    };
    Ok(answer.map_or_else(|| Transformed::no(expr), Transformed::yes))
}

/// The answer of a comparison of a time with one that is far, on either side.
fn compared(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> DfResult<Option<Expr>> {
    let (time, op, far) = match (far(left), far(right), op.swap()) {
        (None, Some(far), _) => (left, op, far),
        (Some(far), None, Some(swapped)) => (right, swapped, far),
        _ => return Ok(None),
    };
    if !is_time(time, schema) {
        return Ok(None);
    }
    let holds = match op {
        Operator::Lt | Operator::LtEq => far == Far::After,
        Operator::Gt | Operator::GtEq => far == Far::Before,
        Operator::Eq => false,
        Operator::NotEq => true,
        _ => return Ok(None),
    };
    if !time.nullable(schema)? {
        return Ok(Some(lit(holds)));
    }
    // NULL stays NULL
    let zone = match time.get_type(schema)? {
        DataType::Timestamp(_, zone) => zone,
        _ => None,
    };
    let last = Expr::Literal(ScalarValue::TimestampNanosecond(Some(i64::MAX), zone), None);
    Ok(Some(if holds { time.clone().lt_eq(last) } else { time.clone().gt(last) }))
}

fn is_time(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Timestamp(TimeUnit::Nanosecond, _)))
}

/// Whether a constant is a time that no TIMESTAMP can hold.
fn far(expr: &Expr) -> Option<Far> {
    let text = match expr {
        Expr::Cast(Cast { expr, field })
            if matches!(field.data_type(), DataType::Timestamp(..) | DataType::Date32) =>
        {
            return far(expr);
        }
        Expr::Literal(value, _) => value.try_as_str().flatten()?,
        _ => return None,
    };
    let utc: Tz = "+00:00".parse().ok()?;
    let time = string_to_datetime(&utc, text).ok()?;
    match time.timestamp_nanos_opt() {
        Some(_) => None,
        None if time.timestamp() < 0 => Some(Far::Before),
        None => Some(Far::After),
    }
}
