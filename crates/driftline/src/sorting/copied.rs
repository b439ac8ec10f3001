//! Below a sort: batches of few bytes, whose text lies in one piece.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, UInt64Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties as _, PlanProperties,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

/// Bytes of one batch, about: a sort holds its rows in batches, and a batch is the least that it can do with.
const BATCH_BYTES: usize = 512 * 1024;

/// Copies text together.
#[derive(Debug)]
pub(super) struct CopiedText {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    /// Rows of a batch of the input, which the sort above makes smaller for itself alone.
    batch_rows: usize,
}

impl CopiedText {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, schema: SchemaRef, batch_rows: usize) -> DfResult<Self> {
        let of_input = input.equivalence_properties();
        let mut equivalence = EquivalenceProperties::new(schema);
        equivalence.add_equivalence_group(of_input.eq_group().clone())?;
        equivalence.add_orderings(of_input.oeq_class().iter().cloned());
        let properties = PlanProperties::new(
            equivalence,
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Ok(Self { input, properties: Arc::new(properties), batch_rows })
    }
}

impl DisplayAs for CopiedText {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CopiedTextExec")
    }
}

impl ExecutionPlan for CopiedText {
    fn name(&self) -> &'static str {
        "CopiedTextExec"
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
        Ok(Arc::new(Self::new(children.swap_remove(0), self.schema(), self.batch_rows)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, super::with_batch_rows(&context, self.batch_rows))?;
        let schema = self.schema();
        let to = Arc::clone(&schema);
        let copied = input.map_ok(move |batch| {
            let to = Arc::clone(&to);
            stream::iter(pieces(&batch)).map(move |rows| super::with_types(&copy(&batch, rows)?, &to))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, copied.try_flatten())))
    }
}

/// Some rows of a batch, which share no buffer with the others: each piece of a nested column would hold, and count, all of it. Views
/// still do, and are copied when they are cast.
fn copy(batch: &RecordBatch, rows: Range<usize>) -> DfResult<RecordBatch> {
    if rows.len() == batch.num_rows() {
        return Ok(batch.clone());
    }
    let rows = UInt64Array::from_iter_values(rows.start as u64..rows.end as u64);
    Ok(take_record_batch(batch, &rows)?)
}

/// The rows of a batch in pieces of about [`BATCH_BYTES`], a row at least.
fn pieces(batch: &RecordBatch) -> Vec<Range<usize>> {
    let rows = batch.num_rows();
    let bytes: usize = batch.columns().iter().map(bytes_of).sum();
    let pieces = bytes.div_ceil(BATCH_BYTES).clamp(1, rows.max(1));
    let step = rows.div_ceil(pieces).max(1);
    (0..rows).step_by(step).map(|start| start..rows.min(start + step)).collect()
}

/// Bytes of what the rows of a column refer to, of values that they share once for each.
fn bytes_of(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => column.as_binary_view().lengths().map(|length| length as usize).sum(),
        _ => column.to_data().get_slice_memory_size().unwrap_or(0),
    }
}
