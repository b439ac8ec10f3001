//! `DESCRIBE SLO name`: its clauses, and the rules of its alerts with what they ask for.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};

use super::quoted;
use crate::context::QueryContext;
use crate::error::Result;
use crate::slo::{Definition, shown};
use crate::stream::QueryStream;

pub(super) fn run(name: &str, context: &QueryContext) -> Result<QueryStream> {
    let slo = context.relations().slo(name)?;
    let rows = properties(&slo.name, &slo.definition);
    let column = |value: fn(&(String, String)) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(value)))
    };
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter([
        ("property", column(|(property, _)| property)),
        ("value", column(|(_, value)| value)),
    ])?))
}

fn properties(name: &str, definition: &Definition) -> Vec<(String, String)> {
    let period = definition.period.length();
    let mut rows = vec![("statement".to_owned(), format!("CREATE SLO {} {definition}", quoted(name)))];
    for rule in definition.rules().iter() {
        let value = format!(
            "burn rate above {} over {} and over {}: {} % of the budget",
            shown(rule.threshold(period)),
            rule.long,
            rule.short(),
            shown(rule.budget_share * 100.0)
        );
        rows.push((rule.severity.word().to_lowercase(), value));
    }
    rows.extend(definition.lint().into_iter().map(|note| ("note".to_owned(), note)));
    rows
}
