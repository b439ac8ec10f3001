//! An optimiser rule: text is copied together before it is sorted, so that a sort holds, and counts, what it sorts and no more.
//!
//! A batch of text views refers to buffers of bytes. What a sort or a merge takes out of many batches refers to the buffers of all of
//! them, whole: each batch of it then counts as much as all together, and keeps all of them in memory. A sort beyond its memory merges
//! what it has spilled, and fails by that; a window keeps a row and with it every buffer that came before. So the rule puts a [`CopiedText`]
//! below each sort of all rows, which makes small batches whose text lies in one piece, and a [`TextViews`] above it, or above the
//! merges and windows that follow it, which gives the rows the types that they had. A sort for the first rows alone (`LIMIT`) holds few, and
//! stays as it is.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

mod copied;
mod views;

use copied::CopiedText;
use views::TextViews;

/// Rows of a batch within a sort of text: what merges give out is bounded by rows alone, and rows of text may be wide.
const ROWS_MAX: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct CopyTextForSorts;

impl PhysicalOptimizerRule for CopyTextForSorts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let batch_rows = config.execution.batch_size.get();
        plan.transform_up(|node| {
            if let Some(raised) = raise_views(&node)? {
                return Ok(Transformed::yes(raised));
            }
            let Some(schema) = node.downcast_ref::<SortExec>().and_then(schema_with_copied_text) else {
                return Ok(Transformed::no(node));
            };
            let input = Arc::clone(node.children()[0]);
            let copied = Arc::new(CopiedText::new(input, schema, batch_rows)?);
            let properties = Arc::clone(node.properties());
            let sort = replace_children_if_necessary(node, vec![copied])?;
            Ok(Transformed::yes(Arc::new(TextViews::new(sort, properties, batch_rows.min(ROWS_MAX)))))
        })
        .data()
    }

    fn name(&self) -> &str {
        "copy_text_for_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// An operator below the views that it was above, where it takes text in one piece as well.
fn raise_views(node: &Arc<dyn ExecutionPlan>) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
    let [child] = node.children()[..] else { return Ok(None) };
    let Some(views) = child.downcast_ref::<TextViews>().filter(|_| takes_any_text(node.as_ref())) else {
        return Ok(None);
    };
    let properties = Arc::clone(node.properties());
    let lowered = replace_children_if_necessary(Arc::clone(node), vec![Arc::clone(views.input())])?;
    Ok(Some(Arc::new(TextViews::new(lowered, properties, views.batch_rows()))))
}

/// Whether an operator hands text on, and compares it, whatever its type.
fn takes_any_text(node: &dyn ExecutionPlan) -> bool {
    let input = node.children()[0].schema();
    if let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>() {
        return merge.expr().iter().all(|by| is_column_or_no_text(&by.expr, &input));
    }
    // a window that is not bounded puts all rows into one batch, which text in one piece may not fit into
    let windows = node.downcast_ref::<BoundedWindowAggExec>().map(BoundedWindowAggExec::window_expr);
    windows.is_some_and(|windows| windows.iter().all(|window| hands_text_on(window.as_ref(), &input)))
}

/// Whether a function over a window looks at text only to order and to part rows, and gives out a row when it has seen it: what waits
/// for later rows copies the text of those before again and again. Of an aggregation that cannot be told: its `FILTER` is not shown.
fn hands_text_on(window: &dyn WindowExpr, input: &SchemaRef) -> bool {
    let standard = window.as_any().downcast_ref::<StandardWindowExpr>();
    let evaluator = standard.and_then(|standard| standard.get_standard_func_expr().create_evaluator().ok());
    evaluator.is_some_and(|evaluator| evaluator.is_causal() && !evaluator.uses_window_frame())
        && !window.expressions().iter().any(|argument| uses_text(argument, input))
        && window.partition_by().iter().all(|by| is_column_or_no_text(by, input))
        && window.order_by().iter().all(|by| is_column_or_no_text(&by.expr, input))
}

/// Whether an expression gives the same whatever the type of text is.
fn is_column_or_no_text(expression: &Arc<dyn PhysicalExpr>, input: &SchemaRef) -> bool {
    expression.downcast_ref::<Column>().is_some() || !uses_text(expression, input)
}

fn uses_text(expression: &Arc<dyn PhysicalExpr>, input: &SchemaRef) -> bool {
    let columns = collect_columns(expression);
    columns.iter().any(|column| copied_type(input.field(column.index()).data_type()).is_some())
}

/// What a sort of all rows sorts, with its text in one piece; `None` where that changes nothing, or where it sorts by an expression over text,
/// which is made for the type that it has.
fn schema_with_copied_text(sort: &SortExec) -> Option<SchemaRef> {
    let schema = sort.schema();
    if sort.fetch().is_some() || !sort.expr().iter().all(|by| is_column_or_no_text(&by.expr, &schema)) {
        return None;
    }
    let fields: Vec<Field> = schema.fields().iter().map(|field| copied_field(field)).collect();
    let copied = Schema::new_with_metadata(fields, schema.metadata().clone());
    (copied != *schema).then(|| Arc::new(copied))
}

fn copied_field(field: &Field) -> Field {
    match copied_type(field.data_type()) {
        Some(copied) => field.clone().with_data_type(copied),
        None => field.clone(),
    }
}

/// The type of text in one piece; `None` for what is no view.
fn copied_type(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Utf8View => Some(DataType::Utf8),
        DataType::BinaryView => Some(DataType::Binary),
        _ => None,
    }
}

/// A context whose operators make batches of so many rows.
fn with_batch_rows(context: &TaskContext, rows: usize) -> Arc<TaskContext> {
    let session = context.session_config().clone().with_batch_size(rows);
    let context = TaskContext::new(
        context.task_id(),
        context.session_id(),
        session,
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        context.runtime_env(),
    );
    Arc::new(context)
}

/// Rows with the types of a schema, whose text is views or lies in one piece.
fn with_types(batch: &RecordBatch, schema: &SchemaRef) -> DfResult<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
