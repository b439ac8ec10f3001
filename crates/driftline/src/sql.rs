//! The front door of SQL: our own statements, one verb a file, and everything else as DataFusion parses it.
//!
//! The parser looks at the first words of a statement. Dialect hooks cannot do this: DataFusion's parser takes CREATE and COPY
//! before a dialect is asked.

mod alter_table;
mod baseline_calls;
mod cancel_query;
mod compact;
mod create_alert;
mod create_baseline;
mod create_slo;
mod create_table;
mod create_view;
mod cursor;
pub(crate) mod data_type;
mod delete;
mod describe_alert;
mod describe_baseline;
mod describe_slo;
mod drop;
mod explain;
mod flush;
mod group_by_alias;
mod insert;
mod names;
mod nesting;
mod output_names;
mod parameters;
mod past;
mod planned;
mod query;
mod relations_named;
mod show;
mod split;
mod store;
mod target;
mod unique_names;
mod unsupported;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

pub use data_type::name as type_name;
pub use split::{StatementSplitter, split_statements};

pub(crate) use create_alert::{alert_of_statement, parse_alert};
pub(crate) use create_slo::{parse_slo, parse_starting};
pub(crate) use create_table::{CreateTable, retention_text};
pub(crate) use create_view::built_in_view;
pub(crate) use cursor::Cursor;
pub(crate) use names::{ATTRIBUTES, check_takes_rows, quoted};
pub(crate) use nesting::{Roomy, with_room};
pub(crate) use parameters::Parameters;
pub(crate) use planned::Planned;
pub(crate) use query::{execute, plan_text, shown, view_query};

use crate::context::QueryContext;
use crate::error::{Error, Result};
use crate::session::{Role, StatementKind};
use crate::stream::QueryStream;

/// One statement, by its verb.
#[derive(Debug)]
pub(crate) enum Statement {
    CreateTable(CreateTable),
    CreateView(create_view::CreateView),
    CreateBaseline(create_baseline::CreateBaseline),
    CreateSlo(create_slo::CreateSlo),
    CreateAlert(create_alert::CreateAlert),
    Drop(drop::Drop),
    AlterTable(alter_table::AlterTable),
    Insert(insert::Insert),
    Delete(delete::Delete),
    Show(show::Show),
    Flush(flush::Flush),
    Compact(compact::Compact),
    CancelQuery(cancel_query::CancelQuery),
    Explain(explain::Explain),
    /// A query or another statement that DataFusion plans.
    Query(Box<DfStatement>),
}

impl Statement {
    /// Parses one statement; a closing semicolon is fine.
    pub(crate) fn parse(sql: &str) -> Result<Self> {
        let cursor = Cursor::new(sql)?;
        if cursor.is_empty() {
            return Err(Error::invalid("the statement is empty"));
        }
        Self::parse_from(cursor)
    }

    /// Whether there is no statement at all, but blanks, comments and semicolons.
    pub(crate) fn is_empty(sql: &str) -> Result<bool> {
        Ok(Cursor::new(sql)?.is_empty())
    }

