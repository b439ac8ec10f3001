//! What is known of a statement before it runs: the columns of its answer, its parameters, whether it changes anything.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};

use super::explain::Explain;
use super::{Statement, parameters, query};
use crate::context::QueryContext;
use crate::error::Result;
use crate::session::{Parameter, StatementKind};

/// A statement that was planned and not run.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) schema: SchemaRef,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) kind: StatementKind,
}

impl Statement {
    /// Plans the statement as far as it goes without changing anything.
    pub(crate) async fn prepare(self, context: &QueryContext) -> Result<Planned> {
        let kind = self.kind();
        let (schema, parameters) = match self {
            Self::Query(statement) | Self::Explain(Explain::Query(statement)) => {
                let plan = query::plan(*statement, context).await?;
                (answer_of(&plan, context)?, parameters::of_plan(&plan)?)
            }
            Self::Insert(insert) => {
                let (_, plan) = insert.plan(context).await?;
                answer_of(&plan, context)?;
                (count(), parameters::of_plan(&plan)?)
            }
            Self::Delete(delete) => {
                let (_, plan) = delete.plan(context).await?;
                answer_of(&plan, context)?;
                (count(), parameters::of_plan(&plan)?)
            }
            Self::CreateTable(create) => match create.query {
                Some(query) => {
                    let plan = query::plan(*query, context).await?;
                    answer_of(&plan, context)?;
                    (count(), parameters::of_plan(&plan)?)
                }
                None => (status(), vec![]),
            },
            // their answers are made of the catalog alone
            Self::Show(show) => (show.run(context).await?.schema(), vec![]),
            Self::Explain(explain) => (explain.run(context).await?.schema(), vec![]),
            Self::CreateView(create) => {
                create.check(context).await?;
                (status(), vec![])
            }
            Self::CreateBaseline(create) => {
                create.plan(context).await?;
                (status(), vec![])
            }
            Self::CreateSlo(create) => {
                create.describe(context).await?;
                (status(), vec![])
            }
            Self::CreateAlert(create) => {
                create.describe(context).await?;
                (status(), vec![])
            }
            Self::Flush(_)
            | Self::Compact(_)
            | Self::CancelQuery(_)
            | Self::Drop(_)
            | Self::AlterTable(_) => (status(), vec![]),
        };
        Ok(Planned { schema, parameters, kind })
    }
}

/// The columns that a plan answers, in the types that they have once it is optimised.
fn answer_of(plan: &LogicalPlan, context: &QueryContext) -> Result<SchemaRef> {
    if let LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) = plan {
        return Ok(status());
    }
    match context.state().optimize(plan) {
        Ok(optimised) => Ok(Arc::clone(optimised.schema().inner())),
        // a function may refuse a parameter whose type nothing says
        Err(_) if !parameters::of_plan(plan)?.is_empty() => Ok(Arc::clone(plan.schema().inner())),
        Err(error) => Err(error.into()),
    }
}

/// The answer of a statement that writes or deletes rows; `super::count` makes it.
fn count() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, false)]))
}

/// The answer of a statement that changes something; `super::status` makes it.
fn status() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("status", DataType::Utf8View, false)]))
}
