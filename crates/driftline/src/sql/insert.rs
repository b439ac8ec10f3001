//! `INSERT INTO name [(columns)] VALUES ... | query`: all rows or none. Without columns it means all that were declared, in their
//! order; where a table promotes attributes, columns `FROM ATTRIBUTE` are not among them.
//!
//! A small insert is one frame of the log. One that outgrows the frame becomes a bulk load: segments in one manifest commit, in
//! bounded memory, and equally all or nothing.

use arrow::array::RecordBatch;
use datafusion::logical_expr::{LogicalPlan, WriteOp, dml::InsertOp};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Ident, Insert as SqlInsert, ObjectName, Statement as SqlStatement, TableObject,
};
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
        let plan = match self.with_declared_columns(context) {
            None => query::plan(DfStatement::Statement(self.statement), context).await?,
            Some(declared) => match query::plan(DfStatement::Statement(declared), context).await {
                Ok(plan) => plan,
                // `INSERT INTO t SELECT * FROM t` has them all
                Err(error) => {
                    query::plan(DfStatement::Statement(self.statement), context).await.map_err(|_| error)?
                }
            },
        };
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

    /// The statement with the columns that it means where it names none: those that were declared. A column that comes by
    /// itself must not break a statement that worked before. `None` where the statement says it all.
    fn with_declared_columns(&self, context: &QueryContext) -> Option<Box<SqlStatement>> {
        let SqlStatement::Insert(insert) = self.statement.as_ref() else { return None };
        let TableObject::TableName(name) = &insert.table else { return None };
        let table = name.0.last().and_then(|part| part.as_ident()).map(|ident| match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        })?;
        let table = context.snapshot().table(&table).filter(|table| table.options().promote_attributes)?;
        let columns = table.schema().columns();
        if !insert.columns.is_empty() || columns.iter().all(|column| column.from_attribute.is_none()) {
            return None;
        }
        let declared = columns.iter().filter(|column| column.from_attribute.is_none());
        let mut insert = insert.clone();
        insert.columns =
            declared.map(|column| ObjectName::from(vec![Ident::with_quote('"', &column.name)])).collect();
        Some(Box::new(SqlStatement::Insert(insert)))
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
