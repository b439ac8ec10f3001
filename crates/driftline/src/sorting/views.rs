//! Above a sort of copied text, and what follows it: the rows with the types that they had.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt as _;

/// Makes views of text that lies in one piece; no text is copied.
#[derive(Debug)]
pub(super) struct TextViews {
    input: Arc<dyn ExecutionPlan>,
    /// Of what is below, as it was with views: rows, order and types are the same.
    properties: Arc<PlanProperties>,
    /// Rows of a batch of all that is below.
    batch_rows: usize,
}

impl TextViews {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        properties: Arc<PlanProperties>,
        batch_rows: usize,
    ) -> Self {
        Self { input, properties, batch_rows }
    }

    pub(super) fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    pub(super) fn batch_rows(&self) -> usize {
        self.batch_rows
    }
}

impl DisplayAs for TextViews {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextViewsExec")
    }
}

impl ExecutionPlan for TextViews {
    fn name(&self) -> &'static str {
        "TextViewsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
        Ok(Arc::new(Self::new(children.swap_remove(0), Arc::clone(&self.properties), self.batch_rows)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let sorted = self.input.execute(partition, super::with_batch_rows(&context, self.batch_rows))?;
        let schema = self.schema();
        let to = Arc::clone(&schema);
        let views = sorted.map(move |batch| super::with_types(&batch?, &to));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, views)))
    }
}
