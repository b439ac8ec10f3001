//! The filter of a scan: conjuncts over table columns, evaluated on whole row groups. Each knows its columns, so that those of the
//! next are decoded only where rows are left.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use datafusion::physical_expr::utils::{collect_columns, split_conjunction};
use datafusion::physical_expr::{PhysicalExpr, conjunction};

use super::mask::Mask;
use super::{coded, implied};

/// Below this share of surviving rows, the next conjunct is evaluated on the survivors alone.
const SPARSE_SHARE: f64 = 0.1;

/// One condition of a filter.
#[derive(Clone, Debug)]
pub(super) struct Conjunct {
    /// Over all columns of the table.
    table_expr: Arc<dyn PhysicalExpr>,
    /// Over `columns` alone.
    own_expr: Arc<dyn PhysicalExpr>,
    /// Positions in the table, ascending.
    columns: Vec<usize>,
    schema: SchemaRef,
    /// Whether it can fail on a row, and so must see only rows that the conditions before it let through.
    fallible: bool,
    dynamic: bool,
}

/// A conjunction.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    conjuncts: Vec<Conjunct>,
    /// What the conditions say of the time: true of every row that passes, and never evaluated on rows.
    implied: Vec<Arc<dyn PhysicalExpr>>,
}

impl Filter {
    /// Adds a condition over the columns of the table; conditions that later change go last, since they start by letting all through.
    pub(super) fn push(&mut self, expr: &Arc<dyn PhysicalExpr>, table: &SchemaRef) -> DfResult<()> {
        for part in split_conjunction(expr) {
            self.conjuncts.push(Conjunct::new(part, table)?);
            self.implied.extend(implied::time_bounds(part, table));
        }
        self.conjuncts.sort_by_key(|conjunct| conjunct.dynamic);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.conjuncts.is_empty()
    }

    pub(super) fn conjuncts(&self) -> &[Conjunct] {
        &self.conjuncts
    }

    /// All conditions that never change and what they imply, as one expression over the columns of the table, for pruning.
    pub(super) fn fixed(&self) -> Option<Arc<dyn PhysicalExpr>> {
        let fixed = self.conjuncts.iter().filter(|conjunct| !conjunct.dynamic);
        joined(fixed.map(|conjunct| &conjunct.table_expr).chain(&self.implied))
    }

    /// All conditions that change while the query runs: bounds of a top-k, keys of the other side of a join.
    pub(super) fn dynamic(&self) -> Option<Arc<dyn PhysicalExpr>> {
        let dynamic = self.conjuncts.iter().filter(|conjunct| conjunct.dynamic);
        joined(dynamic.map(|conjunct| &conjunct.table_expr))
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, conjunct) in self.conjuncts.iter().enumerate() {
            let separator = if index == 0 { "" } else { " AND " };
            write!(f, "{separator}{}", conjunct.table_expr)?;
        }
        Ok(())
    }
}

impl Conjunct {
    fn new(expr: &Arc<dyn PhysicalExpr>, table: &SchemaRef) -> DfResult<Self> {
        let mut columns: Vec<usize> = collect_columns(expr).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let own_expr = Arc::clone(expr)
            .transform(|node| {
                let Some(column) = node.downcast_ref::<Column>() else {
                    return Ok(Transformed::no(node));
                };
                let position = columns.binary_search(&column.index()).expect("collected above");
                Ok(Transformed::yes(Arc::new(Column::new(column.name(), position)) as _))
            })?
            .data;
        // nullable: a condition on text in codes is asked for NULL, too
        let fields: Vec<_> =
            columns.iter().map(|index| table.field(*index).clone().with_nullable(true)).collect();
        let dynamic = contains(expr, |node| node.downcast_ref::<DynamicFilterPhysicalExpr>().is_some());
        Ok(Self {
            table_expr: Arc::clone(expr),
            own_expr,
            columns,
            schema: Arc::new(Schema::new(fields)),
            fallible: !dynamic && contains(expr, |node| !cannot_fail(node)),
            dynamic,
        })
    }

