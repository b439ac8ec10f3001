//! The scores themselves, as ordered keys, by label: for ranks and for bins at quantiles.
//!
//! 8 bytes a row, 12 with GROUP BY. Partial states are sorted, so that partitions sort in parallel; the final sort finds
//! the sorted runs and merges them. A sliding window takes back what left when its next result is asked for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, LargeListArray, UInt64Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Float64Type, UInt64Type};
use datafusion::common::Result;

use super::tally::for_each_probability;
use super::{Change, Members, Rows, Store, never_held};
use crate::aggregate::quality::positive::Positive;
use crate::aggregate::quality::{BinsAnswer, calibration};
use crate::kernels::calibration::{expected_error, quantile_bins};
use crate::kernels::collect::for_each_selected;
use crate::kernels::keys::key_of;
use crate::kernels::sorted::subtract;

/// What becomes of the sorted scores.
#[derive(Debug, Clone, Copy)]
pub(in crate::aggregate::quality) enum ScoresAnswer {
    Ranks(fn(&[u64], &[u64]) -> Option<f64>),
    QuantileBins { bins: usize, answer: BinsAnswer },
}

/// The scores of all groups: negatives, positives.
#[derive(Debug)]
pub(in crate::aggregate::quality) struct Scores {
    name: &'static str,
    positive: Positive,
    answer: ScoresAnswer,
    groups: usize,
    sides: [Side; 2],
}

/// The scores of one label, in the order of arrival or sorted by group and score.
#[derive(Debug, Default)]
struct Side {
    /// The group of each key; empty where there is but one.
    groups: Vec<u32>,
    keys: Vec<u64>,
    /// Taken back by a window, not yet removed. Only where there is one group.
    removed: Vec<u64>,
}

impl Scores {
    pub(in crate::aggregate::quality) fn new(
        name: &'static str,
        positive: Positive,
        answer: ScoresAnswer,
    ) -> Self {
        Self { name, positive, answer, groups: 0, sides: Default::default() }
    }

    /// Calls `visit(row, side, key)` for each counted row with a finite score.
    fn for_each(&self, rows: &Rows<'_>, mut visit: impl FnMut(usize, usize, u64)) -> Result<()> {
        if let ScoresAnswer::QuantileBins { .. } = self.answer {
            return for_each_probability(self.name, &self.positive, rows, |row, label, p| {
                visit(row, usize::from(label), key_of(p));
            });
        }
        let labels = self.positive.rows(&rows.args[0], &rows.counted)?;
        let scores = rows.args[1].as_primitive::<Float64Type>().values();
        for_each_selected(&rows.counted, |row| {
            if scores[row].is_finite() {
                visit(row, usize::from(labels.value(row)), key_of(scores[row]));
            }
        });
        Ok(())
    }

    /// Sorts all scores; the start of each group's scores on either side.
    fn settle(&mut self) -> Result<[Vec<usize>; 2]> {
        let groups = self.groups;
        let [negatives, positives] = self.sides.each_mut().map(|side| side.settle(groups));
        Ok([negatives?, positives?])
    }
}

impl Store for Scores {
    fn fresh(&self) -> Self {
        Self::new(self.name, self.positive.clone(), self.answer)
    }

    fn resize(&mut self, groups: usize) {
        self.groups = groups;
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let mut sides = std::mem::take(&mut self.sides);
        let outcome = self.for_each(rows, |row, side, key| {
            let side = &mut sides[side];
            match rows.change {
                Change::Remove => side.removed.push(key),
                Change::Add => side.push(rows.members, row, key),
            }
        });
        self.sides = sides;
        outcome
    }

    fn merge(&mut self, states: &[ArrayRef], members: Members<'_>) -> Result<()> {
        for (side, lists) in self.sides.iter_mut().zip(states) {
            for row in 0..lists.len() {
                let keys = integers_of(lists, row);
                side.keys.extend_from_slice(&keys);
                if let Members::Of(groups) = members {
                    side.groups.extend(std::iter::repeat_n(groups[row] as u32, keys.len()));
                }
            }
        }
        Ok(())
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let mut taken = self.fresh();
        taken.groups = groups;
        self.groups -= groups;
        taken.sides = self.sides.each_mut().map(|side| side.take_first(groups as u32));
        taken
    }

