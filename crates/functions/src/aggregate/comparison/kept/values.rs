//! Numbers of one group, kept as ordered keys: for bins that depend on the reference, and for ranks.
//!
//! Partial states are taken over without a copy. For ranks each is a sorted run (so partitions sort in parallel) and the
//! final step merges; for bins nothing is sorted: the edges are selected from the reference and both sides are counted.
//! Memory is 8 bytes a value, and while the group is finished once more its reference or merge.
//!
//! In a sliding window the values stay sorted: what entered is merged in and what left is taken out when the next result is
//! asked for, so a frame costs its length.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::ScalarBuffer;
use datafusion::common::{Result, internal_err};

use super::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::rows::{Sides, doubles};
use crate::aggregate::comparison::{Answer, Excluded, Plan};
use crate::kernels::collect::append_keys;
use crate::kernels::sorted::{merge, subtract};

/// The numbers of one group.
#[derive(Debug, Default)]
pub(crate) struct Values {
    sides: [Side; 2],
}

/// One population.
#[derive(Debug, Default)]
struct Side {
    /// As they came.
    loose: Vec<u64>,
    /// Taken back by a sliding window, not yet removed.
    retracted: Vec<u64>,
    sorted: Vec<u64>,
    /// From partial states; sorted when the measure needs order.
    runs: Vec<ScalarBuffer<u64>>,
}

impl Kept for Values {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (side, target) in self.sides.iter_mut().enumerate() {
            append(&mut target.loose, doubles(&args[0]), rows, side, excluded);
        }
        Ok(())
    }

    fn remove(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (side, target) in self.sides.iter_mut().enumerate() {
            append(&mut target.retracted, doubles(&args[0]), rows, side, excluded);
        }
        Ok(())
    }

    fn state(&mut self, plan: &Plan) -> Result<Vec<ArrayRef>> {
        let mut states: Vec<ArrayRef> = Vec::with_capacity(2);
        for side in &mut self.sides {
            let keys = if plan.needs_order() {
                side.settle()?;
                std::mem::take(&mut side.sorted)
            } else {
                std::mem::take(side.gather())
            };
            let end = keys.len() as i64;
            states.push(Arc::new(integer_lists(keys, vec![0, end])));
        }
        Ok(states)
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (side, lists) in self.sides.iter_mut().zip(states) {
            side.runs
                .extend((0..lists.len()).map(|row| integers_of(lists, row)).filter(|run| !run.is_empty()));
        }
        Ok(())
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        let [reference, current] = &mut self.sides;
        if plan.needs_order() || reference.slides() || current.slides() {
            reference.settle()?;
            current.settle()?;
            return Ok(plan.of_sorted(&reference.sorted, &current.sorted, excluded));
        }
        let parts: Vec<&[u64]> = std::iter::once(current.loose.as_slice())
            .chain(current.runs.iter().map(|run| run.as_ref()))
            .collect();
        Ok(plan.of_unsorted(reference.gather(), &parts, excluded))
    }

    fn heap_bytes(&self) -> usize {
        self.sides.iter().map(Side::heap_bytes).sum()
    }
}

/// Appends the keys of one side's finite values; counts the others.
fn append(keys: &mut Vec<u64>, values: &[f64], rows: &Sides, side: usize, excluded: &mut [Excluded; 2]) {
    let (selected, before) = (&rows.values[side], keys.len());
    append_keys(keys, values, selected);
    if keys.len() - before < selected.count_set_bits() {
        excluded[side].note_selected(values, selected);
    }
}

impl Side {
    /// Whether a window has begun to take values back.
    fn slides(&self) -> bool {
        !self.sorted.is_empty() || !self.retracted.is_empty()
    }

    /// Brings all values into `sorted`: what came, without what was retracted.
    fn settle(&mut self) -> Result<()> {
        self.loose.sort_unstable();
        let parts: Vec<&[u64]> = [self.sorted.as_slice(), &self.loose]
            .into_iter()
            .chain(self.runs.iter().map(|run| run.as_ref()))
            .filter(|part| !part.is_empty())
            .collect();
        match parts.as_slice() {
            [] => {}
            [_] if !self.sorted.is_empty() => {}
            [_] if !self.loose.is_empty() => std::mem::swap(&mut self.sorted, &mut self.loose),
            parts => self.sorted = merge(parts).into_owned(),
        }
        self.loose.clear();
        self.runs.clear();
        self.retracted.sort_unstable();
        if subtract(&mut self.sorted, &self.retracted) > 0 {
            return internal_err!("a window retracted values that it never held");
        }
        self.retracted.clear();
        Ok(())
    }

    /// Brings all values into `loose`, in any order.
    fn gather(&mut self) -> &mut Vec<u64> {
        for run in self.runs.drain(..) {
            self.loose.extend_from_slice(&run);
        }
        self.loose.append(&mut self.sorted);
        &mut self.loose
    }

    fn heap_bytes(&self) -> usize {
        let own = self.loose.capacity() + self.retracted.capacity() + self.sorted.capacity();
        let runs: usize = self.runs.iter().map(|run| run.len()).sum();
        (own + runs) * size_of::<u64>() + self.runs.capacity() * size_of::<ScalarBuffer<u64>>()
    }
}
