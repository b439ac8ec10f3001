//! Numbers kept as ordered keys: for bins that depend on the reference, and for ranks.
//!
//! Partial states are taken over without a copy. For ranks each is a sorted run (so partitions sort in parallel) and the
//! final step merges; for bins nothing is sorted: the edges are selected from the reference and both sides are counted.
//! Memory is 8 bytes a value (12 with GROUP BY), and while a group is finished once more its reference or merge.
//!
//! In a sliding window the values stay sorted: what entered is merged in and what left is taken out when the next result is
//! asked for, so a frame costs its length.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, new_empty_array};
use arrow::buffer::ScalarBuffer;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::Plan;
use super::rows::{Sides, doubles};
use super::runs::{integer_lists, integers_of};
use crate::kernels::collect::{append_keys, for_each_selected};
use crate::kernels::keys::key_of;
use crate::kernels::sorted::{merge, subtract};

/// The values of one group.
#[derive(Debug)]
pub(crate) struct ValuesAccumulator {
    plan: Plan,
    sides: [Side; 2],
}

/// One population of one group.
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

impl ValuesAccumulator {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, sides: Default::default() }
    }
}

impl Accumulator for ValuesAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let rows = Sides::new(args, None)?;
        append_keys(&mut self.sides[0].loose, doubles(&args[0]), &rows.reference);
        append_keys(&mut self.sides[1].loose, doubles(&args[0]), &rows.current);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let rows = Sides::new(args, None)?;
        append_keys(&mut self.sides[0].retracted, doubles(&args[0]), &rows.reference);
        append_keys(&mut self.sides[1].retracted, doubles(&args[0]), &rows.current);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let needs_order = self.plan.comparison.needs_order();
        let mut states = Vec::with_capacity(2);
        for side in &mut self.sides {
            let keys =
                if needs_order { side.settle().map(|()| &mut side.sorted) } else { Ok(side.gather()) }?;
            let keys = std::mem::take(keys);
            let end = keys.len() as i64;
            states.push(ScalarValue::LargeList(Arc::new(integer_lists(keys, vec![0, end]))));
        }
        Ok(states)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (side, lists) in self.sides.iter_mut().zip(states) {
            side.runs
                .extend((0..lists.len()).map(|row| integers_of(lists, row)).filter(|run| !run.is_empty()));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Plan { comparison, options } = &self.plan;
        let [reference, current] = &mut self.sides;
        if comparison.needs_order() || reference.slides() || current.slides() {
            reference.settle()?;
            current.settle()?;
            return comparison.of_sorted(&reference.sorted, &current.sorted, options);
        }
        let parts: Vec<&[u64]> = std::iter::once(current.loose.as_slice())
            .chain(current.runs.iter().map(|run| run.as_ref()))
            .collect();
        comparison.of_unsorted(reference.gather(), &parts, options)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sides.iter().map(Side::heap_bytes).sum::<usize>()
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

/// The values of many groups: two flat logs, no allocation a group.
#[derive(Debug)]
pub(crate) struct ValuesGroupsAccumulator {
    plan: Plan,
    groups: usize,
    sides: [Log; 2],
}

/// One population of all groups, in the order of arrival.
#[derive(Debug, Default)]
struct Log {
    groups: Vec<u32>,
    keys: Vec<u64>,
    runs: Vec<(u32, ScalarBuffer<u64>)>,
    /// Keys in `runs`.
    run_keys: usize,
}

/// What a log gives up: the keys of the first groups, group after group.
struct Emitted {
    keys: Vec<u64>,
    /// Where each group starts in `keys`; one more than groups.
    starts: Vec<usize>,
    runs: Vec<(u32, ScalarBuffer<u64>)>,
    /// The first run of the next group that is asked for.
    next_run: usize,
}

impl ValuesGroupsAccumulator {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, groups: 0, sides: Default::default() }
    }

    fn emit(&mut self, emit_to: EmitTo) -> (usize, [Emitted; 2]) {
        let emitted = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n,
        };
        self.groups -= emitted;
        let sort = self.plan.comparison.needs_order();
        (emitted, self.sides.each_mut().map(|log| log.emit(emitted, emit_to, sort)))
    }
}