    fn parse_from(mut cursor: Cursor<'_>) -> Result<Self> {
        unsupported::check(&cursor)?;
        past::check(&cursor)?;
        if cursor.accept(&["CREATE", "TABLE"]) {
            return CreateTable::parse(cursor).map(Self::CreateTable);
        }
        if cursor.accept(&["CREATE", "OR", "REPLACE", "VIEW"]) {
            return create_view::CreateView::parse(cursor, true).map(Self::CreateView);
        }
        if cursor.accept(&["CREATE", "VIEW"]) {
            return create_view::CreateView::parse(cursor, false).map(Self::CreateView);
        }
        if cursor.accept(&["CREATE", "OR", "REPLACE", "BASELINE"]) {
            return create_baseline::CreateBaseline::parse(cursor, true).map(Self::CreateBaseline);
        }
        if cursor.accept(&["CREATE", "BASELINE"]) {
            return create_baseline::CreateBaseline::parse(cursor, false).map(Self::CreateBaseline);
        }
        if cursor.accept(&["CREATE", "OR", "REPLACE", "SLO"]) {
            return create_slo::CreateSlo::parse(cursor, true).map(Self::CreateSlo);
        }
        if cursor.accept(&["CREATE", "SLO"]) {
            return create_slo::CreateSlo::parse(cursor, false).map(Self::CreateSlo);
        }
        if cursor.accept(&["CREATE", "OR", "REPLACE", "ALERT"]) {
            return create_alert::CreateAlert::parse(cursor, true).map(Self::CreateAlert);
        }
        if cursor.accept(&["CREATE", "ALERT"]) {
            return create_alert::CreateAlert::parse(cursor, false).map(Self::CreateAlert);
        }
        if cursor.accept(&["DROP"]) {
            return drop::Drop::parse(cursor).map(Self::Drop);
        }
        if cursor.accept(&["ALTER", "TABLE"]) {
            return alter_table::AlterTable::parse(cursor).map(Self::AlterTable);
        }
        if cursor.accept(&["FLUSH"]) {
            return flush::Flush::parse(cursor).map(Self::Flush);
        }
        if cursor.accept(&["COMPACT"]) {
            return compact::Compact::parse(cursor).map(Self::Compact);
        }
        if cursor.accept(&["CANCEL", "QUERY"]) {
            return cancel_query::CancelQuery::parse(cursor).map(Self::CancelQuery);
        }
        if cursor.accept(&["EXPLAIN"]) {
            return explain::Explain::parse(cursor).map(Self::Explain);
        }
        if let Some(show) = show::Show::parse(&mut cursor)? {
            return Ok(Self::Show(show));
        }
        match cursor.delegate()? {
            DfStatement::Statement(statement) => match *statement {
                SqlStatement::Insert(insert) => insert::Insert::new(insert).map(Self::Insert),
                SqlStatement::Delete(delete) => delete::Delete::new(delete).map(Self::Delete),
                other => Ok(Self::Query(Box::new(DfStatement::Statement(Box::new(other))))),
            },
            other => Ok(Self::Query(Box::new(other))),
        }
    }

