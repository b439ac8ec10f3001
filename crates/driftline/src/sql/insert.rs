//! `INSERT INTO name [(columns)] VALUES ... | query`: all rows or none.
//!
//! A small insert is one frame of the log. One that outgrows the frame becomes a bulk load: segments in one manifest commit, in
//! bounded memory, and equally all or nothing.

use arrow::array::RecordBatch;
use datafusion::logical_expr::{LogicalPlan, WriteOp, dml::InsertOp};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Insert as SqlInsert, Statement as SqlStatement, TableObject};
use driftline_storage::{Durability, Storage};
use futures::{Stream, TryStreamExt};

use super::query;
use crate::context::QueryContext;
use crate::error::{Error, Result};
use crate::stream::QueryStream;

/// Rows of an INSERT held in memory, and so in one frame of the log, before it becomes a bulk load.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A parsed `INSERT`.
#[derive(Debug)]
pub(crate) struct Insert {
    statement: Box<SqlStatement>,
}

impl Insert {
    pub(super) fn new(statement: SqlStatement) -> Result<Self> {
        if let SqlStatement::Insert(insert) = &statement {
            refuse_unsupported(insert)?;
        }
        Ok(Self { statement: Box::new(statement) })
    }

    /// The rows that the statement would write, as a plan.
    pub(super) async fn plan(self, context: &QueryContext) -> Result<(String, LogicalPlan)> {
        let statement = DfStatement::Statement(self.statement);
        let plan = query::plan(statement, context).await?;
        let LogicalPlan::Dml(dml) = plan else {
            return Err(Error::invalid(
                "expected INSERT INTO name VALUES ... or INSERT INTO name SELECT ...",
            ));
        };
        if !matches!(dml.op, WriteOp::Insert(InsertOp::Append)) {
            return Err(Error::invalid(
                "rows can only be appended: INSERT OVERWRITE and REPLACE INTO are not supported",
            ));
        }
        let table = dml.table_name.table().to_owned();
        if context.snapshot().table(&table).is_none() {
            return Err(Error::invalid(format!(
                "\"{}\" is no table of the database: rows cannot be inserted into it",
                dml.table_name
            )));
        }
        Ok((table, dml.input.as_ref().clone()))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        let (table, plan) = self.plan(context).await?;
        let rows = query::execute(&plan, context).await?;
        super::count(write(context.engine().storage(), &table, rows).await?)
    }
}

fn refuse_unsupported(insert: &SqlInsert) -> Result<()> {
    let unsupported = [
        (insert.on.is_some(), "ON CONFLICT"),
        (insert.returning.is_some(), "RETURNING"),
        (insert.partitioned.is_some(), "PARTITION"),
        (!matches!(insert.table, TableObject::TableName(_)), "INSERT INTO FUNCTION"),
    ];
    match unsupported.iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::invalid(format!("{what} is not supported in INSERT"))),
        None => Ok(()),
    }
}

/// Writes all rows of a stream into a table, or none, and returns how many they are.
pub(super) async fn write(
    storage: &Storage,
    table: &str,
    mut rows: impl Stream<Item = Result<RecordBatch>> + Unpin,
) -> Result<u64> {
    let mut held: Vec<RecordBatch> = vec![];
    let mut bytes = 0;
    while let Some(batch) = rows.try_next().await? {
        if batch.num_rows() == 0 {
            continue;
        }
        bytes += batch.get_array_memory_size();
        held.push(batch);
        if bytes > FRAME_BYTES_MAX {
            return write_in_bulk(storage, table, held, rows).await;
        }
    }
    if held.is_empty() {
        return Ok(0);
    }
    let frame = held.into_iter().map(|batch| (table.to_owned(), batch)).collect();
    Ok(storage.append_all(frame, Durability::Durable).await?.rows as u64)
}

async fn write_in_bulk(
    storage: &Storage,
    table: &str,
    held: Vec<RecordBatch>,
    mut rows: impl Stream<Item = Result<RecordBatch>> + Unpin,
) -> Result<u64> {
    let mut load = storage.bulk_load(table)?;
    for batch in held {
        load.push(batch).await?;
    }
    while let Some(batch) = rows.try_next().await? {
        load.push(batch).await?;
    }
    Ok(load.commit().await?.rows as u64)
}
