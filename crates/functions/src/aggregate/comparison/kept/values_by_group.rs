//! Numbers of many groups, kept as ordered keys in two flat logs: no allocation a group, 12 bytes a value.
//!
//! Groups with more values than the limit of exact modes become distributions, see [`Distributions`]. The logs are searched for
//! such groups when they have grown by as many values as the limit allows, and when groups leave.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::ScalarBuffer;
use datafusion::common::{HashMap, Result};

use super::distributions::Distributions;
use super::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::excluded::ExcludedByGroup;
use crate::aggregate::comparison::groups_accumulator::{KeptByGroup, Leaving};
use crate::aggregate::comparison::rows::{Sides, doubles};
use crate::aggregate::comparison::{Answer, Excluded, Plan};
use crate::kernels::collect::for_each_selected;
use crate::kernels::distribution::Distribution;
use crate::kernels::keys::key_of;
use crate::kernels::sorted::merge;

/// The numbers of many groups.
#[derive(Debug)]
pub(crate) struct ValuesByGroup {
    /// Most values of a group that are kept.
    limit: usize,
    sides: [Log; 2],
    /// The groups with more.
    past_limit: HashMap<u32, Distributions>,
    /// With so many values in the logs they are searched for groups with too many.
    search_at: usize,
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

/// The first groups, on their way out.
pub(crate) struct LeavingValues {
    sides: [LeavingSide; 2],
    past_limit: HashMap<u32, Distributions>,
    scratch: Vec<u64>,
}

/// What a log gives up: the keys of the first groups, group after group.
struct LeavingSide {
    keys: Vec<u64>,
    /// Where each group starts in `keys`; one more than groups.
    starts: Vec<usize>,
    runs: Vec<(u32, ScalarBuffer<u64>)>,
    /// The first run of the next group that is asked for.
    next_run: usize,
}

impl ValuesByGroup {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, sides: Default::default(), past_limit: HashMap::new(), search_at: limit }
    }

    fn held(&self) -> usize {
        self.sides.iter().map(|log| log.keys.len() + log.run_keys).sum()
    }

    /// Turns groups with too many values into distributions.
    fn keep_to_limit(&mut self) -> Result<()> {
        if self.past_limit.is_empty() && self.held() <= self.limit {
            return Ok(());
        }
        let mut held: HashMap<u32, usize> = HashMap::new();
        for log in &self.sides {
            log.groups.iter().for_each(|&group| *held.entry(group).or_default() += 1);
            log.runs.iter().for_each(|(group, run)| *held.entry(*group).or_default() += run.len());
        }
        for (group, held) in held {
            if held > self.limit {
                self.past_limit.entry(group).or_default();
            }
        }
        if !self.past_limit.is_empty() {
            for (side, log) in self.sides.iter_mut().enumerate() {
                log.give(side, &mut self.past_limit)?;
            }
        }
        self.search_at = self.held().saturating_add(self.limit);
        Ok(())
    }
}

impl KeptByGroup for ValuesByGroup {
    type Leaving = LeavingValues;

    fn fresh(&self) -> Self {
        Self::new(self.limit)
    }

    fn add(
        &mut self,
        args: &[ArrayRef],
        rows: &Sides,
        group_indices: &[usize],
        _groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()> {
        let values = doubles(&args[0]);
        for (side, log) in self.sides.iter_mut().enumerate() {
            for_each_selected(&rows.values[side], |row| {
                if values[row].is_finite() {
                    log.groups.push(group_indices[row] as u32);
                    log.keys.push(key_of(values[row]));
                } else {
                    excluded.of(group_indices[row])[side].note(values[row]);
                }
            });
        }
        if self.held() > self.search_at { self.keep_to_limit() } else { Ok(()) }
    }

    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], _groups: usize) -> Result<()> {
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
                        if Distribution::is_packed(&run) {
                            self.past_limit.entry(group as u32).or_default();
                        }
                        log.run_keys += length;
                        log.runs.push((group as u32, run));
                    }
                }
            }
        }
        if self.held() > self.search_at { self.keep_to_limit() } else { Ok(()) }
    }

    fn leave(&mut self, groups: usize, plan: &Plan) -> Result<LeavingValues> {
        self.keep_to_limit()?;
        let sides = self.sides.each_mut().map(|log| log.leave(groups, plan.needs_order()));
        let first = groups as u32;
        let (past_limit, later): (HashMap<_, _>, HashMap<_, _>) =
            self.past_limit.drain().partition(|(group, _)| *group < first);
        self.past_limit = later.into_iter().map(|(group, past)| (group - first, past)).collect();
        Ok(LeavingValues { sides, past_limit, scratch: Vec::new() })
    }

    fn heap_bytes(&self) -> usize {
        let distributions = self.past_limit.capacity() * size_of::<(u32, Distributions)>();
        let buckets: usize = self.past_limit.values().map(Distributions::heap_bytes).sum();
        distributions + buckets + self.sides.iter().map(Log::heap_bytes).sum::<usize>()
    }
}

