//! `slo_status('name' [, at])`, `slo_history('name', step [, at])` and what `driftline.slo_status` reads: computed when a query reads them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::like;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result as DfResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::arguments;
use super::catalog::Slo;
use super::counts::GroupKey;
use super::history::{history, steps_of};
use super::rows::{self, HistoryRow, StatusRow};
use super::span::Span;
use super::status::{end_of_windows, minutes_needed, status};
use super::store::Counted;
use crate::catalog::Relations;
use crate::error::{Error, Result, external};

/// The function, and the table of schema `driftline`.
pub(crate) const STATUS: &str = "slo_status";
const HISTORY: &str = "slo_history";

/// Makes the functions known to the session of one statement.
pub(crate) fn register(state: &mut SessionState, relations: &Arc<Relations>) {
    for name in [STATUS, HISTORY] {
        state.register_udtf(name, Arc::new(SloFunction { name, relations: Arc::clone(relations) }));
    }
}

#[derive(Debug)]
struct SloFunction {
    name: &'static str,
    relations: Arc<Relations>,
}

impl TableFunctionImpl for SloFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let question = match self.name {
            STATUS => arguments::of_status(args.exprs(), args.session(), &self.relations),
            _ => arguments::of_history(args.exprs(), args.session(), &self.relations),
        };
        let table = question.and_then(|question| SloTable::new(question, &self.relations));
        table.map(|table| Arc::new(table) as _).map_err(external)
    }
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// Of one SLO, at a moment or now.
    Status {
        slo: Box<Slo>,
        at_ns: Option<i64>,
    },
    /// Of all that the session may name, or those whose names are like this.
    Statuses {
        like: Option<String>,
        at_ns: Option<i64>,
    },
    History {
        slo: Box<Slo>,
        step: Span,
        at_ns: Option<i64>,
    },
}

/// The answer as a table.
pub(crate) struct SloTable {
    question: Question,
    schema: SchemaRef,
    relations: Arc<Relations>,
}

impl SloTable {
    fn new(question: Question, relations: &Arc<Relations>) -> Result<Self> {
        if relations.is_in_slo() {
            return Err(Error::invalid("an SLO cannot stand on what is said of SLOs"));
        }
        let schema = match question {
            Question::Status { .. } | Question::Statuses { .. } => rows::status_schema(),
            Question::History { .. } => rows::history_schema(),
        };
        Ok(Self { question, schema: Arc::new(schema), relations: Arc::clone(relations) })
    }

    /// `driftline.slo_status`.
    pub(crate) fn of_all(relations: &Arc<Relations>) -> Result<Self> {
        Self::new(Question::Statuses { like: None, at_ns: None }, relations)
    }

    async fn columns(&self) -> Result<Vec<ArrayRef>> {
        match &self.question {
            Question::Status { slo, at_ns } => {
                let rows = self.status_rows(slo, self.moment(*at_ns)).await?;
                Ok(rows::status_columns(&rows))
            }
            Question::Statuses { like, at_ns } => {
                let mut rows = vec![];
                for name in self.named(like.as_deref())? {
                    let found = match self.relations.slo(name) {
                        Ok(slo) => self.status_rows(&slo, self.moment(*at_ns)).await,
                        Err(error) => Err(error),
                    };
                    // one that cannot be counted does not hide the others
                    match found {
                        Ok(found) => rows.extend(found),
                        Err(error) => rows.push(StatusRow::failed(name, &error)),
                    }
                }
                Ok(rows::status_columns(&rows))
            }
            Question::History { slo, step, at_ns } => {
                let rows = self.history_rows(slo, *step, self.moment(*at_ns)).await?;
                Ok(rows::history_columns(&rows))
            }
        }
    }

    /// The names of the SLOs that are meant.
    fn named(&self, pattern: Option<&str>) -> Result<Vec<&str>> {
        let names: Vec<&str> = self.relations.slos().map(|(name, _)| name).collect();
        let Some(pattern) = pattern else { return Ok(names) };
        let meant = like(&StringArray::from(names.clone()), &StringArray::new_scalar(pattern))?;
        Ok(names
            .into_iter()
            .zip(meant.iter())
            .filter(|(_, meant)| *meant == Some(true))
            .map(|(name, _)| name)
            .collect())
    }

    fn moment(&self, at_ns: Option<i64>) -> i64 {
        at_ns.unwrap_or_else(|| self.relations.now_ns())
    }

    async fn status_rows(&self, slo: &Slo, at_ns: i64) -> Result<Vec<StatusRow>> {
        let end = end_of_windows(&slo.definition, at_ns);
        let minutes = minutes_needed(&slo.definition, end)?;
        let counted = self.count(slo, &minutes).await?;
        let of_group = |group: GroupKey| {
            let status = status(&slo.definition, &counted, &group, end)?;
            Ok(StatusRow::new(slo, &group, status))
        };
        groups_of(slo, &counted, &minutes).into_iter().map(of_group).collect()
    }

    async fn history_rows(&self, slo: &Slo, step: Span, at_ns: i64) -> Result<Vec<HistoryRow>> {
        let end = end_of_windows(&slo.definition, at_ns);
        let (steps, minutes) = steps_of(&slo.definition, end, step.minutes())?;
        let counted = self.count(slo, &minutes).await?;
        let mut rows = vec![];
        for group in groups_of(slo, &counted, &minutes) {
            let steps = history(&slo.definition, &counted, &group, &steps, &minutes)?;
            rows.extend(steps.into_iter().map(|step| HistoryRow::new(slo, &group, step)));
        }
        Ok(rows)
    }

    async fn count(&self, slo: &Slo, minutes: &Range<i64>) -> Result<Counted> {
        let counted =
            self.relations.engine().slos().count(slo, &self.relations.for_kept_slo(), minutes).await;
        counted.map_err(|error| {
            Error::new(error.kind(), format!("SLO \"{}\": {error}", slo.name)).with_source(error)
        })
    }
}

/// The groups of an answer. Without events it is still an answer, of no group.
fn groups_of(slo: &Slo, counted: &Counted, minutes: &Range<i64>) -> Vec<GroupKey> {
    let found: Vec<GroupKey> = match slo.definition.group_by.is_empty() {
        true => vec![],
        false => counted.groups(minutes).into_iter().cloned().collect(),
    };
    if found.is_empty() { vec![GroupKey::default()] } else { found }
}

#[async_trait]
impl TableProvider for SloTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let columns = self.columns().await.map_err(external)?;
        let rows = RecordBatch::try_new(self.schema(), columns)?;
        let plan = MemorySourceConfig::try_new_exec(&[vec![rows]], self.schema(), projection.cloned())?;
        Ok(plan)
    }
}

impl fmt::Debug for SloTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SloTable").field("question", &self.question).finish_non_exhaustive()
    }
}
