//! Promotion: common keys become columns of the table.

use super::{Candidate, column_name};
use crate::{
    error::Result,
    schema::{NewColumn, TableChange, TableSchema},
};

/// Columns that a table has at most by promotion; more are made by hand only.
pub(crate) const PROMOTED_COLUMNS_MAX: usize = 512;

/// The schema with columns for the candidates, in their order; `None` where none of them gets one. A key stays in the
/// attributes where it has a column already, where its name is taken by a column of another meaning or of another key,
/// or needs quoting, and where the table is full.
pub(crate) fn promoted(schema: &TableSchema, candidates: &[Candidate]) -> Result<Option<TableSchema>> {
    let mut next: Option<TableSchema> = None;
    for candidate in candidates {
        let schema = next.as_ref().unwrap_or(schema);
        if schema.columns().len() >= PROMOTED_COLUMNS_MAX {
            break;
        }
        let name = column_name(&candidate.key);
        let plain = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        let has_column =
            schema.columns().iter().any(|column| column.from_attribute.as_deref() == Some(&candidate.key));
        if !plain || has_column || schema.column(&name).is_some() || !crate::paths::is_column_name(&name) {
            continue;
        }
        let mut column = NewColumn::new(name, candidate.ty.clone());
        column.from_attribute = Some(candidate.key.clone());
        next = Some(schema.changed(&TableChange::AddColumn(column))?);
    }
    Ok(next)
}
