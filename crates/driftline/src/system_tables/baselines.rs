//! `driftline.baselines`: every baseline that the session may name, with its query, columns and keys.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::Schema;

use super::{instant, number, text};
use crate::baseline::Baseline;
use crate::catalog::Relations;
use crate::error::Result;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("name", false),
        text("columns", false),
        text("keys", true),
        number("references", false),
        number("rows", false),
        number("keys_missed", false),
        number("bytes", false),
        text("path", false),
        instant("created_at", false),
        text("query", false),
    ])
}

pub(super) async fn columns(relations: &Relations) -> Result<Vec<ArrayRef>> {
    let mut found: Vec<Arc<Baseline>> = vec![];
    for name in relations.baselines() {
        found.push(relations.baseline(name).await?);
    }
    let texts = |value: fn(&Baseline) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(found.iter().map(|baseline| value(baseline))))
    };
    let numbers = |value: fn(&Baseline) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(found.iter().map(|baseline| value(baseline) as i64)))
    };
    let times = found.iter().map(|baseline| baseline.created_at);
    let names = |baseline: &Baseline| -> String {
        baseline.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    Ok(vec![
        texts(|baseline| Some(baseline.name.clone())),
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|baseline| names(baseline)))),
        texts(|baseline| baseline.keys.as_ref().map(|keys| keys.names().join(", "))),
        numbers(|baseline| {
            baseline.columns.first().map_or(0, |column| column.references.rows().len() as u64)
        }),
        numbers(|baseline| baseline.rows),
        numbers(|baseline| baseline.keys_missed.load(Ordering::Relaxed)),
        numbers(|baseline| baseline.object.bytes),
        texts(|baseline| Some(baseline.object.path())),
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        texts(|baseline| Some(baseline.query.clone())),
    ])
}
