//! Many groups in DataFusion: `GROUP BY`.

use std::fmt::Debug;

use arrow::array::{ArrayRef, BooleanArray};
use datafusion::common::{Result, resources_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::excluded::{self, Excluded, ExcludedByGroup};
use super::results::Results;
use super::rows::{Sides, readable};
use super::{Answer, Plan};

/// What is kept of the rows of many groups, without an allocation a group.
pub(crate) trait KeptByGroup: Debug + Send + Sync + Sized + 'static {
    /// Groups on their way out.
    type Leaving: Leaving;

    /// A new one without rows.
    fn fresh(&self) -> Self;

    /// Takes rows in, the value being the first argument; there are `groups` groups by now. What is neither NULL nor a finite value is counted in `excluded`.
    fn add(
        &mut self,
        args: &[ArrayRef],
        sides: &Sides,
        group_indices: &[usize],
        groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()>;

    /// Takes partial states in, one row each.
    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()>;

    /// Takes the first groups out; the groups behind move down.
    fn leave(&mut self, groups: usize, plan: &Plan) -> Result<Self::Leaving>;

    fn heap_bytes(&self) -> usize;
}

/// Groups that have left: they become answers or states.
pub(crate) trait Leaving {
    /// The answer of a group; to be called for each group once, in order.
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer>;

    /// The partial states of all `groups`: one list a group and column.
    fn states(self, groups: usize, plan: &Plan) -> Vec<ArrayRef>;
}

/// The accumulator of many groups.
#[derive(Debug)]
pub(crate) struct ComparisonGroups<K> {
    plan: Plan,
    groups: usize,
    kept: K,
    excluded: ExcludedByGroup,
}

impl<K: KeptByGroup> ComparisonGroups<K> {
    pub(crate) fn new(plan: Plan, kept: K) -> Self {
        Self { plan, groups: 0, kept, excluded: ExcludedByGroup::default() }
    }

    fn leave(&mut self, emit_to: EmitTo) -> Result<(K::Leaving, Vec<[Excluded; 2]>)> {
        let groups = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        };
        self.groups -= groups;
        let leaving = self.kept.leave(groups, &self.plan)?;
        let excluded = self.excluded.leave(groups);
        if self.groups == 0 {
            // the last ones take their memory along
            (self.kept, self.excluded) = (self.kept.fresh(), ExcludedByGroup::default());
        }
        Ok((leaving, excluded))
    }
}

impl<K: KeptByGroup> GroupsAccumulator for ComparisonGroups<K> {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = checked_groups(total_num_groups)?;
        let args = readable(args, self.plan.measure)?;
        let sides = self.plan.sides(&args, filter)?;
        self.excluded.add_nulls(&sides, group_indices);
        self.kept.add(&args, &sides, group_indices, self.groups, &mut self.excluded)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = checked_groups(total_num_groups)?;
        let (excluded, kept) = states.split_last().expect("a state has columns");
        self.excluded.merge(excluded, group_indices)?;
        self.kept.merge(kept, group_indices, self.groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (mut leaving, excluded) = self.leave(emit_to)?;
        let mut results = Results::new(&self.plan.comparison.returns);
        for (group, excluded) in excluded.into_iter().enumerate() {
            results.push(leaving.answer(group, &self.plan, excluded)?)?;
        }
        results.finish()
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (leaving, excluded) = self.leave(emit_to)?;
        let mut columns = leaving.states(excluded.len(), &self.plan);
        columns.push(excluded::state_of(excluded));
        Ok(columns)
    }

    /// Every row as a group of its own.
    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows: Vec<usize> = (0..args[0].len()).collect();
        let mut single = Self::new(self.plan.clone(), self.kept.fresh());
        single.update_batch(args, &rows, filter, rows.len())?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.kept.heap_bytes() + self.excluded.heap_bytes()
    }
}

/// Group numbers are kept in 32 bits.
fn checked_groups(total_num_groups: usize) -> Result<usize> {
    const GROUPS_MAX: usize = u32::MAX as usize;
    if total_num_groups > GROUPS_MAX {
        return resources_err!("more than {GROUPS_MAX} groups in one aggregation");
    }
    Ok(total_num_groups)
}
