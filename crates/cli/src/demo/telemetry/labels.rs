//! What people found out about a sample of the answers, two days later. `time` is when the label arrived, so that any past day can
//! be looked at with what was known then.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, BooleanArray, StringArray, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;

use crate::demo::bot::Turn;
use crate::demo::calendar::SECOND_NS;

pub(in crate::demo) const LABELS_TABLE: &str = "labels";

/// People label from nine to five.
const OFFICE_OPENS_NS: i64 = 9 * 3_600 * SECOND_NS;
const OFFICE_HOURS_NS: i64 = 8 * 3_600 * SECOND_NS;

pub(in crate::demo) fn create_table() -> String {
    format!(
        "CREATE TABLE {LABELS_TABLE} (time TIMESTAMP NOT NULL, span_id TEXT NOT NULL, trace_id TEXT NOT NULL, \
         predicted_at TIMESTAMP NOT NULL, is_correct BOOLEAN NOT NULL) WITH (bloom = 'span_id')"
    )
}

/// The labels of a day's answers, spread over the office hours of the day on which they arrive.
pub(super) fn batch(turns: &[Turn], arrival_day_ns: i64) -> Result<RecordBatch> {
    let labelled: Vec<&Turn> = turns.iter().filter(|turn| turn.labelled).collect();
    let step = OFFICE_HOURS_NS / (labelled.len().max(1) as i64);
    let arrivals = (0..labelled.len() as i64).map(|n| arrival_day_ns + OFFICE_OPENS_NS + n * step);
    let columns: [(&str, ArrayRef); 5] = [
        ("time", Arc::new(TimestampNanosecondArray::from_iter_values(arrivals).with_timezone("UTC"))),
        ("span_id", Arc::new(StringArray::from_iter_values(labelled.iter().map(|turn| hex(&turn.span_id))))),
        (
            "trace_id",
            Arc::new(StringArray::from_iter_values(labelled.iter().map(|turn| hex(&turn.trace_id)))),
        ),
        (
            "predicted_at",
            Arc::new(
                TimestampNanosecondArray::from_iter_values(labelled.iter().map(|turn| turn.start_ns))
                    .with_timezone("UTC"),
            ),
        ),
        ("is_correct", Arc::new(BooleanArray::from_iter(labelled.iter().map(|turn| Some(turn.is_correct))))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, false)))?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
