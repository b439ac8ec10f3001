//! Counts over bins that are known beforehand: the caller's edges, or false and true. Memory does not grow with rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_empty_array};
use arrow::buffer::BooleanBuffer;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::Plan;
use super::categories::of_categories;
use super::rows::{Sides, doubles};
use super::runs::{integer_lists, integers_of};
use super::values::checked_groups;
use crate::kernels::bins::{add_counts, bin_of};
use crate::kernels::collect::{append_values, for_each_selected};

/// Bins that are known before the first row.
#[derive(Debug, Clone)]
pub(crate) enum Bins {
    Edges(Arc<[f64]>),
    Boolean,
}

impl Bins {
    fn width(&self) -> usize {
        match self {
            Self::Edges(edges) => edges.len() + 1,
            Self::Boolean => 2,
        }
    }

    /// Adds the selected rows to one side's counts.
    fn count(&self, counts: &mut [u64], values: &ArrayRef, selected: &BooleanBuffer, scratch: &mut Vec<f64>) {
        match self {
            Self::Edges(edges) => {
                scratch.clear();
                append_values(scratch, doubles(values), selected);
                add_counts(counts, scratch, edges);
            }
            Self::Boolean => {
                let rows = selected.count_set_bits() as u64;
                let set = (selected & values.as_boolean().values()).count_set_bits() as u64;
                counts[0] += rows - set;
                counts[1] += set;
            }
        }
    }

    /// Calls `visit(row, bin)` for the selected rows whose value is finite.
    fn for_each(&self, values: &ArrayRef, selected: &BooleanBuffer, mut visit: impl FnMut(usize, usize)) {
        match self {
            Self::Edges(edges) => {
                let values = doubles(values);
                for_each_selected(selected, |row| {
                    if values[row].is_finite() {
                        visit(row, bin_of(values[row], edges));
                    }
                });
            }
            Self::Boolean => {
                let values = values.as_boolean().values();
                for_each_selected(selected, |row| visit(row, usize::from(values.value(row))));
            }
        }
    }

    fn finish(&self, plan: &Plan, reference: &[u64], current: &[u64]) -> Result<ScalarValue> {
        match self {
            Self::Edges(_) => plan.comparison.of_counts(reference, current, &plan.options),
            Self::Boolean => of_categories(plan, reference.iter().zip(current).map(|(&r, &c)| [r, c])),
        }
    }
}

/// The counts of one group.
#[derive(Debug)]
pub(crate) struct CountsAccumulator {
    plan: Plan,
    bins: Bins,
    sides: [Vec<u64>; 2],
    scratch: Vec<f64>,
}

impl CountsAccumulator {
    pub(crate) fn new(plan: Plan, bins: Bins) -> Self {
        let width = bins.width();
        Self { plan, bins, sides: [vec![0; width], vec![0; width]], scratch: Vec::new() }
    }
}

