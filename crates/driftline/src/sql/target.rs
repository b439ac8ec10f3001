//! The table that a statement changes the rows of.

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use driftline_storage::TableSnapshot;

use super::query;
use crate::context::QueryContext;
use crate::error::{Error, Result};

/// Finds a table of the database by the name that a statement gives it.
pub(super) fn table<'a>(name: &ObjectName, context: &'a QueryContext) -> Result<&'a TableSnapshot> {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident().map(normalised)).collect();
    let reference = match parts.as_slice() {
        [table] => TableReference::bare(table.as_str()),
        [schema, table] => TableReference::partial(schema.as_str(), table.as_str()),
        [catalog, schema, table] => TableReference::full(catalog.as_str(), schema.as_str(), table.as_str()),
        _ => return Err(Error::invalid(format!("{name} is no name of a table"))),
    };
    context.check_exists(&reference)?;
    let is_ours = context.is_public(reference.schema());
    let table = context.snapshot().table(reference.table()).filter(|_| is_ours);
    table.map(AsRef::as_ref).ok_or_else(|| {
        let shown = query::shown(&reference);
        Error::invalid(format!("\"{shown}\" is no table of the database: its rows cannot be changed"))
    })
}

/// An identifier as the catalog knows it.
pub(super) fn normalised(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}
