//! Constants in a query of many rows: one that a function takes as a column, or that is an answer, is there once for every row of a
//! batch. Constant calls are values by then, so this runs after they are folded.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::{CONSTANT_BYTES_MAX, refused};

/// Constants of fewer bytes are not looked at.
const LARGE_BYTES_MIN: u64 = 1 << 10;

/// Refuses constants that are too large for the rows of a batch. It changes nothing.
#[derive(Debug)]
pub(crate) struct BoundedConstants;

impl OptimizerRule for BoundedConstants {
    fn name(&self) -> &str {
        "bounded_constants"
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        let batch_rows = config.options().execution.batch_size.get();
        plan.apply_with_subqueries(|node| {
            // what has no input is as large as the statement
            if !node.inputs().is_empty() {
                let mut bytes = 0;
                node.apply_expressions(|expr| {
                    bytes = large_constants(expr, bytes);
                    Ok(TreeNodeRecursion::Continue)
                })?;
                check(bytes, node, batch_rows)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Transformed::no(plan))
    }
}

fn check(bytes: u64, node: &LogicalPlan, batch_rows: usize) -> DfResult<()> {
    if bytes.saturating_mul(batch_rows as u64) <= CONSTANT_BYTES_MAX {
        return Ok(());
    }
    let rows = rows_of(node, batch_rows);
    if bytes.saturating_mul(rows) <= CONSTANT_BYTES_MAX {
        return Ok(());
    }
    let each = if rows == 1 { "one row".to_owned() } else { format!("each of {rows} rows") };
    Err(refused(format!(
        "constants of {bytes} bytes would stand in {each}; the limit is {CONSTANT_BYTES_MAX} bytes in all"
    )))
}

/// The bytes of the large constants in an expression, and of those before.
fn large_constants(expr: &Expr, before: u64) -> u64 {
    if let Expr::Literal(value, _) = expr {
        let bytes = value.size().saturating_sub(size_of::<ScalarValue>()) as u64;
        return if bytes >= LARGE_BYTES_MIN { before.saturating_add(bytes) } else { before };
    }
    let mut bytes = before;
    let outcome = expr.apply_children(|child| {
        let stays_one = match expr {
            Expr::BinaryExpr(BinaryExpr { op, .. }) => op.supports_propagation(),
            Expr::Like(_) | Expr::InList(_) => true,
            _ => false,
        };
        if !stays_one || !matches!(child, Expr::Literal(..)) {
            bytes = large_constants(child, bytes);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(outcome.is_ok(), "nothing in it can fail");
    bytes
}

/// The most rows that one batch of the input of a node has.
fn rows_of(node: &LogicalPlan, batch_rows: usize) -> u64 {
    let inputs = node.inputs();
    let rows = match inputs.as_slice() {
        // a query without FROM has one row and is said to have none, and so is all that is joined to it
        [input] if input.max_rows() == Some(0) => {
            if has_join(input) {
                batch_rows
            } else {
                1
            }
        }
        [input] => input.max_rows().unwrap_or(batch_rows),
        _ => batch_rows,
    };
    rows.min(batch_rows) as u64
}

fn has_join(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_)))).unwrap_or(true)
}
