//! Counts of the current population over the bins of a stored reference: of numbers, of false and true, or of whatever is there.
//! Memory does not grow with rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, internal_err};

use super::bins::{Bins, add_list};
use super::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::against::{Against, Choices, choice_of, state_of};
use crate::aggregate::comparison::excluded::ExcludedByGroup;
use crate::aggregate::comparison::groups_accumulator::{KeptByGroup, Leaving};
use crate::aggregate::comparison::rows::{Sides, doubles};
use crate::aggregate::comparison::{Answer, Excluded, Plan};
use crate::kernels::bins::bin_of;
use crate::kernels::collect::for_each_selected;

/// The counts of one group.
#[derive(Debug)]
pub(crate) struct AgainstBins {
    against: Arc<Against>,
    choice: u32,
    counts: Vec<u64>,
    scratch: Vec<f64>,
}

impl AgainstBins {
    pub(crate) fn new(against: Arc<Against>) -> Self {
        let (choice, counts) = (against.unseen(), vec![0; against.width()]);
        Self { against, choice, counts, scratch: Vec::new() }
    }
}

impl Kept for AgainstBins {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        self.against.choose_once(&mut self.choice, args)?;
        if let Some(reference) = self.against.chosen(self.choice) {
            let bins = &reference.bins;
            let counts = &mut self.counts[..bins.width()];
            bins.count(counts, &args[0], &rows.values[1], &mut excluded[1], &mut self.scratch);
        }
        Ok(())
    }

    fn remove(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        if let Some(reference) = self.against.chosen(self.choice) {
            let bins = &reference.bins;
            let mut less = vec![0; bins.width()];
            bins.count(&mut less, &args[0], &rows.values[1], &mut excluded[1], &mut self.scratch);
            for (count, less) in self.counts.iter_mut().zip(less) {
                let Some(left) = count.checked_sub(less) else {
                    return internal_err!("a window retracted values that it never held");
                };
                *count = left;
            }
        }
        Ok(())
    }

    fn state(&mut self, _plan: &Plan) -> Result<Vec<ArrayRef>> {
        let counts = integer_lists(self.counts.clone(), vec![0, self.counts.len() as i64]);
        Ok(vec![state_of([self.choice]), Arc::new(counts)])
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            self.choice = choice_of(&states[0], row).unwrap_or(self.choice);
            add_list(&mut self.counts, &integers_of(&states[1], row))?;
        }
        Ok(())
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        Ok(answer(&self.against, self.choice, &self.counts, plan, excluded))
    }

    fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>() + self.scratch.capacity() * size_of::<f64>()
    }
}

fn answer(against: &Against, choice: u32, counts: &[u64], plan: &Plan, excluded: [Excluded; 2]) -> Answer {
    match against.answering(choice) {
        None => Answer::Null,
        Some(reference) => {
            let current = &counts[..reference.bins.width()];
            reference.bins.answer(plan, &reference.counts, current, [reference.excluded, excluded[1]])
        }
    }
}

/// The counts of many groups, flat: group, then bin.
#[derive(Debug)]
pub(crate) struct AgainstBinsByGroup {
    against: Arc<Against>,
    choices: Choices,
    counts: Vec<u64>,
}

/// The first groups, on their way out.
pub(crate) struct LeavingAgainstBins {
    against: Arc<Against>,
    choices: Choices,
    counts: Vec<u64>,
}

impl AgainstBinsByGroup {
    pub(crate) fn new(against: Arc<Against>) -> Self {
        Self { against, choices: Choices::default(), counts: Vec::new() }
    }
}

impl KeptByGroup for AgainstBinsByGroup {
    type Leaving = LeavingAgainstBins;

    fn fresh(&self) -> Self {
        Self::new(Arc::clone(&self.against))
    }

    fn add(
        &mut self,
        args: &[ArrayRef],
        rows: &Sides,
        group_indices: &[usize],
        groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()> {
        self.choices.add(&self.against, args, group_indices, groups)?;
        let width = self.against.width();
        self.counts.resize(groups * width, 0);
        let (against, choices, counts) = (&self.against, &self.choices, &mut self.counts);
        let Some(any) = against.chosen(0) else { return Ok(()) };
        if !matches!(any.bins, Bins::Edges(_)) {
            // the same bins for every key
            any.bins.for_each(&args[0], &rows.values[1], |row, bin| {
                if let Ok(bin) = bin {
                    counts[group_indices[row] * width + bin] += 1;
                }
            });
            return Ok(());
        }
        let values = doubles(&args[0]);
        for_each_selected(&rows.values[1], |row| {
            let (group, value) = (group_indices[row], values[row]);
            let Some(Bins::Edges(edges)) = against.chosen(choices.of(group)).map(|reference| &reference.bins)
            else {
                return;
            };
            if value.is_finite() {
                counts[group * width + bin_of(value, edges)] += 1;
            } else {
                excluded.of(group)[1].note(value);
            }
        });
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.choices.merge(&self.against, &states[0], group_indices, groups);
        let width = self.against.width();
        self.counts.resize(groups * width, 0);
        for (row, &group) in group_indices.iter().enumerate() {
            add_list(&mut self.counts[group * width..][..width], &integers_of(&states[1], row))?;
        }
        Ok(())
    }

    fn leave(&mut self, groups: usize, _plan: &Plan) -> Result<LeavingAgainstBins> {
        let later = self.counts.split_off(groups * self.against.width());
        Ok(LeavingAgainstBins {
            against: Arc::clone(&self.against),
            choices: self.choices.leave(groups),
            counts: std::mem::replace(&mut self.counts, later),
        })
    }

    fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>() + self.choices.heap_bytes()
    }
}

impl LeavingAgainstBins {
    fn of(&self, group: usize) -> &[u64] {
        let width = self.against.width();
        &self.counts[group * width..][..width]
    }
}

impl Leaving for LeavingAgainstBins {
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        Ok(answer(&self.against, self.choices.of(group), self.of(group), plan, excluded))
    }

    fn states(self, groups: usize, _plan: &Plan) -> Vec<ArrayRef> {
        let (mut counts, mut ends) = (Vec::new(), vec![0i64]);
        for group in 0..groups {
            let own = self.of(group);
            if own.iter().any(|&count| count > 0) {
                counts.extend_from_slice(own);
            }
            ends.push(counts.len() as i64);
        }
        vec![self.choices.state(groups), Arc::new(integer_lists(counts, ends))]
    }
}
