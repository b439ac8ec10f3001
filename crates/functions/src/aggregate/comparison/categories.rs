//! Text as categories: integer counts a distinct text, no text a row.
//!
//! The bins are the texts seen on either side. The result is summed over the count pairs in their own order, so neither the
//! order of rows nor that of partial states changes a bit of it.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, LargeStringBuilder, new_empty_array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::RandomState;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use hashbrown::HashTable;

use super::Plan;
use super::interner::Interner;
use super::rows::Sides;
use super::runs::{integer_lists, integers_of, lists};
use super::values::checked_groups;
use crate::kernels::collect::for_each_selected;

/// The result over categories, given as pairs of counts (reference, current) in any order.
pub(crate) fn of_categories(plan: &Plan, pairs: impl IntoIterator<Item = [u64; 2]>) -> Result<ScalarValue> {
    // a category that a window has lost on both sides is not a category any more
    let mut pairs: Vec<[u64; 2]> = pairs.into_iter().filter(|pair| *pair != [0, 0]).collect();
    pairs.sort_unstable();
    let (reference, current): (Vec<u64>, Vec<u64>) = pairs.into_iter().map(|[r, c]| (r, c)).unzip();
    plan.comparison.of_counts(&reference, &current, &plan.options)
}

/// The categories of one group.
#[derive(Debug)]
pub(crate) struct CategoriesAccumulator {
    plan: Plan,
    interner: Interner,
    counts: Vec<[u64; 2]>,
}

impl CategoriesAccumulator {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, interner: Interner::default(), counts: Vec::new() }
    }

    fn count(&mut self, args: &[ArrayRef], change: impl Fn(u64) -> Option<u64>) -> Result<()> {
        let rows = Sides::new(args, None)?;
        let mut valid = true;
        for (side, selected) in [&rows.reference, &rows.current].into_iter().enumerate() {
            let counts = &mut self.counts;
            for_each_text(&mut self.interner, &args[0], selected, |_, id| {
                let id = id as usize;
                if id >= counts.len() {
                    counts.resize(id + 1, [0, 0]);
                }
                match change(counts[id][side]) {
                    Some(count) => counts[id][side] = count,
                    None => valid = false,
                }
            })?;
        }
        if !valid {
            return internal_err!("a window retracted values that it never held");
        }
        Ok(())
    }
}

impl Accumulator for CategoriesAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.count(args, |count| Some(count + 1))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.count(args, |count| count.checked_sub(1))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut state = StateBuilder::default();
        for (id, &counts) in self.counts.iter().enumerate() {
            state.push(self.interner.text(id as u32), counts);
        }
        state.end_group();
        let columns = state.finish();
        Ok(columns
            .iter()
            .map(|column| ScalarValue::LargeList(Arc::new(column.as_list::<i64>().clone())))
            .collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            for_each_state(&mut self.interner, states, row, |id, [r, c]| {
                let id = id as usize;
                if id >= self.counts.len() {
                    self.counts.resize(id + 1, [0, 0]);
                }
                self.counts[id][0] += r;
                self.counts[id][1] += c;
            })?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        of_categories(&self.plan, self.counts.iter().copied())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.interner.heap_bytes() + self.counts.capacity() * size_of::<[u64; 2]>()
    }
}

/// The categories of many groups: one interner, one flat list of cells.
#[derive(Debug)]
pub(crate) struct CategoriesGroupsAccumulator {
    plan: Plan,
    groups: usize,
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
struct Cell {
    group: u32,
    category: u32,
    counts: [u64; 2],
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

impl CategoriesGroupsAccumulator {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, groups: 0, interner: Interner::default(), cells: Cells::default() }
    }

    /// Takes the cells of the first groups out, in order of groups, with the interner that knows their texts.
    fn emit(&mut self, emit_to: EmitTo) -> Result<(usize, Interner, Vec<Cell>)> {
        let emitted = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n,
        };
        let first = emitted as u32;
        let interner = std::mem::take(&mut self.interner);
        let (mut now, later): (Vec<Cell>, Vec<Cell>) =
            std::mem::take(&mut self.cells).cells.into_iter().partition(|cell| cell.group < first);
        now.sort_unstable_by_key(|cell| (cell.group, cell.category));
        self.groups -= emitted;
        for cell in later {
            let category = self.interner.intern(interner.text(cell.category))?;
            *self.cells.counts(cell.group - first, category) = cell.counts;
        }
        Ok((emitted, interner, now))
    }
}

