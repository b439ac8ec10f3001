//! Earlier windows of the reference: as long as the current one, on the same weekdays and at the same hours, each against the rest
//! of the reference. How far they lay apart says what is usual for a column.
//!
//! Window `k` is the span of the current rows, moved back by `k` steps of as many whole weeks as the span needs (one, for all that is
//! shorter). It counts where all of it lies behind the first row of the reference. Its rows are counted in the bins of the first
//! scan, so memory does not grow with rows; "the rest" is the reference's counts less the window's.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, cast, lit};
use driftline_functions::kernels::divergence;

use super::detail::{Bin, Group, Psi, Sides, Times, number};
use super::plan::Layout;
use crate::error::Result;

/// Windows that are compared at most: a year of weeks.
const WINDOWS_MAX: i64 = 52;
/// Windows that a quantile needs at least.
pub(super) const WINDOWS_MIN: usize = 8;
/// The quantile of the windows' scores that the current one must pass.
const QUANTILE: f64 = 0.95;
/// A window with fewer rows than this share of the current one's is too small to be compared with it.
const ROWS_SHARE_MIN: f64 = 0.5;
/// Columns of more bins are not counted again.
const BINS_MAX: usize = 100;
/// The least share of a bin: the default of `psi`.
const EPS: f64 = 1e-4;
const WEEK_NS: i64 = 7 * 86_400 * 1_000_000_000;

/// The windows that the reference is long enough for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    last: i64,
    span: i64,
    step: i64,
    pub(super) count: i64,
}

/// What the windows of one column say.
#[derive(Clone, Copy, Debug)]
pub(super) enum History {
    /// The quantile of so many windows.
    Of { windows: usize, quantile: f64 },
    /// There are so few.
    TooFew(usize),
    /// There are more bins than are counted again.
    TooManyBins,
}

impl Windows {
    /// The windows before the current one that lie within the reference.
    pub(super) fn within([reference, current]: Sides<Times>) -> Self {
        let span = current.last.saturating_sub(current.first);
        let weeks = span / WEEK_NS + 1;
        let step = weeks.saturating_mul(WEEK_NS);
        let count = current.first.saturating_sub(reference.first) / step;
        Self { last: current.last, span, step, count: count.clamp(0, WINDOWS_MAX) }
    }

    pub(super) fn are_enough(&self) -> bool {
        self.count as usize >= WINDOWS_MIN
    }

    /// Counts the bins of every window over the rows of the reference.
    pub(super) fn plan(&self, rows: LogicalPlan, layout: &Layout, whole: &Group) -> Result<LogicalPlan> {
        let schema = rows.schema().clone();
        let column = |name: &str| -> Result<Expr> {
            let (qualifier, field) = schema.qualified_field_with_unqualified_name(name)?;
            Ok(Expr::Column(Column::new(qualifier.cloned(), field.name())))
        };
        let instant = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let time = column("time")?;
        let before = lit(self.last) - cast(cast(time.clone(), instant), DataType::Int64);
        let bound = |ns: i64| lit(ScalarValue::TimestampNanosecond(Some(ns), Some("UTC".into())));
        let first = self.last.saturating_sub(self.step.saturating_mul(self.count)).saturating_sub(self.span);
        let inside = time
            .clone()
            .gt_eq(bound(first))
            .and(time.lt_eq(bound(self.last.saturating_sub(self.step))))
            .and((before.clone() % lit(self.step)).lt_eq(lit(self.span)));
        let mut counts = vec![];
        for (at, bins) in counted(layout, whole) {
            let known = &layout.columns[at];
            for bin in bins {
                let holds = holds(column(&known.name)?, bin);
                let name = format!("driftline_{}", counts.len());
                counts.push(count(lit(1i64)).filter(holds).build()?.alias(name));
            }
        }
        let window = (before / lit(self.step)).alias("driftline_window");
        Ok(LogicalPlanBuilder::from(rows).filter(inside)?.aggregate([window], counts)?.build()?)
    }

    /// What the counts say of every column.
    pub(super) fn read(
        &self,
        batches: &[RecordBatch],
        layout: &Layout,
        whole: &Group,
    ) -> Result<Vec<History>> {
        let mut histories: Vec<History> = whole
            .columns
            .iter()
            .map(|column| match &column.psi {
                Some(psi) if !is_counted(psi) => History::TooManyBins,
                _ => History::TooFew(0),
            })
            .collect();
        let mut first = 1;
        for (at, bins) in counted(layout, whole) {
            let rows_min = whole.columns[at].values[1].unwrap_or(0) as f64 * ROWS_SHARE_MIN;
            let mut scores = vec![];
            for batch in batches {
                for row in 0..batch.num_rows() {
                    let window: Vec<u64> = (first..first + bins.len())
                        .map(|column| number(batch.column(column), row))
                        .collect::<Result<_>>()?;
                    if (window.iter().sum::<u64>() as f64) < rows_min {
                        continue;
                    }
                    let rest: Vec<u64> = bins
                        .iter()
                        .zip(&window)
                        .map(|(bin, inside)| bin.reference.saturating_sub(*inside))
                        .collect();
                    scores.extend(divergence::psi(&rest, &window, EPS));
                }
            }
            first += bins.len();
            histories[at] = match scores.len() {
                few if few < WINDOWS_MIN => History::TooFew(few),
                windows => History::Of { windows, quantile: quantile(scores) },
            };
        }
        Ok(histories)
    }
}

/// The columns whose bins are counted again, with their bins.
fn counted<'a>(layout: &'a Layout, whole: &'a Group) -> impl Iterator<Item = (usize, &'a [Bin])> {
    let columns = whole.columns.iter().take(layout.columns.len()).enumerate();
    columns.filter_map(|(at, column)| {
        column.psi.as_ref().filter(|psi| is_counted(psi)).map(|psi| (at, psi.listed.as_slice()))
    })
}

fn is_counted(psi: &Psi) -> bool {
    psi.listed.len() <= BINS_MAX
}

/// Whether a bin holds a value.
fn holds(value: Expr, bin: &Bin) -> Expr {
    match bin.category.as_deref() {
        Some(category) => cast(value, DataType::Utf8).eq(lit(category)),
        None => {
            // 0.0 and -0.0 are one value
            let value = cast(value, DataType::Float64) + lit(0.0);
            let above = value.clone().gt_eq(lit(bin.lo.unwrap_or(f64::MIN)));
            let below = match bin.hi {
                Some(hi) => value.lt(lit(hi)),
                None => value.lt_eq(lit(f64::MAX)),
            };
            above.and(below)
        }
    }
}

/// The quantile of type 7.
fn quantile(mut scores: Vec<f64>) -> f64 {
    scores.sort_unstable_by(f64::total_cmp);
    let place = QUANTILE * (scores.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(scores.len() - 1);
    scores[below] + (place - below as f64) * (scores[above] - scores[below])
}

#[cfg(test)]
mod tests;
