//! `INSERT INTO name [(columns)] VALUES ... | query`: all rows or none. Without columns it means all that were declared, in their
//! order; where a table promotes attributes, columns `FROM ATTRIBUTE` are not among them. A value goes in unchanged or the statement
//! fails: `store.rs`.
//!
//! A small insert is one frame of the log. One that outgrows the frame becomes a bulk load: segments in one manifest commit, in
//! bounded memory, and equally all or nothing.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Field;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, ExprWithAlias, Insert as SqlInsert, ObjectName, Parens, Query as SqlQuery, SetExpr,
    Statement as SqlStatement, TableObject, visit_expressions,
};
use driftline_storage::{BulkLoad, Column, Durability, Storage, TableSchema, TableSnapshot};
use futures::{Stream, TryStreamExt};

use super::names::check_takes_rows;
use super::query;
use super::store::stored;
use super::target::{self, normalised};
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::stream::QueryStream;

/// Rows of an INSERT held in memory, and so in one frame of the log, before it becomes a bulk load.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A parsed `INSERT`.
#[derive(Debug)]
pub(crate) struct Insert {
    insert: Box<SqlInsert>,
}

impl Insert {
    pub(super) fn new(insert: SqlInsert) -> Result<Self> {
        refuse_unsupported(&insert)?;
        Ok(Self { insert: Box::new(insert) })
    }

    /// The rows that the statement would write, as a plan in the types of the table.
    pub(super) async fn plan(self, context: &QueryContext) -> Result<(String, LogicalPlan)> {
        let table = table_of(&self.insert, context)?;
        check_takes_rows(table.name())?;
        let Some(source) = self.insert.source else {
            return Err(Error::invalid(
                "expected INSERT INTO name VALUES ... or INSERT INTO name SELECT ...",
            ));
        };
        let columns = named_columns(&self.insert.columns, table.schema())?;
        let plan = match constant_rows(&source)? {
            Some(rows) => {
                let columns = columns.or_else(|| all_or_declared(table, rows[0].len()));
                plan_rows(rows, &columns_for(rows[0].len(), columns, table)?, context)?
            }
            None => {
                let query = DfStatement::Statement(Box::new(SqlStatement::Query(source)));
                let query = query::plan(query, context).await?;
                let given = query.schema().fields().len();
                let columns = columns.or_else(|| all_or_declared(table, given));
                plan_query(query, &columns_for(given, columns, table)?)?
            }
        };
        Ok((table.name().to_owned(), plan))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        let (table, plan) = self.plan(context).await?;
        let rows = query::execute(&plan, context).await?;
        super::count(write(context.engine().storage(), &table, rows).await?)
    }
}

fn refuse_unsupported(insert: &SqlInsert) -> Result<()> {
    if insert.overwrite || insert.replace_into || insert.or.is_some() || insert.ignore {
        return Err(Error::invalid(
            "rows can only be appended: INSERT OVERWRITE, INSERT OR ... and REPLACE INTO are not supported",
        ));
    }
    let unsupported = [
        (insert.on.is_some(), "ON CONFLICT"),
        (insert.returning.is_some() || insert.output.is_some(), "RETURNING"),
        (insert.partitioned.is_some() || !insert.after_columns.is_empty(), "PARTITION"),
        (insert.table_alias.is_some() || insert.insert_alias.is_some(), "an alias"),
        (!insert.assignments.is_empty(), "SET"),
        (insert.settings.is_some() || insert.format_clause.is_some(), "SETTINGS or FORMAT"),
        (insert.multi_table_insert_type.is_some(), "several tables"),
        (!matches!(insert.table, TableObject::TableName(_)), "a function or query as the table"),
    ];
    match unsupported.iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::invalid(format!("{what} is not supported in INSERT"))),
        None => Ok(()),
    }
}

/// The table that rows go into.
fn table_of<'a>(insert: &SqlInsert, context: &'a QueryContext) -> Result<&'a TableSnapshot> {
    match &insert.table {
        TableObject::TableName(name) => target::table(name, context),
        other => Err(Error::invalid(format!("{other} is no name of a table"))),
    }
}

/// The columns that the statement names, if it names any.
fn named_columns<'a>(names: &[ObjectName], schema: &'a TableSchema) -> Result<Option<Vec<&'a Column>>> {
    let mut columns: Vec<&Column> = vec![];
    for name in names {
        let known = match name.0.as_slice() {
            [part] => part.as_ident().map(normalised).and_then(|name| schema.column(&name)),
            _ => None,
        };
        let column = known.ok_or_else(|| {
            let shown = name.0.last().and_then(|part| part.as_ident()).map(normalised).unwrap_or_default();
            let hint = nearest(&shown, schema.columns().iter().map(|column| column.name.as_str()));
            Error::new(ErrorKind::NotFound, format!("column \"{shown}\" does not exist{hint}"))
        })?;
        if columns.iter().any(|before| before.id == column.id) {
            return Err(Error::invalid(format!("column \"{}\" is named twice", column.name)));
        }
        columns.push(column);
    }
    Ok((!columns.is_empty()).then_some(columns))
}

