//! `DESCRIBE ALERT name`: its clauses, and what they mean.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};

use super::quoted;
use crate::context::QueryContext;
use crate::error::Result;
use crate::stream::QueryStream;

pub(super) fn run(name: &str, context: &QueryContext) -> Result<QueryStream> {
    let alert = context.relations().alert(name)?;
    let definition = &alert.definition;
    let mut rows = vec![
        ("statement".to_owned(), format!("CREATE ALERT {} {definition}", quoted(&alert.name))),
        ("query".to_owned(), definition.source.query()),
    ];
    if let Some(condition) = definition.condition() {
        rows.push(("when".to_owned(), condition.to_owned()));
    }
    rows.extend(
        definition.annotations().into_iter().map(|(name, text)| (format!("annotation {name}"), text)),
    );
    let column = |value: fn(&(String, String)) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(value)))
    };
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter([
        ("property", column(|(property, _)| property)),
        ("value", column(|(_, value)| value)),
    ])?))
}