impl Accumulator for CountsAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let rows = Sides::new(args, None)?;
        for (counts, selected) in self.sides.iter_mut().zip([&rows.reference, &rows.current]) {
            self.bins.count(counts, &args[0], selected, &mut self.scratch);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let rows = Sides::new(args, None)?;
        for (counts, selected) in self.sides.iter_mut().zip([&rows.reference, &rows.current]) {
            let mut retracted = vec![0; counts.len()];
            self.bins.count(&mut retracted, &args[0], selected, &mut self.scratch);
            for (count, retracted) in counts.iter_mut().zip(retracted) {
                let Some(left) = count.checked_sub(retracted) else {
                    return internal_err!("a window retracted values that it never held");
                };
                *count = left;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = |counts: &Vec<u64>| {
            ScalarValue::LargeList(Arc::new(integer_lists(counts.clone(), vec![0, counts.len() as i64])))
        };
        Ok(self.sides.iter().map(list).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (counts, lists) in self.sides.iter_mut().zip(states) {
            for row in 0..lists.len() {
                add_list(counts, &integers_of(lists, row))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.bins.finish(&self.plan, &self.sides[0], &self.sides[1])
    }

    fn size(&self) -> usize {
        let counts: usize = self.sides.iter().map(|side| side.capacity() * size_of::<u64>()).sum();
        size_of_val(self) + counts + self.scratch.capacity() * size_of::<f64>()
    }
}

/// The counts of many groups, flat: group, then side, then bin.
#[derive(Debug)]
pub(crate) struct CountsGroupsAccumulator {
    plan: Plan,
    bins: Bins,
    counts: Vec<u64>,
}

impl CountsGroupsAccumulator {
    pub(crate) fn new(plan: Plan, bins: Bins) -> Self {
        Self { plan, bins, counts: Vec::new() }
    }

    fn resize(&mut self, groups: usize) -> Result<()> {
        self.counts.resize(checked_groups(groups)? * 2 * self.bins.width(), 0);
        Ok(())
    }

    fn emit(&mut self, emit_to: EmitTo) -> Vec<u64> {
        match emit_to {
            EmitTo::All => std::mem::take(&mut self.counts),
            EmitTo::First(n) => EmitTo::First(n * 2 * self.bins.width()).take_needed(&mut self.counts),
        }
    }
}

impl GroupsAccumulator for CountsGroupsAccumulator {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups)?;
        let width = self.bins.width();
        let rows = Sides::new(args, filter)?;
        for (side, selected) in [&rows.reference, &rows.current].into_iter().enumerate() {
            let counts = &mut self.counts;
            self.bins.for_each(&args[0], selected, |row, bin| {
                counts[(group_indices[row] * 2 + side) * width + bin] += 1;
            });
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups)?;
        let width = self.bins.width();
        for (side, lists) in states.iter().enumerate() {
            for (row, &group) in group_indices.iter().enumerate() {
                let start = (group * 2 + side) * width;
                add_list(&mut self.counts[start..start + width], &integers_of(lists, row))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let counts = self.emit(emit_to);
        if counts.is_empty() {
            return Ok(new_empty_array(&self.plan.comparison.return_type()));
        }
        let width = self.bins.width();
        let results = counts
            .chunks_exact(2 * width)
            .map(|group| self.bins.finish(&self.plan, &group[..width], &group[width..]))
            .collect::<Result<Vec<_>>>()?;
        ScalarValue::iter_to_array(results)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let counts = self.emit(emit_to);
        let width = self.bins.width();
        let groups = counts.len() / (2 * width);
        let offsets: Vec<i64> = (0..=groups).map(|group| (group * width) as i64).collect();
        let side = |side: usize| -> ArrayRef {
            let of_side = counts.chunks_exact(width).skip(side).step_by(2).flatten().copied().collect();
            Arc::new(integer_lists(of_side, offsets.clone()))
        };
        Ok(vec![side(0), side(1)])
    }

    /// A row fills the list of its own side; the other side's list is empty, which merges as zeros.
    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let width = self.bins.width();
        let rows = Sides::new(args, filter)?;
        let lists = [&rows.reference, &rows.current].map(|selected| -> ArrayRef {
            let (mut counts, mut offsets) = (Vec::new(), vec![0i64]);
            self.bins.for_each(&args[0], selected, |row, bin| {
                offsets.resize(row + 1, counts.len() as i64);
                counts.resize(counts.len() + width, 0);
                let own = counts.len() - width;
                counts[own + bin] = 1;
            });
            offsets.resize(args[0].len() + 1, counts.len() as i64);
            Arc::new(integer_lists(counts, offsets))
        });
        Ok(lists.to_vec())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<u64>()
    }
}

fn add_list(counts: &mut [u64], list: &[u64]) -> Result<()> {
    if !list.is_empty() && list.len() != counts.len() {
        return internal_err!("a partial state has {} bins instead of {}", list.len(), counts.len());
    }
    for (count, more) in counts.iter_mut().zip(list) {
        *count += more;
    }
    Ok(())
}
