//! How many rows of a population were left out, and why.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use datafusion::common::{Result, internal_err};

use super::kept::lists::{integer_lists, integers_of};
use super::rows::Sides;
use crate::kernels::collect::for_each_selected;

/// Rows of one population that hold no finite value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Excluded {
    pub(crate) nulls: u64,
    pub(crate) nans: u64,
    pub(crate) infinities: u64,
}

impl Excluded {
    pub(crate) fn total(&self) -> u64 {
        self.nulls + self.nans + self.infinities
    }

    /// Counts a value that is not finite.
    pub(crate) fn note(&mut self, value: f64) {
        if value.is_nan() {
            self.nans += 1;
        } else {
            self.infinities += 1;
        }
    }

    /// Counts the values of the selected rows that are not finite.
    pub(crate) fn note_selected(&mut self, values: &[f64], selected: &BooleanBuffer) {
        for_each_selected(selected, |row| {
            if !values[row].is_finite() {
                self.note(values[row]);
            }
        });
    }

    fn combined(self, other: Self, combine: impl Fn(u64, u64) -> Option<u64>) -> Option<Self> {
        Some(Self {
            nulls: combine(self.nulls, other.nulls)?,
            nans: combine(self.nans, other.nans)?,
            infinities: combine(self.infinities, other.infinities)?,
        })
    }
}

/// The NULLs of a batch.
pub(crate) fn nulls_of(sides: &Sides) -> [Excluded; 2] {
    let count = |side: usize| sides.nulls.as_ref().map_or(0, |nulls| nulls[side].count_set_bits() as u64);
    [0, 1].map(|side| Excluded { nulls: count(side), ..Excluded::default() })
}

/// Adds what was left out of a batch or a state.
pub(crate) fn add(total: &mut [Excluded; 2], more: [Excluded; 2]) {
    for (total, more) in total.iter_mut().zip(more) {
        total.nulls += more.nulls;
        total.nans += more.nans;
        total.infinities += more.infinities;
    }
}

/// Takes back what a window has lost.
pub(crate) fn remove(total: &mut [Excluded; 2], less: [Excluded; 2]) -> Result<()> {
    for (total, less) in total.iter_mut().zip(less) {
        match total.combined(less, u64::checked_sub) {
            Some(left) => *total = left,
            None => return internal_err!("a window retracted values that it never held"),
        }
    }
    Ok(())
}

/// The state of groups, one list each: three integers of either side, or none where nothing was left out.
pub(crate) fn state_of(groups: impl IntoIterator<Item = [Excluded; 2]>) -> ArrayRef {
    let (mut values, mut ends) = (Vec::new(), vec![0]);
    for sides in groups {
        if sides != [Excluded::default(); 2] {
            values.extend(sides.iter().flat_map(|side| [side.nulls, side.nans, side.infinities]));
        }
        ends.push(values.len() as i64);
    }
    Arc::new(integer_lists(values, ends))
}

/// What the list at `row` of a state says.
pub(crate) fn of_state(lists: &ArrayRef, row: usize) -> Result<[Excluded; 2]> {
    match *integers_of(lists, row) {
        [] => Ok([Excluded::default(); 2]),
        [a, b, c, d, e, f] => {
            Ok([Excluded { nulls: a, nans: b, infinities: c }, Excluded { nulls: d, nans: e, infinities: f }])
        }
        ref other => internal_err!("a partial state counts {} kinds of rows left out, not 6", other.len()),
    }
}

/// What every group left out. No memory for groups behind the last one that left anything out.
#[derive(Debug, Default)]
pub(crate) struct ExcludedByGroup {
    groups: Vec<[Excluded; 2]>,
}

impl ExcludedByGroup {
    pub(crate) fn of(&mut self, group: usize) -> &mut [Excluded; 2] {
        if group >= self.groups.len() {
            self.groups.resize(group + 1, Default::default());
        }
        &mut self.groups[group]
    }

    /// Counts the NULLs of a batch.
    pub(crate) fn add_nulls(&mut self, sides: &Sides, group_indices: &[usize]) {
        for (side, nulls) in sides.nulls.iter().flatten().enumerate() {
            for_each_selected(nulls, |row| self.of(group_indices[row])[side].nulls += 1);
        }
    }

    pub(crate) fn merge(&mut self, lists: &ArrayRef, group_indices: &[usize]) -> Result<()> {
        for (row, &group) in group_indices.iter().enumerate() {
            let more = of_state(lists, row)?;
            if more != [Excluded::default(); 2] {
                add(self.of(group), more);
            }
        }
        Ok(())
    }

    /// Takes the first groups out; the groups behind move down.
    pub(crate) fn leave(&mut self, groups: usize) -> Vec<[Excluded; 2]> {
        let mut first: Vec<_> = self.groups.drain(..groups.min(self.groups.len())).collect();
        first.resize(groups, Default::default());
        first
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.groups.capacity() * size_of::<[Excluded; 2]>()
    }
}
