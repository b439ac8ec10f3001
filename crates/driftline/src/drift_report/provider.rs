//! A planned report as a table, and the operator that makes its rows.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    ReplaceChildrenOptions, collect, execute_stream,
};
use futures::TryStreamExt;

use super::detail::{Group, Measured, read};
use super::history::{History, Windows};
use super::plan::Layout;
use super::rows::{self, SCHEMA};
use crate::error::{Error, ErrorKind, Result, external};

/// Segments that a report has at most.
const SEGMENTS_MAX: usize = 1_000;

/// A planned report.
pub(super) struct Report {
    aggregation: LogicalPlan,
    layout: Layout,
    /// The rows of the reference, where their earlier windows can be told.
    history: Option<LogicalPlan>,
    state: SessionState,
}

impl Report {
    pub(super) fn new(
        aggregation: LogicalPlan,
        layout: Layout,
        history: Option<LogicalPlan>,
        state: SessionState,
    ) -> Self {
        Self { aggregation, layout, history, state }
    }

    /// Runs the aggregation, then the windows, and makes the rows.
    async fn run(&self, input: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<RecordBatch> {
        let mut groups = self.groups(input, &context).await?;
        let whole = match groups.iter().position(|group| group.segment.is_none()) {
            Some(at) => groups.swap_remove(at),
            // grouping sets over no row have no group
            None => {
                let columns = self.layout.columns.iter().map(|_| {
                    let none = if self.layout.baseline { None } else { Some(0) };
                    Measured { values: [none, Some(0)], excluded: [none, Some(0)], psi: None }
                });
                Group { columns: columns.collect(), ..Group::default() }
            }
        };
        let histories = self.histories(&whole, context).await?;
        rows::rows(&groups, &whole, &self.layout, &histories)
    }

    async fn groups(&self, input: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<Group>> {
        let mut batches = execute_stream(input, Arc::clone(context))?;
        let mut groups = vec![];
        while let Some(batch) = batches.try_next().await? {
            groups.extend(read(&batch, &self.layout)?);
            if groups.len() > SEGMENTS_MAX + 1 {
                let names = self.layout.segments.join(", ");
                return Err(Error::new(
                    ErrorKind::ResourceExhausted,
                    format!(
                        "segments => '{names}' make more than {SEGMENTS_MAX} segments: name columns of fewer values, \
                         or report on a query that keeps the largest"
                    ),
                ));
            }
        }
        Ok(groups)
    }

    /// What the earlier windows say of every column.
    async fn histories(&self, whole: &Group, context: Arc<TaskContext>) -> Result<Vec<Option<History>>> {
        let (Some(rows), Some(times)) = (&self.history, whole.times) else { return Ok(vec![]) };
        let windows = Windows::within(times);
        if !windows.are_enough() {
            let few = Some(History::TooFew(windows.count as usize));
            return Ok(vec![few; self.layout.columns.len()]);
        }
        let plan = windows.plan(rows.clone(), &self.layout, whole)?;
        let plan = self.state.create_physical_plan(&plan).await?;
        let batches = collect(plan, context).await?;
        Ok(windows.read(&batches, &self.layout, whole)?.into_iter().map(Some).collect())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("layout", &self.layout).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Report {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
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
        let report = Arc::new(Self {
            aggregation: self.aggregation.clone(),
            layout: self.layout.clone(),
            history: self.history.clone(),
            state: self.state.clone(),
        });
        // the plan around it optimises this one, too: some of the optimiser's rules must not see a plan twice
        let state = SessionStateBuilder::new_from_existing(self.state.clone());
        let state = state.with_physical_optimizer_rules(vec![]).build();
        let input = state.create_physical_plan(&self.aggregation).await?;
        Ok(Arc::new(ReportExec::new(report, input, projection.cloned())?))
    }
}

/// Makes the rows of a report out of its aggregation.
#[derive(Debug)]
struct ReportExec {
    report: Arc<Report>,
    input: Arc<dyn ExecutionPlan>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl ReportExec {
    fn new(
        report: Arc<Report>,
        input: Arc<dyn ExecutionPlan>,
        projection: Option<Vec<usize>>,
    ) -> DfResult<Self> {
        let schema = match &projection {
            Some(columns) => Arc::new(SCHEMA.project(columns)?),
            None => Arc::clone(&SCHEMA),
        };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Ok(Self { report, input, projection, properties })
    }
}

impl DisplayAs for ReportExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportExec: columns={}", self.report.layout.columns.len())?;
        match self.report.layout.segments.is_empty() {
            true => Ok(()),
            false => write!(f, ", segments=[{}]", self.report.layout.segments.join(", ")),
        }
    }
}

impl ExecutionPlan for ReportExec {
    fn name(&self) -> &'static str {
        "ReportExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.swap_remove(0);
        Ok(Arc::new(Self::new(Arc::clone(&self.report), input, self.projection.clone())?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (report, input) = (Arc::clone(&self.report), Arc::clone(&self.input));
        let projection = self.projection.clone();
        let rows = async move {
            let rows = report.run(input, context).await.map_err(external)?;
            match projection {
                Some(columns) => Ok(rows.project(&columns)?),
                None => Ok(rows),
            }
        };
        let schema = self.properties.equivalence_properties().schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), futures::stream::once(rows))))
    }
}
