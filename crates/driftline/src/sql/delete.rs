//! `DELETE FROM name [AS alias] [WHERE condition]`: rows go at once and for every query that begins later, or none of them does.
//!
//! What is in memory is flushed first; then a query over the segments finds the places of the rows, and these are marked. The bytes
//! go when the segments are compacted.

use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Delete as SqlDelete, FromTable, ObjectName, SetExpr, Statement as SqlStatement, TableFactor,
    TableWithJoins,
};
use driftline_storage::Deletion;
use futures::TryStreamExt;

use super::cursor::Cursor;
use super::names::check_takes_rows;
use super::{query, target};
use crate::context::QueryContext;
use crate::error::{Error, Result};
use crate::scan::{ROW, SEGMENT};
use crate::stream::QueryStream;

/// A parsed `DELETE`.
#[derive(Debug)]
pub(crate) struct Delete {
    delete: Box<SqlDelete>,
}

impl Delete {
    pub(super) fn new(delete: SqlDelete) -> Result<Self> {
        let unsupported = [
            (!delete.tables.is_empty(), "DELETE name FROM"),
            (delete.using.is_some(), "USING"),
            (delete.returning.is_some() || delete.output.is_some(), "RETURNING"),
            (!delete.order_by.is_empty(), "ORDER BY"),
            (delete.limit.is_some(), "LIMIT"),
        ];
        if let Some((_, what)) = unsupported.iter().find(|(present, _)| *present) {
            return Err(Error::invalid(format!(
                "{what} is not supported in DELETE: write DELETE FROM name WHERE condition, with a subquery where it needs one"
            )));
        }
        Ok(Self { delete: Box::new(delete) })
    }

    /// The name of the table, and the table as the statement names it.
    fn target(&self) -> Result<(&ObjectName, &TableWithJoins)> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &self.delete.from;
        match from.as_slice() {
            [table] if table.joins.is_empty() => match &table.relation {
                TableFactor::Table { name, args: None, .. } => Ok((name, table)),
                _ => Err(Error::invalid(format!("DELETE needs a table, got {}", table.relation))),
            },
            _ => Err(Error::invalid("DELETE takes rows out of one table: others can stand in a subquery")),
        }
    }

    /// The table and the places of its rows that the statement deletes, as a plan.
    pub(super) async fn plan(&self, context: &QueryContext) -> Result<(String, LogicalPlan)> {
        let table = target::table(self.target()?.0, context)?;
        check_takes_rows(table.name())?;
        let plan = self.plan_places(&context.with_places(table)).await?;
        Ok((table.name().to_owned(), plan))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        // what is wrong with the statement is found before anything is flushed
        let (table, _) = self.plan(context).await?;
        let mut deletion = context.engine().storage().delete(&table).await?;
        let context = context.at(deletion.snapshot());
        let places = context.with_places(deletion.table());
        let mut rows = query::execute(&self.plan_places(&places).await?, &places).await?;
        while let Some(batch) = rows.try_next().await? {
            let (segments, numbers) = (batch.column(0).as_string_view(), batch.column(1));
            mark(&mut deletion, segments, numbers.as_primitive::<UInt32Type>().values());
        }
        super::count(deletion.commit().await?.rows)
    }

    async fn plan_places(&self, context: &QueryContext) -> Result<LogicalPlan> {
        let (_, table) = self.target()?;
        let template = format!("SELECT \"{SEGMENT}\", \"{ROW}\" FROM {}", super::quoted("t"));
        let mut statement = Cursor::new(&template)?.delegate()?;
        if let DfStatement::Statement(statement) = &mut statement
            && let SqlStatement::Query(query) = statement.as_mut()
            && let SetExpr::Select(select) = query.body.as_mut()
        {
            select.from = vec![table.clone()];
            select.selection = self.delete.selection.clone();
        }
        query::plan(statement, context).await
    }
}

/// Marks rows, which come in runs of one segment.
fn mark(deletion: &mut Deletion, segments: &arrow::array::StringViewArray, numbers: &[u32]) {
    let mut start = 0;
    while start < numbers.len() {
        let segment = segments.value(start);
        let end =
            (start + 1..numbers.len()).find(|row| segments.value(*row) != segment).unwrap_or(numbers.len());
        deletion.add(segment, numbers[start..end].iter().copied());
        start = end;
    }
}
