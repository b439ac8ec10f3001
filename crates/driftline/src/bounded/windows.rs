//! Aggregates that make a list of their rows, over windows: every row gets a list of its own, of all rows of its frame.

use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};

use super::{FRAME_ROWS_MAX, refused};

/// The aggregates whose result grows with their rows.
const LISTS: [&str; 2] = ["array_agg", "string_agg"];

/// Fails for a list in every row of a window without bounds.
pub(super) fn check(call: &WindowFunction) -> DfResult<()> {
    let name = call.fun.name();
    if !LISTS.contains(&name) || rows_of(&call.params.window_frame).is_some_and(|rows| rows <= FRAME_ROWS_MAX)
    {
        return Ok(());
    }
    Err(refused(format!(
        "{name} over a window makes a list for every row: its frame must be of at most {FRAME_ROWS_MAX} rows, as in ROWS BETWEEN 9 \
         PRECEDING AND CURRENT ROW; for one list of all rows use GROUP BY"
    )))
}

/// The most rows that a frame has, where that is known.
fn rows_of(frame: &WindowFrame) -> Option<u64> {
    if frame.units != WindowFrameUnits::Rows {
        return None;
    }
    let before = match &frame.start_bound {
        WindowFrameBound::Preceding(rows) => count(rows)?,
        WindowFrameBound::CurrentRow | WindowFrameBound::Following(_) => 0,
    };
    let after = match &frame.end_bound {
        WindowFrameBound::Following(rows) => count(rows)?,
        WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(_) => 0,
    };
    Some(before.saturating_add(after).saturating_add(1))
}

/// The rows of a bound; none where it has no end.
fn count(rows: &ScalarValue) -> Option<u64> {
    match rows {
        ScalarValue::UInt64(rows) => *rows,
        _ => None,
    }
}
