//! `driftline.ingest_stats`: what happened to telemetry since the database was opened: accepted, rejected by reason, moved by
//! column, redacted by rule, repeated; and the bytes that came.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::datatypes::Schema;

use super::{number, text};
use crate::db::IngestStats;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("signal", false),
        text("outcome", false),
        text("detail", true),
        number("count", false),
        number("bytes", false),
    ])
}

pub(super) fn columns(stats: &IngestStats) -> Vec<ArrayRef> {
    let counts = stats.counts();
    let detail = |detail: &str| (!detail.is_empty()).then(|| detail.to_owned());
    vec![
        Arc::new(StringViewArray::from_iter_values(counts.iter().map(|line| &line.signal))),
        Arc::new(StringViewArray::from_iter_values(counts.iter().map(|line| line.outcome))),
        Arc::new(StringViewArray::from_iter(counts.iter().map(|line| detail(&line.detail)))),
        Arc::new(Int64Array::from_iter_values(counts.iter().map(|line| line.count as i64))),
        Arc::new(Int64Array::from_iter_values(counts.iter().map(|line| line.bytes as i64))),
    ]
}
