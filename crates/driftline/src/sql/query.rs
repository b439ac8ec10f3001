//! A query: names are checked, the statement is planned over one snapshot, optimised and run as a stream.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as LogicalStatement};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement as DfStatement;
use futures::future::BoxFuture;

use super::cursor::Cursor;
use super::output_names::OutputNames;
use super::{baseline_calls, group_by_alias, past, relations_named, unique_names};
use crate::context::QueryContext;
use crate::drift_report;
use crate::error::{Error, ErrorKind, Result};
use crate::prices;
use crate::stream::QueryStream;

/// Levels of a plan that run in the stack of any thread.
const PLAN_DEPTH_USUAL: usize = 40;

/// Runs a statement that DataFusion plans.
pub(super) async fn run(statement: DfStatement, context: &QueryContext) -> Result<QueryStream> {
    let plan = plan(statement, context).await?;
    execute(&plan, context).await
}

/// Runs a query of our own.
pub(super) async fn run_sql(sql: &str, context: &QueryContext) -> Result<QueryStream> {
    run(Cursor::new(sql)?.delegate()?, context).await
}

/// Plans a statement: the plan names only what exists and does only what the session allows.
pub(super) async fn plan(statement: DfStatement, context: &QueryContext) -> Result<LogicalPlan> {
    let plan = plan_query(statement, context).await?;
    permit(&plan, context)?;
    Ok(plan)
}

/// Plans a query that stands in another one, as a text.
pub(crate) fn plan_text<'a>(sql: &'a str, context: &'a QueryContext) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move { plan(Cursor::new(sql)?.delegate()?, context).await })
}

/// Plans a query in the context's catalog.
async fn plan_query(mut statement: DfStatement, context: &QueryContext) -> Result<LogicalPlan> {
    relations_named::check(&statement)?;
    let past = past::look_up(&named_relations(&statement, context)?, context).await?;
    let context = past.as_ref().unwrap_or(context);
    let names = OutputNames::of(&statement);
    let reports = drift_report::expand(&mut statement, context).await?;
    let state = reports.as_ref().unwrap_or(context.state());
    group_by_alias::rewrite(&mut statement, |name| state.aggregate_functions().contains_key(name));
    let references = named_relations(&statement, context)?;
    references.iter().try_for_each(|reference| context.check_exists(reference))?;
    let state = context.state_for(&references, state);
    let plan = match state.statement_to_plan(statement.clone()).await {
        Err(error) if unique_names::is_collision(&error) => {
            let columns = columns_of(&references, context).await?;
            if !unique_names::rewrite(&mut statement, &columns) {
                return Err(error.into());
            }
            match state.statement_to_plan(statement).await {
                Err(error) if unique_names::is_doubled(&error) => {
                    return Err(Error::invalid(format!(
                        "two keys of a GROUP BY, or two aggregates, differ in a CAST alone: cast in a subquery ({})",
                        Error::from(error)
                    )));
                }
                outcome => outcome?,
            }
        }
        outcome => outcome?,
    };
    let plan = match names {
        Some(names) => names.apply(plan)?,
        None => plan,
    };
    let plan = baseline_calls::resolve(context.parameters().fill(plan)?, context).await?;
    prices::resolve(plan, context).await
}

/// The relations that a statement reads.
fn named_relations(statement: &DfStatement, context: &QueryContext) -> Result<Vec<TableReference>> {
    match statement {
        DfStatement::CreateExternalTable(_) => Ok(vec![]),
        _ => Ok(context.state().resolve_table_references(statement)?),
    }
}

/// The names of all columns of some relations.
async fn columns_of(references: &[TableReference], context: &QueryContext) -> Result<BTreeSet<String>> {
    let mut columns = BTreeSet::new();
    for reference in references {
        // a table function is no relation, and has been planned before
        let Ok(relation) = context.relation(reference).await else { continue };
        columns.extend(relation.schema().fields().iter().map(|field| field.name().clone()));
    }
    Ok(columns)
}

/// Plans the query of a view; an error names the innermost view that it arose in.
pub(crate) async fn view_query(name: &str, sql: &str, context: &QueryContext) -> Result<LogicalPlan> {
    let statement = Cursor::new(sql)?.delegate()?;
    let plan = plan_query(statement, context).await.map_err(|error| match error.to_string() {
        named if named.starts_with("view \"") => error,
        message => Error::new(error.kind(), format!("view \"{name}\": {message}")),
    })?;
    match &plan {
        LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_) => {
            Err(Error::invalid(format!("view \"{name}\" must be a query")))
        }
        _ => Ok(plan),
    }
}

/// Runs a plan under the deadline of its context.
pub(crate) async fn execute(plan: &LogicalPlan, context: &QueryContext) -> Result<QueryStream> {
    if let LogicalPlan::Ddl(DdlStatement::CreateExternalTable(command)) = plan {
        context.create_external(command).await?;
        return super::status(format!("registered \"{}\" for this session", command.name));
    }
    let started = context.within_deadline(async {
        let physical = context.state().create_physical_plan(plan).await?;
        if let Some(query) = context.query() {
            query.runs(&physical);
        }
        let deep = is_deep(&physical, PLAN_DEPTH_USUAL);
        Ok((execute_stream(physical, context.task())?, deep))
    });
    let (batches, deep) = started.await?;
    let stream = QueryStream::new(batches, context.deadline());
    Ok(if deep { stream.with_room() } else { stream })
}

/// Whether a plan has more levels than these.
fn is_deep(plan: &Arc<dyn ExecutionPlan>, levels: usize) -> bool {
    levels == 0 || plan.children().into_iter().any(|input| is_deep(input, levels - 1))
}

/// Refuses what a statement may not do: change settings, hold transactions, delete, or reach files where that is not allowed.
fn permit(plan: &LogicalPlan, context: &QueryContext) -> Result<()> {
    let refused = match plan {
        LogicalPlan::Copy(_) | LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) => {
            return context.permit_writing_files();
        }
        LogicalPlan::Explain(explain) => return permit(&explain.plan, context),
        LogicalPlan::Analyze(analyze) => return permit(&analyze.input, context),
        LogicalPlan::Ddl(ddl) => ddl.name().to_owned(),
        LogicalPlan::Dml(dml) if !matches!(dml.op, datafusion::logical_expr::WriteOp::Insert(_)) => {
            dml.op.name().to_owned()
        }
        LogicalPlan::Statement(LogicalStatement::SetVariable(_) | LogicalStatement::ResetVariable(_)) => {
            return Err(Error::invalid(
                "settings cannot be changed in SQL: they belong to the builder of the database",
            ));
        }
        LogicalPlan::Statement(statement) => statement.name().to_owned(),
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Invalid, format!("a statement of kind {refused} is not supported")))
}

/// How a table is written in messages.
pub(crate) fn shown(reference: &TableReference) -> String {
    match (reference.schema(), reference.table()) {
        (Some(schema), table) => match past::shown(schema) {
            Some(time) => format!("{table} FOR SYSTEM_TIME AS OF {time}"),
            None => format!("{schema}.{table}"),
        },
        (None, table) => table.to_owned(),
    }
}