    /// Whether the statement needs a database that is open for writing. `DROP` may name what belongs to this session alone: the
    /// storage refuses the rest.
    pub(crate) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Insert(_)
                | Self::Delete(_)
                | Self::Flush(_)
                | Self::Compact(_)
                | Self::CreateTable(_)
                | Self::CreateView(_)
                | Self::CreateBaseline(_)
                | Self::CreateSlo(_)
                | Self::CreateAlert(_)
                | Self::AlterTable(_)
        )
    }

    /// The role that a statement needs, and what to call it. What COPY and CREATE EXTERNAL TABLE need is found out when they are
    /// planned.
    pub(crate) fn needs(&self) -> (Role, &'static str) {
        match self {
            Self::Query(_) | Self::Show(_) | Self::Explain(_) => (Role::Read, "a query"),
            Self::CancelQuery(_) => (Role::Read, "CANCEL QUERY"),
            Self::Insert(_) => (Role::Write, "INSERT"),
            Self::Flush(_) => (Role::Write, "FLUSH"),
            Self::Delete(_) => (Role::Admin, "DELETE"),
            Self::Compact(_) => (Role::Admin, "COMPACT"),
            Self::CreateTable(_) => (Role::Admin, "CREATE TABLE"),
            Self::CreateView(_) => (Role::Admin, "CREATE VIEW"),
            Self::CreateBaseline(_) => (Role::Admin, "CREATE BASELINE"),
            Self::CreateSlo(_) => (Role::Admin, "CREATE SLO"),
            Self::CreateAlert(_) => (Role::Admin, "CREATE ALERT"),
            Self::Drop(_) => (Role::Admin, "DROP"),
            Self::AlterTable(_) => (Role::Admin, "ALTER TABLE"),
        }
    }

    /// The tables, views, baselines, SLOs and alerts that the statement makes, changes or removes by their names. INSERT and DELETE look
    /// their tables up themselves.
    pub(crate) fn changes(&self) -> Vec<&str> {
        match self {
            Self::CreateTable(create) => vec![&create.name],
            Self::CreateView(create) => vec![&create.name],
            Self::CreateBaseline(create) => vec![&create.name],
            Self::CreateSlo(create) => vec![&create.name],
            Self::CreateAlert(create) => vec![&create.name],
            Self::Drop(drop) => vec![&drop.name],
            Self::AlterTable(alter) => alter.relations(),
            Self::Flush(flush) => flush.table.as_deref().into_iter().collect(),
            Self::Compact(compact) => vec![&compact.table],
            Self::Explain(explain::Explain::Ours { statement, .. }) => statement.changes(),
            Self::Explain(_)
            | Self::Insert(_)
            | Self::Delete(_)
            | Self::CancelQuery(_)
            | Self::Show(_)
            | Self::Query(_) => vec![],
        }
    }

    /// Whether the statement changes anything, tables or files.
    pub(crate) fn kind(&self) -> StatementKind {
        match self {
            Self::Show(_) | Self::Explain(_) => StatementKind::Query,
            Self::Query(statement) => match statement.as_ref() {
                DfStatement::CopyTo(_) | DfStatement::CreateExternalTable(_) => StatementKind::Change,
                _ => StatementKind::Query,
            },
            Self::Insert(_)
            | Self::Delete(_)
            | Self::Flush(_)
            | Self::Compact(_)
            | Self::CancelQuery(_)
            | Self::CreateTable(_)
            | Self::CreateView(_)
            | Self::CreateBaseline(_)
            | Self::CreateSlo(_)
            | Self::CreateAlert(_)
            | Self::Drop(_)
            | Self::AlterTable(_) => StatementKind::Change,
        }
    }

    /// Whether the statement runs at once, however many queries wait.
    pub(crate) fn is_urgent(&self) -> bool {
        matches!(self, Self::CancelQuery(_))
    }

    /// Whether the statement changes which tables and views there are: such statements run one at a time.
    pub(crate) fn changes_catalog(&self) -> bool {
        matches!(self, Self::CreateTable(_) | Self::CreateView(_) | Self::Drop(_) | Self::AlterTable(_))
    }

    /// Runs the statement. One that needs nobody to read takes the context with it.
    pub(crate) async fn run(self, context: QueryContext) -> Result<QueryStream> {
        let owned = context;
        let context = &owned;
        match self {
            Self::Query(statement) => query::run(*statement, context).await,
            Self::Insert(insert) => insert.run(context).await,
            Self::Delete(delete) => delete.run(context).await,
            Self::CreateTable(create) => create.run(context).await,
            Self::CreateView(create) => create.run(context).await,
            Self::CreateBaseline(create) => create.run(context).await,
            Self::CreateSlo(create) => create.run(context).await,
            Self::CreateAlert(create) => create.run(context).await,
            Self::Drop(drop) => drop.run(context).await,
            Self::AlterTable(alter) => alter.run(context).await,
            Self::Show(show) => show.run(context).await,
            Self::Flush(flush) => flush.run(context).await,
            Self::Compact(compact) => compact.run(owned).await,
            Self::CancelQuery(cancel) => cancel.run(context),
            Self::Explain(explain) => explain.run(context).await,
        }
    }
}

/// The answer of a statement that changes something: one row, `status`.
fn status(text: impl Into<String>) -> Result<QueryStream> {
    let column: ArrayRef = Arc::new(StringViewArray::from_iter_values([text.into()]));
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter([("status", column)])?))
}

/// The answer of a statement that writes or deletes rows: one row, `count`.
fn count(rows: u64) -> Result<QueryStream> {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values([rows as i64]));
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter([("count", column)])?))
}

#[cfg(test)]
mod tests;
