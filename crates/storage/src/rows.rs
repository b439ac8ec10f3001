//! Sets of rows of a segment, by their numbers, counted from its first row.

use std::ops::Range;

use arrow::{array::BooleanBufferBuilder, buffer::BooleanBuffer};
use roaring::RoaringBitmap;

/// Some rows of a segment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowSet(pub(crate) RoaringBitmap);

impl RowSet {
    /// The number of rows.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows that are in either set.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.0 |= &other.0;
        self
    }

    /// The rows that are in both sets.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0 &= &other.0;
        self
    }

    /// How many rows of a range are in the set.
    pub fn count_within(&self, rows: Range<u32>) -> u64 {
        self.0.range_cardinality(rows)
    }

    /// The rows of a range that are in the set, ascending.
    pub fn rows_within(&self, rows: Range<u32>) -> impl Iterator<Item = u32> {
        self.0.range(rows)
    }

    /// Which rows of a range are in the set, one bit a row; `None` where none is.
    pub fn within(&self, rows: Range<u32>) -> Option<BooleanBuffer> {
        let mut found = self.0.range(rows.clone()).peekable();
        found.peek()?;
        let mut bits = BooleanBufferBuilder::new(rows.len());
        bits.append_n(rows.len(), false);
        found.for_each(|row| bits.set_bit((row - rows.start) as usize, true));
        Some(bits.finish())
    }
}

impl FromIterator<u32> for RowSet {
    fn from_iter<T: IntoIterator<Item = u32>>(rows: T) -> Self {
        Self(rows.into_iter().collect())
    }
}
