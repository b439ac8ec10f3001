//! Arrays of some columns of a table that has many.

use arrow::array::ArrayRef;

/// Arrays by the positions of their columns. They are few, so looking through them costs less than a place for every column of the table.
#[derive(Default)]
pub(super) struct Arrays(Vec<(usize, ArrayRef)>);

impl Arrays {
    pub(super) fn get(&self, index: usize) -> Option<&ArrayRef> {
        self.0.iter().find(|(known, _)| *known == index).map(|(_, array)| array)
    }

    /// Puts an array in the place of a column, and drops the one that was there.
    pub(super) fn set(&mut self, index: usize, array: ArrayRef) {
        match self.0.iter_mut().find(|(known, _)| *known == index) {
            Some((_, known)) => *known = array,
            None => self.0.push((index, array)),
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ArrayRef> {
        self.0.iter_mut().map(|(_, array)| array)
    }
}
