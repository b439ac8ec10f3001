//! `drift_report('table or query', reference => ..., current => ..., columns => ..., segments => ...)`: the table function that
//! compares every column of two populations at once.
//!
//! DataFusion's planner knows no named arguments of a table function and plans one synchronously, without a catalog. So a call is
//! found in the statement before it is planned: its arguments are taken out, the query below it is planned in the context of the
//! statement (its snapshot, its names, its right to files), and a number stands in their place, by which the function finds the
//! planned report again.
//!
//! One report is one aggregation over one scan, `plan.rs`; `rows.rs` makes a row of every column and segment of its answer.
//! Where the reference is long enough a second scan counts its earlier windows, `history.rs`.

mod call;
mod detail;
mod history;
mod plan;
mod provider;
mod rows;
mod verdict;

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result as DfResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor, Value,
    VisitMut, VisitorMut,
};

use crate::context::QueryContext;
use crate::error::{Error, Result, external};
use call::Call;
use provider::Report;

const NAME: &str = "drift_report";

/// Plans every report that a statement calls. Answers the session that knows them, if there is one.
pub(crate) async fn expand(
    statement: &mut DfStatement,
    context: &QueryContext,
) -> Result<Option<SessionState>> {
    let mut calls = Calls(vec![]);
    take_calls(statement, &mut calls);
    if calls.0.is_empty() {
        return Ok(None);
    }
    let mut reports = Vec::with_capacity(calls.0.len());
    for arguments in calls.0 {
        reports.push(Arc::new(plan::plan(Call::parse(arguments)?, context).await?));
    }
    let mut state = context.state().clone();
    state.register_udtf(NAME, Arc::new(Reports(reports)));
    Ok(Some(state))
}

/// Makes the name known to a session; a statement that calls it registers the reports it planned.
pub(crate) fn register(state: &mut SessionState) {
    state.register_udtf(NAME, Arc::new(Reports(vec![])));
}

/// The planned reports of a statement.
#[derive(Debug)]
struct Reports(Vec<Arc<Report>>);

impl TableFunctionImpl for Reports {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let number = match args.exprs() {
            [Expr::Literal(number, _)] => number.to_string().parse::<usize>().ok(),
            _ => None,
        };
        match number.and_then(|number| self.0.get(number)) {
            Some(report) => Ok(Arc::clone(report) as _),
            None => {
                Err(external(Error::invalid(format!("{NAME} stands in FROM by itself: {}", call::USAGE))))
            }
        }
    }
}

fn take_calls(statement: &mut DfStatement, calls: &mut Calls) {
    let _done = match statement {
        DfStatement::Statement(statement) => statement.visit(calls),
        DfStatement::Explain(explain) => {
            take_calls(&mut explain.statement, calls);
            ControlFlow::Continue(())
        }
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(calls),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => ControlFlow::Continue(()),
    };
}

/// Takes the arguments out of the calls and leaves the number of each.
struct Calls(Vec<Vec<FunctionArg>>);

impl VisitorMut for Calls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: Some(args), .. } = factor
            && is_report(name)
        {
            // the planner looks a table function up as it is written
            *name = ObjectName::from(vec![Ident::new(NAME)]);
            let number = SqlExpr::value(Value::Number(self.0.len().to_string(), false));
            let number = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(number))];
            self.0.push(std::mem::replace(&mut args.args, number));
            // its columns are those of drift_report, not of drift_report()
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: Ident::new(NAME),
                columns: vec![],
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}

fn is_report(name: &ObjectName) -> bool {
    match name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| match ident.quote_style {
            Some(_) => ident.value == NAME,
            None => ident.value.eq_ignore_ascii_case(NAME),
        }),
        _ => false,
    }
}
