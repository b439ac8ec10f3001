//! Text of many groups as categories: one interner, one flat list of cells.

use std::hash::BuildHasher;

use arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::common::hash_utils::RandomState;
use hashbrown::HashTable;

use super::categories::{StateBuilder, for_each_state};
use super::interner::Interner;
use super::texts::{for_each_null_count, for_each_text};
use crate::aggregate::comparison::excluded::ExcludedByGroup;
use crate::aggregate::comparison::groups_accumulator::{KeptByGroup, Leaving};
use crate::aggregate::comparison::rows::Sides;
use crate::aggregate::comparison::{Answer, Excluded, Plan};

/// The categories of many groups.
#[derive(Debug, Default)]
pub(crate) struct CategoriesByGroup {
    interner: Interner,
    cells: Cells,
}

/// Counts of the pairs of group and category that occur.
#[derive(Debug, Default)]
struct Cells {
    table: HashTable<u32>,
    cells: Vec<Cell>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    group: u32,
    pub(super) category: u32,
    pub(super) counts: [u64; 2],
}

impl Cells {
    fn counts(&mut self, group: u32, category: u32) -> &mut [u64; 2] {
        let (cells, hasher) = (&mut self.cells, &self.hasher);
        let key = |cell: &Cell| u64::from(cell.group) << 32 | u64::from(cell.category);
        let wanted = Cell { group, category, counts: [0, 0] };
        let hash = hasher.hash_one(key(&wanted));
        let found = self.table.find(hash, |&at| key(&cells[at as usize]) == key(&wanted)).copied();
        let at = found.unwrap_or_else(|| {
            let at = cells.len() as u32;
            cells.push(wanted);
            self.table.insert_unique(hash, at, |&at| hasher.hash_one(key(&cells[at as usize])));
            at
        });
        &mut cells[at as usize].counts
    }

    fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>() + self.table.allocation_size()
    }
}

/// The cells of the first groups in order of groups, with the interner that knows their texts.
pub(crate) struct LeavingCategories {
    pub(super) interner: Interner,
    pub(super) cells: Vec<Cell>,
    /// The first cell of the next group that is asked for.
    next: usize,
}

impl KeptByGroup for CategoriesByGroup {
    type Leaving = LeavingCategories;

    fn fresh(&self) -> Self {
        Self::default()
    }

    fn add(
        &mut self,
        args: &[ArrayRef],
        rows: &Sides,
        group_indices: &[usize],
        _groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()> {
        for (side, selected) in rows.values.iter().enumerate() {
            let cells = &mut self.cells;
            for_each_null_count(&args[0], selected, |row, nulls| {
                excluded.of(group_indices[row])[side].nulls += nulls;
            })?;
            for_each_text(&mut self.interner, &args[0], selected, |row, id, times| {
                cells.counts(group_indices[row] as u32, id)[side] += times;
            })?;
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], _groups: usize) -> Result<()> {
        for (row, &group) in group_indices.iter().enumerate() {
            let cells = &mut self.cells;
            for_each_state(&mut self.interner, states, row, |id, [r, c]| {
                let counts = cells.counts(group as u32, id);
                counts[0] += r;
                counts[1] += c;
            })?;
        }
        Ok(())
    }

    fn leave(&mut self, groups: usize, _plan: &Plan) -> Result<LeavingCategories> {
        let first = groups as u32;
        let interner = std::mem::take(&mut self.interner);
        let (mut cells, later): (Vec<Cell>, Vec<Cell>) =
            std::mem::take(&mut self.cells).cells.into_iter().partition(|cell| cell.group < first);
        cells.sort_unstable_by_key(|cell| (cell.group, cell.category));
        for cell in later {
            let category = self.interner.intern(interner.text(cell.category))?;
            *self.cells.counts(cell.group - first, category) = cell.counts;
        }
        Ok(LeavingCategories { interner, cells, next: 0 })
    }

    fn heap_bytes(&self) -> usize {
        self.interner.heap_bytes() + self.cells.heap_bytes()
    }
}

impl LeavingCategories {
    /// Moves on to the cells of a group. To be called for each group in order.
    pub(super) fn advance(&mut self, group: usize) -> std::ops::Range<usize> {
        let start = self.next;
        let rest = &self.cells[start..];
        self.next += rest.partition_point(|cell| cell.group as usize <= group);
        start..self.next
    }
}

impl Leaving for LeavingCategories {
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        let own = self.advance(group);
        let categories = self.cells[own].iter().map(|cell| (cell.counts, cell.category));
        Ok(plan.of_categories(&self.interner, categories, excluded))
    }

    fn states(mut self, groups: usize, _plan: &Plan) -> Vec<ArrayRef> {
        let mut state = StateBuilder::default();
        for group in 0..groups {
            let own = self.advance(group);
            for cell in &self.cells[own] {
                state.push(self.interner.text(cell.category), cell.counts);
            }
            state.end_group();
        }
        state.finish()
    }
}