impl GroupsAccumulator for CategoriesGroupsAccumulator {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = checked_groups(total_num_groups)?;
        let rows = Sides::new(args, filter)?;
        for (side, selected) in [&rows.reference, &rows.current].into_iter().enumerate() {
            let cells = &mut self.cells;
            for_each_text(&mut self.interner, &args[0], selected, |row, id| {
                cells.counts(group_indices[row] as u32, id)[side] += 1;
            })?;
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

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (groups, _, cells) = self.emit(emit_to)?;
        if groups == 0 {
            return Ok(new_empty_array(&self.plan.comparison.return_type()));
        }
        let mut rest = cells.as_slice();
        let results = (0..groups)
            .map(|group| {
                let (own, later) = rest.split_at(rest.partition_point(|cell| cell.group as usize <= group));
                rest = later;
                of_categories(&self.plan, own.iter().map(|cell| cell.counts))
            })
            .collect::<Result<Vec<_>>>()?;
        ScalarValue::iter_to_array(results)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (groups, interner, cells) = self.emit(emit_to)?;
        let mut state = StateBuilder::default();
        let mut cells = cells.iter().peekable();
        for group in 0..groups {
            while let Some(cell) = cells.next_if(|cell| cell.group as usize == group) {
                state.push(interner.text(cell.category), cell.counts);
            }
            state.end_group();
        }
        Ok(state.finish())
    }

    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = Sides::new(args, filter)?;
        let mut interner = Interner::default();
        let mut of_row: Vec<Option<(u32, usize)>> = vec![None; args[0].len()];
        for (side, selected) in [&rows.reference, &rows.current].into_iter().enumerate() {
            for_each_text(&mut interner, &args[0], selected, |row, id| of_row[row] = Some((id, side)))?;
        }
        let mut state = StateBuilder::default();
        for row in of_row {
            if let Some((id, side)) = row {
                let mut counts = [0, 0];
                counts[side] = 1;
                state.push(interner.text(id), counts);
            }
            state.end_group();
        }
        Ok(state.finish())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.interner.heap_bytes() + self.cells.heap_bytes()
    }
}

/// The columns of a partial state: texts, reference counts, current counts.
#[derive(Default)]
struct StateBuilder {
    texts: LargeStringBuilder,
    counts: [Vec<u64>; 2],
    ends: Vec<i64>,
}

impl StateBuilder {
    fn push(&mut self, text: &str, counts: [u64; 2]) {
        self.texts.append_value(text);
        self.counts[0].push(counts[0]);
        self.counts[1].push(counts[1]);
    }

    fn end_group(&mut self) {
        self.ends.push(self.counts[0].len() as i64);
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        self.ends.insert(0, 0);
        let [reference, current] = self.counts;
        vec![
            Arc::new(lists(Arc::new(self.texts.finish()), self.ends.clone())),
            Arc::new(integer_lists(reference, self.ends.clone())),
            Arc::new(integer_lists(current, self.ends)),
        ]
    }
}

/// Calls `visit(category, counts)` for the entries of row `row` of a partial state.
fn for_each_state(
    interner: &mut Interner,
    states: &[ArrayRef],
    row: usize,
    mut visit: impl FnMut(u32, [u64; 2]),
) -> Result<()> {
    let texts = states[0].as_list::<i64>().value(row);
    let texts = texts.as_string::<i64>();
    let (reference, current) = (integers_of(&states[1], row), integers_of(&states[2], row));
    for (index, (&r, &c)) in reference.iter().zip(current.iter()).enumerate() {
        visit(interner.intern(texts.value(index))?, [r, c]);
    }
    Ok(())
}

/// Calls `visit(row, category)` for the selected rows of a text column. A dictionary's texts are looked up once a batch.
fn for_each_text(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    visit: impl FnMut(usize, u32),
) -> Result<()> {
    match array.data_type() {
        DataType::Dictionary(..) => intern_codes(interner, array, selected, visit),
        _ => for_each_plain_text(interner, array, selected, visit),
    }
}

fn for_each_plain_text(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    visit: impl FnMut(usize, u32),
) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            intern_rows(interner, selected, |row| texts.value(row), visit)
        }
        DataType::LargeUtf8 => {
            let texts = array.as_string::<i64>();
            intern_rows(interner, selected, |row| texts.value(row), visit)
        }
        DataType::Utf8View => {
            let texts = array.as_string_view();
            intern_rows(interner, selected, |row| texts.value(row), visit)
        }
        other => internal_err!("categories are texts, got {other}"),
    }
}

fn intern_rows<'a>(
    interner: &mut Interner,
    selected: &BooleanBuffer,
    text: impl Fn(usize) -> &'a str,
    mut visit: impl FnMut(usize, u32),
) -> Result<()> {
    let mut last: Option<(&str, u32)> = None;
    let mut outcome = Ok(());
    for_each_selected(selected, |row| {
        let text = text(row);
        let id = match last {
            Some((same, id)) if same == text => id,
            _ => match interner.intern(text) {
                Ok(id) => id,
                Err(error) => {
                    outcome = Err(error);
                    return;
                }
            },
        };
        last = Some((text, id));
        visit(row, id);
    });
    outcome
}

fn intern_codes(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    mut visit: impl FnMut(usize, u32),
) -> Result<()> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if values.is_empty() {
        return Ok(());
    }
    let codes = dictionary.normalized_keys();
    // only the texts that selected rows use become categories
    let mut used = vec![false; values.len()];
    for_each_selected(selected, |row| used[codes[row]] = true);
    let mut ids = vec![0u32; values.len()];
    let used = BooleanBuffer::from(used);
    for_each_plain_text(interner, values, &used, |code, id| ids[code] = id)?;
    for_each_selected(selected, |row| visit(row, ids[codes[row]]));
    Ok(())
}
