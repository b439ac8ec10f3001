//! `CANCEL QUERY 'id'`: stops a query that runs or waits, by its id in `driftline.queries`. One's own; with the role `admin` everybody's.

use super::cursor::Cursor;
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::QueryStream;

/// A parsed `CANCEL QUERY`.
#[derive(Debug)]
pub(crate) struct CancelQuery {
    query_id: String,
}

impl CancelQuery {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        let query_id = cursor.text("the id of a query")?;
        cursor.end()?;
        Ok(Self { query_id })
    }

    pub(super) fn describe(&self) -> String {
        format!("cancel query {}", self.query_id)
    }

    pub(super) fn run(&self, context: &QueryContext) -> Result<QueryStream> {
        let id = &self.query_id;
        match context.engine().queries().cancel(id, context.relations().settings()) {
            true => super::status(format!("cancelled query {id}")),
            false => Err(Error::new(
                ErrorKind::NotFound,
                format!("no query \"{id}\" of yours runs or waits; driftline.queries lists those that do"),
            )),
        }
    }
}