    pub(super) fn table_expr(&self) -> &Arc<dyn PhysicalExpr> {
        &self.table_expr
    }

    pub(super) fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The only column of the condition, if its answer depends on the value there alone.
    pub(super) fn only_column(&self) -> Option<usize> {
        match self.columns[..] {
            [column] if !self.fallible && !self.dynamic => Some(column),
            _ => None,
        }
    }

    /// Narrows a mask of rows (all, where there is none) to those for which the condition is true.
    ///
    /// `arrays` are the columns of the condition. The answer has no NULLs; `None` means that every row passes.
    pub(super) fn narrow(
        &self,
        rows: usize,
        arrays: Vec<ArrayRef>,
        mask: Option<Mask>,
    ) -> DfResult<Option<Mask>> {
        let answer = self.evaluate(rows, arrays, mask.as_ref())?;
        Ok(narrowed(mask, &answer))
    }

    /// As [`narrow`](Self::narrow), where the [only column](Self::only_column) is text in codes.
    pub(super) fn narrow_coded(&self, text: &ArrayRef, mask: Option<Mask>) -> DfResult<Option<Mask>> {
        let values = coded::values_and_null(text, self.schema.field(0).data_type())?;
        let answers = self.evaluate(values.len(), vec![values], None)?;
        Ok(narrowed(mask, &coded::rows_where(text, &answers)?))
    }

    /// For which rows the condition is true, at least of those in the mask; without NULLs.
    fn evaluate(&self, rows: usize, arrays: Vec<ArrayRef>, mask: Option<&Mask>) -> DfResult<BooleanArray> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        let answer = match mask {
            Some(mask) if self.fallible || is_sparse(mask) => {
                self.own_expr.evaluate_selection(&batch, &mask.bits())?
            }
            _ => self.own_expr.evaluate(&batch)?,
        };
        Ok(match answer {
            ColumnarValue::Scalar(value) => BooleanArray::from(vec![value == true.into(); rows]),
            ColumnarValue::Array(array) => match as_boolean_array(&array)? {
                nullable if nullable.null_count() > 0 => prep_null_mask_filter(nullable),
                plain => plain.clone(),
            },
        })
    }
}

/// The rows of a mask (all, where there is none) that have the answer `true`; `None` where all rows have it.
fn narrowed(mask: Option<Mask>, answer: &BooleanArray) -> Option<Mask> {
    let narrowed = match mask {
        Some(mask) => mask.and(answer.values()),
        None => Mask::of_bits(answer.values().clone()),
    };
    (narrowed.count() < narrowed.of()).then_some(narrowed)
}

fn joined<'a>(parts: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>) -> Option<Arc<dyn PhysicalExpr>> {
    let parts: Vec<_> = parts.map(Arc::clone).collect();
    (!parts.is_empty()).then(|| conjunction(parts))
}

fn is_sparse(mask: &Mask) -> bool {
    (mask.count() as f64) < mask.of() as f64 * SPARSE_SHARE
}

/// Whether a node answers for every row, whatever its values: comparisons do, arithmetic, casts and functions may not.
fn cannot_fail(node: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(binary) = node.downcast_ref::<BinaryExpr>() {
        return matches!(
            binary.op(),
            Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::And
                | Operator::Or
                | Operator::IsDistinctFrom
                | Operator::IsNotDistinctFrom
        );
    }
    node.downcast_ref::<Column>().is_some()
        || node.downcast_ref::<Literal>().is_some()
        || node.downcast_ref::<InListExpr>().is_some()
        || node.downcast_ref::<IsNullExpr>().is_some()
        || node.downcast_ref::<IsNotNullExpr>().is_some()
        || node.downcast_ref::<NotExpr>().is_some()
}

fn contains(expr: &Arc<dyn PhysicalExpr>, wanted: impl Fn(&Arc<dyn PhysicalExpr>) -> bool) -> bool {
    expr.exists(|node| Ok(wanted(node))).expect("the closure does not fail")
}

#[cfg(test)]
mod tests;
