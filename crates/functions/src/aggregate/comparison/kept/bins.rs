//! Counts over bins that are known beforehand: the caller's edges, false and true, or one for everything. Memory does not
//! grow with rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use datafusion::common::{Result, internal_err};

use super::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::excluded::ExcludedByGroup;
use crate::aggregate::comparison::groups_accumulator::{KeptByGroup, Leaving};
use crate::aggregate::comparison::rows::{Sides, doubles};
use crate::aggregate::comparison::{Answer, Counts, EXACT, Excluded, Labels, Plan};
use crate::kernels::bins::{add_counts, bin_of};
use crate::kernels::collect::{append_values, for_each_selected};

/// Bins that are known before the first row.
#[derive(Debug, Clone)]
pub(crate) enum Bins {
    Edges(Arc<[f64]>),
    Flags,
    /// One bin for every value that is not NULL, of whatever type.
    Whole,
}

impl Bins {
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Edges(edges) => edges.len() + 1,
            Self::Flags => 2,
            Self::Whole => 1,
        }
    }

    /// Adds the selected rows to one side's counts.
    pub(super) fn count(
        &self,
        counts: &mut [u64],
        values: &ArrayRef,
        selected: &BooleanBuffer,
        excluded: &mut Excluded,
        scratch: &mut Vec<f64>,
    ) {
        match self {
            Self::Edges(edges) => {
                scratch.clear();
                append_values(scratch, doubles(values), selected);
                add_counts(counts, scratch, edges);
                if scratch.len() < selected.count_set_bits() {
                    excluded.note_selected(doubles(values), selected);
                }
            }
            Self::Flags => {
                let rows = selected.count_set_bits() as u64;
                let set = (selected & values.as_boolean().values()).count_set_bits() as u64;
                counts[0] += rows - set;
                counts[1] += set;
            }
            Self::Whole => counts[0] += selected.count_set_bits() as u64,
        }
    }

    /// Calls `visit(row, bin)` for the selected rows; the bin of a value that is not finite is that value.
    pub(super) fn for_each(
        &self,
        values: &ArrayRef,
        selected: &BooleanBuffer,
        mut visit: impl FnMut(usize, Result<usize, f64>),
    ) {
        match self {
            Self::Edges(edges) => {
                let values = doubles(values);
                for_each_selected(selected, |row| {
                    let value = values[row];
                    visit(row, if value.is_finite() { Ok(bin_of(value, edges)) } else { Err(value) });
                });
            }
            Self::Flags => {
                let values = values.as_boolean().values();
                for_each_selected(selected, |row| visit(row, Ok(usize::from(values.value(row)))));
            }
            Self::Whole => for_each_selected(selected, |row| visit(row, Ok(0))),
        }
    }

    pub(super) fn answer(
        &self,
        plan: &Plan,
        reference: &[u64],
        current: &[u64],
        excluded: [Excluded; 2],
    ) -> Answer {
        let labels = match self {
            Self::Edges(edges) => Labels::Edges(edges),
            Self::Flags => return plan.of_flags(reference, current, excluded),
            Self::Whole => Labels::Whole,
        };
        plan.of_counts(&Counts { reference, current, labels, excluded, method: EXACT })
    }
}

/// The counts of one group.
#[derive(Debug)]
pub(crate) struct FixedBins {
    bins: Bins,
    sides: [Vec<u64>; 2],
    scratch: Vec<f64>,
}

impl FixedBins {
    pub(crate) fn new(bins: Bins) -> Self {
        let width = bins.width();
        Self { bins, sides: [vec![0; width], vec![0; width]], scratch: Vec::new() }
    }
}

