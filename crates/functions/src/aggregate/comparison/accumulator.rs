//! One group in DataFusion: without `GROUP BY`, and in `OVER` windows.

use std::fmt::Debug;

use arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::excluded::{self, Excluded};
use super::rows::{Sides, readable};
use super::{Answer, Plan};

/// What is kept of the rows of one group.
pub(crate) trait Kept: Debug + Send + Sync + 'static {
    /// Takes rows in: the value is the first argument. What is neither NULL nor a finite value is counted in `excluded`.
    fn add(&mut self, args: &[ArrayRef], sides: &Sides, excluded: &mut [Excluded; 2]) -> Result<()>;

    /// Takes rows out again, as a sliding window does.
    fn remove(&mut self, args: &[ArrayRef], sides: &Sides, excluded: &mut [Excluded; 2]) -> Result<()>;

    /// The partial state: one list a column. What is left behind is not used again.
    fn state(&mut self, plan: &Plan) -> Result<Vec<ArrayRef>>;

    /// Takes the partial states of all rows of `states` in.
    fn merge(&mut self, states: &[ArrayRef]) -> Result<()>;

    /// The answer. Rows may still come and go afterwards.
    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer>;

    fn heap_bytes(&self) -> usize;
}

/// The accumulator of one group.
#[derive(Debug)]
pub(crate) struct ComparisonAccumulator<K> {
    plan: Plan,
    kept: K,
    excluded: [Excluded; 2],
}

impl<K: Kept> ComparisonAccumulator<K> {
    pub(crate) fn new(plan: Plan, kept: K) -> Self {
        Self { plan, kept, excluded: Default::default() }
    }
}

impl<K: Kept> Accumulator for ComparisonAccumulator<K> {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let args = readable(args, self.plan.measure)?;
        let sides = self.plan.sides(&args, None)?;
        excluded::add(&mut self.excluded, excluded::nulls_of(&sides));
        self.kept.add(&args, &sides, &mut self.excluded)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let args = readable(args, self.plan.measure)?;
        let sides = self.plan.sides(&args, None)?;
        let mut less = excluded::nulls_of(&sides);
        self.kept.remove(&args, &sides, &mut less)?;
        excluded::remove(&mut self.excluded, less)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut columns = self.kept.state(&self.plan)?;
        columns.push(excluded::state_of([self.excluded]));
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (excluded, kept) = states.split_last().expect("a state has columns");
        for row in 0..excluded.len() {
            excluded::add(&mut self.excluded, excluded::of_state(excluded, row)?);
        }
        self.kept.merge(kept)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = self.kept.answer(&self.plan, self.excluded)?;
        self.plan.comparison.returns.value(answer)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.kept.heap_bytes()
    }
}
