//! Which rows of a unit are left, and how many they are.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use driftline_storage::RowSet;

/// So few rows are held as numbers, more of them as bits.
const FEW_ROWS_MAX: usize = 4_096;

/// Some rows of a unit.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    /// How many rows the unit has.
    of: usize,
    rows: Rows,
}

#[derive(Clone, Debug)]
enum Rows {
    /// Their numbers, ascending.
    Few(Arc<[u32]>),
    /// A bit for each row of the unit.
    Many { bits: BooleanArray, count: usize },
}

impl Mask {
    /// The rows that are set.
    pub(super) fn of_bits(bits: BooleanBuffer) -> Self {
        let (of, count) = (bits.len(), bits.count_set_bits());
        let rows = match count <= FEW_ROWS_MAX {
            true => Rows::Few(bits.set_indices_u32().collect()),
            false => Rows::Many { bits: BooleanArray::new(bits, None), count },
        };
        Self { of, rows }
    }

    /// The rows of a set, which has numbers of rows of a segment, in a unit that lies there; `None` where it has none of them.
    pub(super) fn of_set(set: &RowSet, unit: Range<u32>) -> Option<Self> {
        match set.count_within(unit.clone()) {
            0 => None,
            few if few <= FEW_ROWS_MAX as u64 => {
                let rows = set.rows_within(unit.clone()).map(|row| row - unit.start).collect();
                Some(Self { of: unit.len(), rows: Rows::Few(rows) })
            }
            _ => set.within(unit).map(Self::of_bits),
        }
    }

    /// Those of its rows that lie in a range of the unit, as rows of the range; `None` where all of the range are there.
    pub(super) fn within(&self, range: &Range<usize>) -> Option<Self> {
        let found = Self::of_bits(self.bits().values().slice(range.start, range.len()));
        (found.count() < range.len()).then_some(found)
    }

    /// How many rows it has.
    pub(super) fn count(&self) -> usize {
        match &self.rows {
            Rows::Few(rows) => rows.len(),
            Rows::Many { count, .. } => *count,
        }
    }

    /// How many rows the unit has.
    pub(super) fn of(&self) -> usize {
        self.of
    }

    /// The numbers of its rows, where they are few.
    pub(super) fn few(&self) -> Option<&Arc<[u32]>> {
        match &self.rows {
            Rows::Few(rows) => Some(rows),
            Rows::Many { .. } => None,
        }
    }

    /// A bit for each row of the unit.
    pub(super) fn bits(&self) -> BooleanArray {
        match &self.rows {
            Rows::Few(rows) => {
                let mut bits = BooleanBufferBuilder::new(self.of);
                bits.append_n(self.of, false);
                rows.iter().for_each(|row| bits.set_bit(*row as usize, true));
                BooleanArray::new(bits.finish(), None)
            }
            Rows::Many { bits, .. } => bits.clone(),
        }
    }

    /// Those of its rows that are set.
    pub(super) fn and(&self, set: &BooleanBuffer) -> Self {
        let rows = match &self.rows {
            Rows::Few(rows) => {
                Rows::Few(rows.iter().copied().filter(|row| set.value(*row as usize)).collect())
            }
            Rows::Many { bits, .. } => return Self::of_bits(bits.values() & set),
        };
        Self { of: self.of, rows }
    }
}

#[cfg(test)]
mod tests;
