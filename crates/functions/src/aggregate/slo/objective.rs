//! The objective of a service level: a share in (0, 1).

use datafusion::common::{Result, ScalarValue, exec_err};

/// What stands for the objective of a function that has none.
pub(super) const NONE: f64 = 0.5;

/// Checks an objective. A percentage is the common slip, so the message says which share it may mean.
pub(crate) fn check(objective: f64) -> Result<f64> {
    if objective > 0.0 && objective < 1.0 {
        return Ok(objective);
    }
    let share = objective / 100.0;
    if objective > 1.0 && share < 1.0 {
        // 99.9 / 100 is 0.9990000000000001: show what was meant
        let share = format!("{share:.12}");
        let share = share.trim_end_matches('0');
        return exec_err!("objective must lie in (0, 1), got {objective} (did you mean {share}?)");
    }
    exec_err!("objective must lie in (0, 1), got {objective}")
}

/// Reads a literal objective. A NULL objective is `None`.
pub(crate) fn of_literal(literal: &ScalarValue) -> Result<Option<f64>> {
    match literal.cast_to(&arrow::datatypes::DataType::Float64)? {
        ScalarValue::Float64(Some(objective)) => check(objective).map(Some),
        _ => Ok(None),
    }
}
