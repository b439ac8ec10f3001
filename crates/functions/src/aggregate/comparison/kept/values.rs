//! Numbers of one group, kept as ordered keys: for bins that depend on the reference, and for ranks.
//!
//! Partial states are taken over without a copy. For ranks each is a sorted run (so partitions sort in parallel) and the
//! final step merges; for bins nothing is sorted: the edges are selected from the reference and both sides are counted.
//! Memory is 8 bytes a value; while the group is finished once more for its reference or its merge, and twice more where more than two
//! sorted runs meet.
//!
//! In a sliding window the values stay sorted: what entered is merged in and what left is taken out when the next result is
//! asked for, so a frame costs its length.
//!
//! A group with more values than the limit of exact modes becomes two distributions. Only how many values it has decides that, so
//! partial states that are past the limit by themselves, and such that are past it together, end as the same.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::ScalarBuffer;
use datafusion::common::{Result, internal_err, resources_err};

use super::distributions::Distributions;
use super::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::rows::{Sides, doubles};
use crate::aggregate::comparison::{Answer, Excluded, Plan};
use crate::kernels::collect::append_keys;
use crate::kernels::distribution::Distribution;
use crate::kernels::parallel::both;
use crate::kernels::sorted::{merge, subtract};

/// Sides of together so many values are settled at the same time.
const AT_ONCE_MIN: usize = 1 << 17;

/// Past the limit, a buffer of so many keys is kept from batch to batch.
const LOOSE_KEPT_MAX: usize = 1 << 14;

/// The numbers of one group.
#[derive(Debug)]
pub(crate) struct Values {
    /// Most values that are kept.
    limit: usize,
    sides: [Side; 2],
    /// Instead of the values, once there are more.
    past_limit: Option<Box<Distributions>>,
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

impl Values {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, sides: Default::default(), past_limit: None }
    }

    /// Turns the values into distributions once there are too many of them, and what came since.
    fn keep_to_limit(&mut self) -> Result<()> {
        let held: usize = self.sides.iter().map(Side::held).sum();
        if self.past_limit.is_none() && held > self.limit {
            self.past_limit = Some(Box::default());
        }
        let Some(distributions) = &mut self.past_limit else { return Ok(()) };
        for (at, side) in self.sides.iter_mut().enumerate() {
            if !side.retracted.is_empty() {
                side.settle()?;
            }
            distributions.add_keys(at, &side.sorted);
            distributions.add_keys(at, &side.loose);
            side.runs.iter().try_for_each(|run| distributions.merge(at, run))?;
            // the memory of values that are no more goes, too
            let (mut loose, _) = (std::mem::take(&mut side.loose), std::mem::take(side));
            loose.clear();
            loose.shrink_to(LOOSE_KEPT_MAX);
            side.loose = loose;
        }
        Ok(())
    }
}

impl Kept for Values {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (side, target) in self.sides.iter_mut().enumerate() {
            append(&mut target.loose, doubles(&args[0]), rows, side, excluded);
        }
        self.keep_to_limit()
    }

    fn remove(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        if self.past_limit.is_some() {
            return resources_err!(
                "a window that moves on holds more than {} values, the limit of drift.exact_max_rows: raise it, or compare \
                 distributions, as in psi_between(distribution_merge(d) OVER (...), ...)",
                self.limit
            );
        }
        for (side, target) in self.sides.iter_mut().enumerate() {
            append(&mut target.retracted, doubles(&args[0]), rows, side, excluded);
        }
        Ok(())
    }

    fn state(&mut self, plan: &Plan) -> Result<Vec<ArrayRef>> {
        let mut states: Vec<ArrayRef> = Vec::with_capacity(2);
        for (at, side) in self.sides.iter_mut().enumerate() {
            let keys = if let Some(distributions) = &self.past_limit {
                distributions.pack(at)
            } else if plan.needs_order() {
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
        let mut is_past = false;
        for (side, lists) in self.sides.iter_mut().zip(states) {
            for run in (0..lists.len()).map(|row| integers_of(lists, row)).filter(|run| !run.is_empty()) {
                is_past |= Distribution::is_packed(&run);
                side.runs.push(run);
            }
        }
        if is_past {
            self.past_limit.get_or_insert_default();
        }
        self.keep_to_limit()
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        if let Some(distributions) = &self.past_limit {
            return distributions.answer(plan, excluded);
        }
        let held: usize = self.sides.iter().map(Side::held).sum();
        let [reference, current] = &mut self.sides;
        if plan.needs_order() || reference.slides() || current.slides() {
            let settled = both(held >= AT_ONCE_MIN, || reference.settle(), || current.settle());
            settled.0?;
            settled.1?;
            return Ok(plan.of_sorted(&reference.sorted, &current.sorted, excluded));
        }
        let parts: Vec<&[u64]> = std::iter::once(current.loose.as_slice())
            .chain(current.runs.iter().map(|run| run.as_ref()))
            .collect();
        Ok(plan.of_unsorted(reference.gather(), &parts, excluded))
    }

    fn heap_bytes(&self) -> usize {
        let distributions =
            self.past_limit.as_ref().map_or(0, |past| size_of_val(&**past) + past.heap_bytes());
        distributions + self.sides.iter().map(Side::heap_bytes).sum::<usize>()
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
    /// How many values it has.
    fn held(&self) -> usize {
        let runs: usize = self.runs.iter().map(|run| run.len()).sum();
        (self.loose.len() + self.sorted.len() + runs).saturating_sub(self.retracted.len())
    }

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
        let more: usize = self.sorted.len() + self.runs.iter().map(|run| run.len()).sum::<usize>();
        self.loose.reserve_exact(more);
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