/// The columns that a statement means that names none: those that were declared. A column that comes by itself must not break a
/// statement that worked before; `INSERT INTO t SELECT * FROM t` has them all.
fn all_or_declared(table: &TableSnapshot, given: usize) -> Option<Vec<&Column>> {
    let all = table.schema().columns();
    let promotes = table.options().promote_attributes;
    let declared = |column: &&Column| !promotes || column.from_attribute.is_none();
    match given == all.len() {
        true => Some(all.iter().collect()),
        false => Some(all.iter().filter(declared).collect()),
    }
}

fn columns_for<'a>(
    given: usize,
    columns: Option<Vec<&'a Column>>,
    table: &TableSnapshot,
) -> Result<Vec<&'a Column>> {
    let columns = columns.unwrap_or_default();
    if columns.len() == given {
        return Ok(columns);
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Err(Error::invalid(format!(
        "INSERT into \"{}\" takes {} values a row ({}), got {given}",
        table.name(),
        columns.len(),
        names.join(", ")
    )))
}

/// The rows of a plain VALUES, whose values are looked at one by one: each has its own type.
fn constant_rows(source: &SqlQuery) -> Result<Option<&[Parens<Vec<SqlExpr>>]>> {
    let SetExpr::Values(values) = source.body.as_ref() else { return Ok(None) };
    let subquery = visit_expressions(values, |expr| match expr {
        SqlExpr::Subquery(_) | SqlExpr::InSubquery { .. } | SqlExpr::Exists { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    if subquery.is_break() {
        return Err(Error::invalid("VALUES takes no subquery: write INSERT INTO name SELECT ..."));
    }
    let plain = source.with.is_none()
        && source.order_by.is_none()
        && source.limit_clause.is_none()
        && source.fetch.is_none()
        && !values.rows.is_empty();
    Ok(plain.then_some(&values.rows))
}

fn plan_rows(
    rows: &[Parens<Vec<SqlExpr>>],
    columns: &[&Column],
    context: &QueryContext,
) -> Result<LogicalPlan> {
    let nothing = DFSchema::empty();
    let fields: Vec<Field> =
        columns.iter().map(|column| Field::new(&column.name, column.ty.to_arrow(), true)).collect();
    let schema = Arc::new(DFSchema::from_unqualified_fields(fields.into(), HashMap::new())?);
    let mut planned = Vec::with_capacity(rows.len());
    let all = context.parameters().each();
    for (parameters, row) in all.iter().flat_map(|parameters| rows.iter().map(move |row| (parameters, row))) {
        if row.content.len() != columns.len() {
            return Err(Error::invalid(format!(
                "every row of VALUES needs {} values, got one with {}",
                columns.len(),
                row.content.len()
            )));
        }
        let mut values = Vec::with_capacity(columns.len());
        for (value, column) in row.content.iter().zip(columns) {
            let expr = ExprWithAlias { expr: value.clone(), alias: None };
            let expr = context.state().create_logical_expr_from_sql_expr(expr, &nothing)?;
            let expr = parameters.fill_value(expr, &column.ty.to_arrow())?;
            let from = expr.get_type(&nothing)?;
            values.push(stored(expr, &from, column)?);
        }
        planned.push(values);
    }
    let values = LogicalPlanBuilder::values_with_schema(planned, &schema)?.build()?;
    let names = values.schema().columns().into_iter().zip(columns);
    let named = names.map(|(value, column)| Expr::Column(value).alias(&column.name));
    Ok(LogicalPlanBuilder::from(values).project(named.collect::<Vec<_>>())?.build()?)
}

fn plan_query(query: LogicalPlan, columns: &[&Column]) -> Result<LogicalPlan> {
    let given = query.schema().iter().zip(columns);
    let values: Vec<Expr> = given
        .map(|((qualifier, field), column)| {
            let value = Expr::Column((qualifier, field).into());
            Ok(stored(value, field.data_type(), column)?.alias(&column.name))
        })
        .collect::<Result<_>>()?;
    Ok(LogicalPlanBuilder::from(query).project(values)?.build()?)
}

/// Writes all rows of a stream into a table, or none, and returns how many they are.
async fn write(
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
            return load_all(storage.bulk_load(table)?, held, rows).await;
        }
    }
    if held.is_empty() {
        return Ok(0);
    }
    let frame = held.into_iter().map(|batch| (table.to_owned(), batch)).collect();
    Ok(storage.append_all(frame, Durability::Durable).await?.rows as u64)
}

/// Loads all rows of a stream in bulk, or none, and returns how many they are.
pub(super) async fn load_all(
    mut load: BulkLoad,
    held: Vec<RecordBatch>,
    mut rows: impl Stream<Item = Result<RecordBatch>> + Unpin,
) -> Result<u64> {
    for batch in held {
        load.push(batch).await?;
    }
    while let Some(batch) = rows.try_next().await? {
        load.push(batch).await?;
    }
    Ok(load.commit().await?.rows as u64)
}