impl GroupsAccumulator for ValuesGroupsAccumulator {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = checked_groups(total_num_groups)?;
        let values = doubles(&args[0]);
        let rows = Sides::new(args, filter)?;
        for (log, selected) in self.sides.iter_mut().zip([&rows.reference, &rows.current]) {
            for_each_selected(selected, |row| {
                if values[row].is_finite() {
                    log.groups.push(group_indices[row] as u32);
                    log.keys.push(key_of(values[row]));
                }
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
        self.groups = checked_groups(total_num_groups)?;
        for (log, lists) in self.sides.iter_mut().zip(states) {
            for (row, &group) in group_indices.iter().enumerate() {
                let run = integers_of(lists, row);
                match run.len() {
                    0 => {}
                    1 => {
                        log.groups.push(group as u32);
                        log.keys.push(run[0]);
                    }
                    length => {
                        log.run_keys += length;
                        log.runs.push((group as u32, run));
                    }
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (groups, [mut reference, mut current]) = self.emit(emit_to);
        let Plan { comparison, options } = &self.plan;
        if groups == 0 {
            return Ok(new_empty_array(&comparison.return_type()));
        }
        let mut scratch = Vec::new();
        let results = (0..groups)
            .map(|group| {
                let (reference, current) = (reference.parts_of(group), current.parts_of(group));
                if comparison.needs_order() {
                    return comparison.of_sorted(&merge(&reference), &merge(&current), options);
                }
                scratch.clear();
                reference.iter().for_each(|part| scratch.extend_from_slice(part));
                comparison.of_unsorted(&mut scratch, &current, options)
            })
            .collect::<Result<Vec<_>>>()?;
        ScalarValue::iter_to_array(results)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (groups, sides) = self.emit(emit_to);
        let lists = sides.map(|mut side| -> ArrayRef {
            if side.runs.is_empty() {
                let offsets = side.starts.iter().map(|&start| start as i64).collect();
                return Arc::new(integer_lists(side.keys, offsets));
            }
            let (mut keys, mut offsets) = (Vec::with_capacity(side.keys.len()), vec![0i64]);
            for group in 0..groups {
                let parts = side.parts_of(group);
                if self.plan.comparison.needs_order() {
                    keys.extend_from_slice(&merge(&parts));
                } else {
                    parts.iter().for_each(|part| keys.extend_from_slice(part));
                }
                offsets.push(keys.len() as i64);
            }
            Arc::new(integer_lists(keys, offsets))
        });
        Ok(lists.to_vec())
    }

    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = doubles(&args[0]);
        let rows = Sides::new(args, filter)?;
        let lists = [&rows.reference, &rows.current].map(|selected| -> ArrayRef {
            let (mut keys, mut offsets) = (Vec::new(), Vec::with_capacity(values.len() + 1));
            offsets.push(0);
            for (&value, selected) in values.iter().zip(selected) {
                if selected && value.is_finite() {
                    keys.push(key_of(value));
                }
                offsets.push(keys.len() as i64);
            }
            Arc::new(integer_lists(keys, offsets))
        });
        Ok(lists.to_vec())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sides.iter().map(Log::heap_bytes).sum::<usize>()
    }
}

impl Log {
    /// Takes the keys of the first `emitted` groups out, sorted within each group if wanted; the groups behind move down.
    fn emit(&mut self, emitted: usize, emit_to: EmitTo, sort: bool) -> Emitted {
        let first = emitted as u32;
        let mut starts = vec![0usize; emitted + 1];
        for &group in self.groups.iter().filter(|&&group| group < first) {
            starts[group as usize + 1] += 1;
        }
        for group in 0..emitted {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut keys = vec![0u64; starts[emitted]];
        let mut kept = 0;
        for index in 0..self.keys.len() {
            let (group, key) = (self.groups[index], self.keys[index]);
            if group < first {
                let slot = &mut next[group as usize];
                keys[*slot] = key;
                *slot += 1;
            } else {
                self.groups[kept] = group - first;
                self.keys[kept] = key;
                kept += 1;
            }
        }
        self.groups.truncate(kept);
        self.keys.truncate(kept);
        if sort {
            starts.windows(2).for_each(|ends| keys[ends[0]..ends[1]].sort_unstable());
        }
        let (mut runs, mut later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.runs).into_iter().partition(|(group, _)| *group < first);
        runs.sort_by_key(|(group, _)| *group);
        later.iter_mut().for_each(|(group, _)| *group -= first);
        self.run_keys = later.iter().map(|(_, run)| run.len()).sum();
        self.runs = later;
        if emit_to == EmitTo::All {
            *self = Self::default();
        }
        Emitted { keys, starts, runs, next_run: 0 }
    }

    fn heap_bytes(&self) -> usize {
        self.groups.capacity() * size_of::<u32>()
            + (self.keys.capacity() + self.run_keys) * size_of::<u64>()
            + self.runs.capacity() * size_of::<(u32, ScalarBuffer<u64>)>()
    }
}

impl Emitted {
    /// The parts of a group's keys. To be called for each group in order.
    fn parts_of(&mut self, group: usize) -> Vec<&[u64]> {
        let from = self.next_run;
        while self.runs.get(self.next_run).is_some_and(|(owner, _)| *owner as usize == group) {
            self.next_run += 1;
        }
        let own = &self.keys[self.starts[group]..self.starts[group + 1]];
        let runs = self.runs[from..self.next_run].iter().map(|(_, run)| run.as_ref());
        std::iter::once(own).chain(runs).filter(|part| !part.is_empty()).collect()
    }
}

/// Group numbers are kept in 32 bits.
pub(crate) fn checked_groups(total_num_groups: usize) -> Result<usize> {
    const GROUPS_MAX: usize = u32::MAX as usize;
    if total_num_groups > GROUPS_MAX {
        return datafusion::common::resources_err!("more than {GROUPS_MAX} groups in one aggregation");
    }
    Ok(total_num_groups)
}