impl Leaving for LeavingValues {
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        if let Some(distributions) = self.past_limit.get(&(group as u32)) {
            return distributions.answer(plan, excluded);
        }
        let [reference, current] = &mut self.sides;
        let (reference, current) = (reference.parts_of(group), current.parts_of(group));
        if plan.needs_order() {
            return Ok(plan.of_sorted(&merge(&reference), &merge(&current), excluded));
        }
        self.scratch.clear();
        reference.iter().for_each(|part| self.scratch.extend_from_slice(part));
        Ok(plan.of_unsorted(&mut self.scratch, &current, excluded))
    }

    fn states(self, groups: usize, plan: &Plan) -> Vec<ArrayRef> {
        let past_limit = self.past_limit;
        let mut at = 0;
        let lists = self.sides.map(|mut side| -> ArrayRef {
            let number = std::mem::replace(&mut at, 1);
            if side.runs.is_empty() && past_limit.is_empty() {
                let offsets = side.starts.iter().map(|&start| start as i64).collect();
                return Arc::new(integer_lists(side.keys, offsets));
            }
            let (mut keys, mut offsets) = (Vec::with_capacity(side.keys.len()), vec![0i64]);
            for group in 0..groups {
                let parts = side.parts_of(group);
                if let Some(distributions) = past_limit.get(&(group as u32)) {
                    keys.extend_from_slice(&distributions.pack(number));
                } else if plan.needs_order() {
                    keys.extend_from_slice(&merge(&parts));
                } else {
                    parts.iter().for_each(|part| keys.extend_from_slice(part));
                }
                offsets.push(keys.len() as i64);
            }
            Arc::new(integer_lists(keys, offsets))
        });
        lists.to_vec()
    }
}

impl Log {
    /// Gives the values of groups that are past the limit to their distributions.
    fn give(&mut self, side: usize, past_limit: &mut HashMap<u32, Distributions>) -> Result<()> {
        let mut kept = 0;
        for index in 0..self.keys.len() {
            let (group, key) = (self.groups[index], self.keys[index]);
            if let Some(distributions) = past_limit.get_mut(&group) {
                distributions.add_key(side, key);
            } else {
                (self.groups[kept], self.keys[kept]) = (group, key);
                kept += 1;
            }
        }
        self.groups.truncate(kept);
        self.keys.truncate(kept);
        let mut outcome = Ok(());
        self.runs.retain(|(group, run)| match past_limit.get_mut(group) {
            None => true,
            Some(distributions) => {
                if let Err(error) = distributions.merge(side, run) {
                    outcome = Err(error);
                }
                false
            }
        });
        self.run_keys = self.runs.iter().map(|(_, run)| run.len()).sum();
        outcome
    }

    /// Takes the keys of the first groups out, sorted within each group if wanted; the groups behind move down.
    fn leave(&mut self, groups: usize, sort: bool) -> LeavingSide {
        let first = groups as u32;
        let mut starts = vec![0usize; groups + 1];
        for &group in self.groups.iter().filter(|&&group| group < first) {
            starts[group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut keys = vec![0u64; starts[groups]];
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
        LeavingSide { keys, starts, runs, next_run: 0 }
    }

    fn heap_bytes(&self) -> usize {
        self.groups.capacity() * size_of::<u32>()
            + (self.keys.capacity() + self.run_keys) * size_of::<u64>()
            + self.runs.capacity() * size_of::<(u32, ScalarBuffer<u64>)>()
    }
}

impl LeavingSide {
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