impl Kept for FixedBins {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (side, counts) in self.sides.iter_mut().enumerate() {
            self.bins.count(counts, &args[0], &rows.values[side], &mut excluded[side], &mut self.scratch);
        }
        Ok(())
    }

    fn remove(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (side, counts) in self.sides.iter_mut().enumerate() {
            let mut less = vec![0; counts.len()];
            self.bins.count(&mut less, &args[0], &rows.values[side], &mut excluded[side], &mut self.scratch);
            for (count, less) in counts.iter_mut().zip(less) {
                let Some(left) = count.checked_sub(less) else {
                    return internal_err!("a window retracted values that it never held");
                };
                *count = left;
            }
        }
        Ok(())
    }

    fn state(&mut self, _plan: &Plan) -> Result<Vec<ArrayRef>> {
        let list = |counts: &Vec<u64>| -> ArrayRef {
            Arc::new(integer_lists(counts.clone(), vec![0, counts.len() as i64]))
        };
        Ok(self.sides.iter().map(list).collect())
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (counts, lists) in self.sides.iter_mut().zip(states) {
            for row in 0..lists.len() {
                add_list(counts, &integers_of(lists, row))?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        Ok(self.bins.answer(plan, &self.sides[0], &self.sides[1], excluded))
    }

    fn heap_bytes(&self) -> usize {
        let counts: usize = self.sides.iter().map(|side| side.capacity() * size_of::<u64>()).sum();
        counts + self.scratch.capacity() * size_of::<f64>()
    }
}

/// The counts of many groups, flat: group, then side, then bin.
#[derive(Debug)]
pub(crate) struct FixedBinsByGroup {
    bins: Bins,
    counts: Vec<u64>,
}

/// The counts of the first groups, on their way out.
pub(crate) struct LeavingBins {
    bins: Bins,
    counts: Vec<u64>,
}

impl FixedBinsByGroup {
    pub(crate) fn new(bins: Bins) -> Self {
        Self { bins, counts: Vec::new() }
    }
}

impl KeptByGroup for FixedBinsByGroup {
    type Leaving = LeavingBins;

    fn fresh(&self) -> Self {
        Self::new(self.bins.clone())
    }

    fn add(
        &mut self,
        args: &[ArrayRef],
        rows: &Sides,
        group_indices: &[usize],
        groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()> {
        let width = self.bins.width();
        self.counts.resize(groups * 2 * width, 0);
        for (side, selected) in rows.values.iter().enumerate() {
            let counts = &mut self.counts;
            self.bins.for_each(&args[0], selected, |row, bin| match bin {
                Ok(bin) => counts[(group_indices[row] * 2 + side) * width + bin] += 1,
                Err(value) => excluded.of(group_indices[row])[side].note(value),
            });
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        let width = self.bins.width();
        self.counts.resize(groups * 2 * width, 0);
        for (side, lists) in states.iter().enumerate() {
            for (row, &group) in group_indices.iter().enumerate() {
                let start = (group * 2 + side) * width;
                add_list(&mut self.counts[start..start + width], &integers_of(lists, row))?;
            }
        }
        Ok(())
    }

    fn leave(&mut self, groups: usize, _plan: &Plan) -> Result<LeavingBins> {
        let later = self.counts.split_off(groups * 2 * self.bins.width());
        Ok(LeavingBins { bins: self.bins.clone(), counts: std::mem::replace(&mut self.counts, later) })
    }

    fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }
}

impl LeavingBins {
    fn side(&self, group: usize, side: usize) -> &[u64] {
        let width = self.bins.width();
        &self.counts[(group * 2 + side) * width..][..width]
    }
}

impl Leaving for LeavingBins {
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        Ok(self.bins.answer(plan, self.side(group, 0), self.side(group, 1), excluded))
    }

    /// A side without rows has an empty list, which merges as zeros: half of the lists where every row is a group.
    fn states(self, groups: usize, _plan: &Plan) -> Vec<ArrayRef> {
        let lists = [0, 1].map(|side| -> ArrayRef {
            let (mut counts, mut ends) = (Vec::new(), vec![0i64]);
            for group in 0..groups {
                let of_side = self.side(group, side);
                if of_side.iter().any(|&count| count > 0) {
                    counts.extend_from_slice(of_side);
                }
                ends.push(counts.len() as i64);
            }
            Arc::new(integer_lists(counts, ends))
        });
        lists.to_vec()
    }
}

pub(super) fn add_list(counts: &mut [u64], list: &[u64]) -> Result<()> {
    if !list.is_empty() && list.len() != counts.len() {
        return internal_err!("a partial state has {} bins instead of {}", list.len(), counts.len());
    }
    for (count, more) in counts.iter_mut().zip(list) {
        *count += more;
    }
    Ok(())
}
