//! `COMPACT [TABLE] name [WHERE condition on day] [PURGE]`: brings the segments of a table to a good size and makes its deletions
//! physical. Happens by itself, too, but not at once. `PURGE` also removes what older versions of the database still hold.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use driftline_storage::{CompactOptions, PartitionEntry};
use futures::TryStreamExt;

use super::cursor::Cursor;
use super::{names, query};
use crate::context::QueryContext;
use crate::error::Result;
use crate::stream::QueryStream;

/// A parsed `COMPACT`.
#[derive(Debug)]
pub(crate) struct Compact {
    pub(super) table: String,
    /// Which partitions, as a condition on `day`, their first day.
    condition: Option<String>,
    purge: bool,
}

impl Compact {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        cursor.accept(&["TABLE"]);
        let table = names::parse(&mut cursor, "the name of a table")?;
        let condition = match cursor.accept(&["WHERE"]) {
            true => Some(cursor.leading_expression()?),
            false => None,
        };
        let purge = cursor.accept(&["PURGE"]);
        cursor.end()?;
        Ok(Self { table, condition, purge })
    }

    pub(super) fn describe(&self) -> String {
        let days =
            self.condition.as_ref().map_or_else(String::new, |condition| format!(" where {condition}"));
        let purge = if self.purge { ", and purge what older versions hold" } else { "" };
        format!("compact table {}{days}{purge}", self.table)
    }

    /// Compacts the table, and purges once nothing of the statement reads any more.
    pub(crate) async fn run(self, context: QueryContext) -> Result<QueryStream> {
        let mut text = self.compact(&context).await?;
        let engine = Arc::clone(context.engine());
        drop(context);
        if self.purge {
            let purged = engine.storage().purge().await?.complete()?;
            write!(text, "; {} files of older versions are removed", purged.objects)
                .expect("a String takes any text");
        }
        super::status(text)
    }

    async fn compact(&self, context: &QueryContext) -> Result<String> {
        let Some(table) = context.snapshot().table(&self.table) else {
            return Err(context.no_table(&self.table));
        };
        let storage = context.engine().storage();
        // days that come with the flush are new, and so none of those that a condition is about
        storage.flush(Some(&self.table)).await?;
        let chosen = match &self.condition {
            Some(condition) => Some(chosen(table.partitions(), condition, context).await?),
            None => None,
        };
        let partitions =
            |entry: &PartitionEntry| chosen.as_ref().is_none_or(|chosen| chosen.contains(&entry.key));
        let options = CompactOptions { partitions: &partitions, ..CompactOptions::default() };
        let report =
            context.within_deadline(async { Ok(storage.compact(&self.table, options).await?) }).await?;
        Ok(format!(
            "compacted {} partitions: {} segments of {} bytes into {} of {}; {} deleted rows are gone",
            report.partitions,
            report.segments_before,
            report.bytes_before,
            report.segments_after,
            report.bytes_after,
            report.deleted_rows
        ))
    }
}

/// The keys of the partitions that a condition on their first day holds for.
async fn chosen(
    partitions: &[PartitionEntry],
    condition: &str,
    context: &QueryContext,
) -> Result<HashSet<String>> {
    if partitions.is_empty() {
        return Ok(HashSet::new());
    }
    let values: Vec<String> = partitions
        .iter()
        .map(|PartitionEntry { key, .. }| {
            let day = if key.len() == "2026-08".len() { format!("{key}-01") } else { key.clone() };
            format!("('{key}', CAST('{day}' AS DATE))")
        })
        .collect();
    let sql = format!(
        "SELECT partition_key FROM (VALUES {}) AS partitions (partition_key, day) WHERE ({condition})",
        values.join(", ")
    );
    let mut rows = query::run_sql(&sql, context).await?;
    let mut chosen = HashSet::new();
    while let Some(batch) = rows.try_next().await? {
        let keys = cast(batch.column(0), &DataType::Utf8)?;
        chosen.extend(keys.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(chosen)
}