    fn evaluate(&mut self) -> Result<ArrayRef> {
        let [of_negatives, of_positives] = self.settle()?;
        let [negatives, positives] = &self.sides;
        let of_group = |group: usize| {
            let range = |starts: &[usize]| starts[group]..starts[group + 1];
            (&negatives.keys[range(&of_negatives)], &positives.keys[range(&of_positives)])
        };
        let groups = (0..self.groups).map(of_group);
        Ok(match self.answer {
            ScoresAnswer::Ranks(measure) => Arc::new(Float64Array::from_iter(
                groups.map(|(negatives, positives)| measure(negatives, positives)),
            )),
            ScoresAnswer::QuantileBins { bins, answer } => {
                let bins = groups.map(|(negatives, positives)| quantile_bins(negatives, positives, bins));
                match answer {
                    BinsAnswer::ExpectedError => {
                        Arc::new(Float64Array::from_iter(bins.map(|bins| expected_error(&bins))))
                    }
                    BinsAnswer::List => calibration::lists(bins)?,
                }
            }
        })
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let starts = self.settle()?;
        let sides = std::mem::take(&mut self.sides);
        let lists = sides.into_iter().zip(starts).map(|(side, starts)| {
            integer_lists(side.keys, starts.into_iter().map(|start| start as i64).collect())
        });
        Ok(lists.collect())
    }

    fn heap_bytes(&self) -> usize {
        let side = |side: &Side| {
            side.groups.capacity() * size_of::<u32>()
                + (side.keys.capacity() + side.removed.capacity()) * size_of::<u64>()
        };
        self.sides.iter().map(side).sum()
    }
}

impl Side {
    #[inline]
    fn push(&mut self, members: Members<'_>, row: usize, key: u64) {
        if let Members::Of(groups) = members {
            self.groups.push(groups[row] as u32);
        }
        self.keys.push(key);
    }

    fn take_first(&mut self, groups: u32) -> Self {
        let mut taken = Self::default();
        let mut kept = 0;
        for index in 0..self.keys.len() {
            let (group, key) = (self.groups[index], self.keys[index]);
            if group < groups {
                taken.groups.push(group);
                taken.keys.push(key);
            } else {
                (self.groups[kept], self.keys[kept]) = (group - groups, key);
                kept += 1;
            }
        }
        self.groups.truncate(kept);
        self.keys.truncate(kept);
        taken
    }

    /// Sorts the keys by group and score. Returns where each of `groups` groups starts, and where the last one ends.
    fn settle(&mut self, groups: usize) -> Result<Vec<usize>> {
        let mut starts = vec![0; groups + 1];
        if self.groups.is_empty() {
            // one group, or nothing at all: the stable sort finds the runs of partial states
            self.keys.sort();
            self.removed.sort_unstable();
            if subtract(&mut self.keys, &self.removed) > 0 {
                return never_held();
            }
            self.removed.clear();
            starts[1..].fill(self.keys.len());
            return Ok(starts);
        }
        for &group in &self.groups {
            starts[group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut keys = vec![0; self.keys.len()];
        for (&group, &key) in self.groups.iter().zip(&self.keys) {
            let slot = &mut next[group as usize];
            keys[*slot] = key;
            *slot += 1;
        }
        for ends in starts.windows(2) {
            keys[ends[0]..ends[1]].sort();
        }
        self.groups.sort_unstable();
        self.keys = keys;
        Ok(starts)
    }
}

/// A list array of integers: list `i` holds `values[offsets[i]..offsets[i + 1]]`.
pub(super) fn integer_lists(values: Vec<u64>, offsets: Vec<i64>) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(DataType::UInt64, true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Arc::new(LargeListArray::new(field, offsets, Arc::new(UInt64Array::from(values)), None))
}

/// The items of list `row`, without a copy.
pub(super) fn integers_of(lists: &ArrayRef, row: usize) -> ScalarBuffer<u64> {
    let lists = lists.as_list::<i64>();
    let offsets = lists.value_offsets();
    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
    lists.values().as_primitive::<UInt64Type>().values().slice(start, end - start)
}
