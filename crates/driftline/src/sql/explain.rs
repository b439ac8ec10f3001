//! `EXPLAIN [ANALYZE] statement`: the plan of a query, of the rows of an INSERT or DELETE; what any other statement of ours would do.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use datafusion::sql::parser::Statement as DfStatement;

use super::cursor::Cursor;
use super::{Statement, query};
use crate::context::QueryContext;
use crate::error::{Error, Result};
use crate::stream::QueryStream;

/// A parsed `EXPLAIN` of one of our own statements, or one that DataFusion explains.
#[derive(Debug)]
pub(crate) enum Explain {
    Ours { analyze: bool, statement: Box<Statement> },
    Query(Box<DfStatement>),
}

impl Explain {
    /// Parses what follows the word EXPLAIN.
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        let text = format!("EXPLAIN {}", cursor.rest());
        let analyze = cursor.accept(&["ANALYZE"]);
        cursor.accept(&["VERBOSE"]);
        let ours = ["CREATE", "DROP", "ALTER", "FLUSH", "COMPACT", "INSERT", "DELETE", "SHOW", "DESCRIBE"];
        if ours.iter().any(|word| cursor.at(&[word])) {
            let statement = Box::new(Statement::parse_from(cursor)?);
            return Ok(Self::Ours { analyze, statement });
        }
        Cursor::new(&text)?.delegate().map(|statement| Self::Query(Box::new(statement)))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        match self {
            Self::Query(statement) => query::run(*statement, context).await,
            Self::Ours { analyze: true, .. } => Err(Error::invalid(
                "EXPLAIN ANALYZE would run the statement: it is for queries only, use EXPLAIN",
            )),
            Self::Ours { statement, .. } => explain(*statement, context).await,
        }
    }
}

async fn explain(statement: Statement, context: &QueryContext) -> Result<QueryStream> {
    let (kind, plan) = match statement {
        Statement::Insert(insert) => {
            let (table, plan) = insert.plan(context).await?;
            let plan = context.state().optimize(&plan)?;
            ("logical_plan", format!("append to {table}\n{}", plan.display_indent()))
        }
        Statement::Delete(delete) => {
            let (table, plan) = delete.plan(context).await?;
            let plan = context.state().optimize(&plan)?;
            ("logical_plan", format!("delete from {table}\n{}", plan.display_indent()))
        }
        Statement::CreateTable(create) => ("statement", create.describe()),
        Statement::CreateView(create) => ("statement", format!("create view {}", create.name)),
        Statement::CreateBaseline(create) => {
            let name = create.name.clone();
            let plan = context.state().optimize(&create.plan(context).await?)?;
            ("logical_plan", format!("create baseline {name}\n{}", plan.display_indent()))
        }
        Statement::CreateSlo(create) => ("logical_plan", create.describe(context).await?),
        Statement::CreateAlert(create) => ("logical_plan", create.describe(context).await?),
        Statement::Drop(drop) => ("statement", drop.describe()),
        Statement::AlterTable(alter) => ("statement", alter.describe()),
        Statement::Flush(flush) => {
            ("statement", format!("flush {}", flush.table.unwrap_or_else(|| "every table".to_owned())))
        }
        Statement::Compact(compact) => ("statement", compact.describe()),
        Statement::CancelQuery(cancel) => ("statement", cancel.describe()),
        Statement::Show(show) => ("statement", format!("read the catalog: {show:?}")),
        Statement::Explain(_) | Statement::Query(_) => {
            return Err(Error::invalid("EXPLAIN explains one statement, not another EXPLAIN"));
        }
    };
    let kind: ArrayRef = Arc::new(StringViewArray::from_iter_values([kind]));
    let plan: ArrayRef = Arc::new(StringViewArray::from_iter_values([plan]));
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter([("plan_type", kind), ("plan", plan)])?))
}
