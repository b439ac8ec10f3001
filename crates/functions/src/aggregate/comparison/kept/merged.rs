//! Stored distributions of numbers in the place of values: those of either side are merged, and compared when a group is finished.
//! Memory is at most [`BUCKETS_MAX`](crate::kernels::distribution::BUCKETS_MAX) buckets a side of a group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::BooleanBuffer;
use datafusion::common::{Result, resources_err};

use super::distributions::Distributions;
use super::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::excluded::ExcludedByGroup;
use crate::aggregate::comparison::groups_accumulator::{KeptByGroup, Leaving};
use crate::aggregate::comparison::rows::Sides;
use crate::aggregate::comparison::{Answer, Excluded, Plan};
use crate::distribution::Distributions as Column;
use crate::kernels::collect::for_each_selected;
use crate::kernels::distribution::Distribution;

/// The distributions of one group.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    both: Distributions,
}

/// Calls `visit(row, distribution, what it left out)` for the selected rows.
fn for_each(
    column: &ArrayRef,
    selected: &BooleanBuffer,
    mut visit: impl FnMut(usize, &Distribution, Excluded) -> Result<()>,
) -> Result<()> {
    let distributions = Column::new(column)?;
    let mut outcome = Ok(());
    for_each_selected(selected, |row| {
        if outcome.is_ok() {
            outcome = distributions.get(row).and_then(|read| match read {
                None => Ok(()),
                Some(read) => {
                    let out = read.excluded;
                    let infinities = out.positive_infinities + out.negative_infinities;
                    visit(row, &read, Excluded { nulls: out.nulls, nans: out.nans, infinities })
                }
            });
        }
    });
    outcome
}

fn note(total: &mut Excluded, more: Excluded) {
    total.nulls += more.nulls;
    total.nans += more.nans;
    total.infinities += more.infinities;
}

impl Kept for Merged {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (side, selected) in rows.values.iter().enumerate() {
            for_each(&args[0], selected, |_, distribution, left_out| {
                note(&mut excluded[side], left_out);
                self.both.merge_distribution(side, distribution)
            })?;
        }
        Ok(())
    }

    fn remove(&mut self, _: &[ArrayRef], _: &Sides, _: &mut [Excluded; 2]) -> Result<()> {
        // a scale that was left for a coarser one cannot be taken back
        resources_err!(
            "distributions of numbers cannot be taken back from a window that moves on: merge those of each side in windows of their \
             own, as in psi_between(d, distribution_merge(d) OVER (ORDER BY day ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING))"
        )
    }

    fn state(&mut self, _plan: &Plan) -> Result<Vec<ArrayRef>> {
        let list = |side: usize| -> ArrayRef {
            let packed = self.both.pack(side);
            let end = packed.len() as i64;
            Arc::new(integer_lists(packed, vec![0, end]))
        };
        Ok(vec![list(0), list(1)])
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (side, lists) in states.iter().enumerate() {
            (0..lists.len()).try_for_each(|row| self.both.merge(side, &integers_of(lists, row)))?;
        }
        Ok(())
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        self.both.answer(plan, excluded)
    }

    fn heap_bytes(&self) -> usize {
        self.both.heap_bytes()
    }
}

/// The distributions of many groups.
#[derive(Debug, Default)]
pub(crate) struct MergedByGroup {
    groups: Vec<Distributions>,
    /// Heap memory of all groups, kept up to date.
    heap_bytes: usize,
}

impl MergedByGroup {
    fn change(&mut self, group: usize, change: impl FnOnce(&mut Distributions) -> Result<()>) -> Result<()> {
        let both = &mut self.groups[group];
        let before = both.heap_bytes();
        change(both)?;
        self.heap_bytes = self.heap_bytes + both.heap_bytes() - before;
        Ok(())
    }
}

impl KeptByGroup for MergedByGroup {
    type Leaving = Vec<Distributions>;

    fn fresh(&self) -> Self {
        Self::default()
    }

    fn add(
        &mut self,
        args: &[ArrayRef],
        rows: &Sides,
        group_indices: &[usize],
        groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()> {
        self.groups.resize_with(groups, Default::default);
        for (side, selected) in rows.values.iter().enumerate() {
            for_each(&args[0], selected, |row, distribution, left_out| {
                let group = group_indices[row];
                if left_out.total() > 0 {
                    note(&mut excluded.of(group)[side], left_out);
                }
                self.change(group, |both| both.merge_distribution(side, distribution))
            })?;
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.groups.resize_with(groups, Default::default);
        for (side, lists) in states.iter().enumerate() {
            for (row, &group) in group_indices.iter().enumerate() {
                self.change(group, |both| both.merge(side, &integers_of(lists, row)))?;
            }
        }
        Ok(())
    }

    fn leave(&mut self, groups: usize, _plan: &Plan) -> Result<Vec<Distributions>> {
        self.groups.resize_with(groups.max(self.groups.len()), Default::default);
        let leaving: Vec<Distributions> = self.groups.drain(..groups).collect();
        self.heap_bytes -= leaving.iter().map(Distributions::heap_bytes).sum::<usize>();
        Ok(leaving)
    }

    fn heap_bytes(&self) -> usize {
        self.heap_bytes + self.groups.capacity() * size_of::<Distributions>()
    }
}

impl Leaving for Vec<Distributions> {
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        self[group].answer(plan, excluded)
    }

    fn states(self, groups: usize, _plan: &Plan) -> Vec<ArrayRef> {
        let lists = [0, 1].map(|side| -> ArrayRef {
            let (mut packed, mut ends) = (Vec::new(), vec![0i64]);
            for both in &self[..groups] {
                packed.extend(both.pack(side));
                ends.push(packed.len() as i64);
            }
            Arc::new(integer_lists(packed, ends))
        });
        lists.to_vec()
    }
}
