//! `FLUSH [TABLE] [name]`: writes what lies in memory into segments.

use super::cursor::Cursor;
use super::names;
use crate::context::QueryContext;
use crate::error::Result;
use crate::stream::QueryStream;

/// A parsed `FLUSH`; without a name it flushes every table.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(super) table: Option<String>,
}

impl Flush {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        cursor.accept(&["TABLE"]);
        let table = match cursor.is_empty() {
            true => None,
            false => Some(names::parse(&mut cursor, "the name of a table")?),
        };
        cursor.end()?;
        Ok(Self { table })
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        if let Some(table) = &self.table
            && context.snapshot().table(table).is_none()
        {
            return Err(context.no_table(table));
        }
        let report = context.engine().storage().flush(self.table.as_deref()).await?;
        super::status(format!("flushed {} rows into {} segments", report.rows, report.segments))
    }
}
