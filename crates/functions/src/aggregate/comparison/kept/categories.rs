//! Text of one group as categories: integer counts a distinct text, no text a row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringBuilder};
use datafusion::common::{Result, internal_err};

use super::interner::Interner;
use super::lists::{integer_lists, integers_of, lists};
use super::texts::{for_each_null_count, for_each_text};
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::rows::Sides;
use crate::aggregate::comparison::{Answer, Excluded, Plan};

/// The categories of one group.
#[derive(Debug, Default)]
pub(crate) struct Categories {
    pub(super) interner: Interner,
    /// Of the reference and of the current population, by the number of the text.
    pub(super) counts: Vec<[u64; 2]>,
}

impl Categories {
    fn count(
        &mut self,
        values: &ArrayRef,
        rows: &Sides,
        change: impl Fn(u64, u64) -> Option<u64>,
    ) -> Result<()> {
        let mut valid = true;
        for (side, selected) in rows.values.iter().enumerate() {
            let counts = &mut self.counts;
            for_each_text(&mut self.interner, values, selected, |_, id, times| {
                let count = &mut counts_of(counts, id)[side];
                match change(*count, times) {
                    Some(changed) => *count = changed,
                    None => valid = false,
                }
            })?;
        }
        if !valid {
            return internal_err!("a window retracted values that it never held, or counts overflow");
        }
        Ok(())
    }
}

fn counts_of(counts: &mut Vec<[u64; 2]>, id: u32) -> &mut [u64; 2] {
    let id = id as usize;
    if id >= counts.len() {
        counts.resize(id + 1, [0, 0]);
    }
    &mut counts[id]
}

impl Kept for Categories {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (excluded, selected) in excluded.iter_mut().zip(&rows.values) {
            for_each_null_count(&args[0], selected, |_, nulls| excluded.nulls += nulls)?;
        }
        self.count(&args[0], rows, u64::checked_add)
    }

    fn remove(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        for (excluded, selected) in excluded.iter_mut().zip(&rows.values) {
            for_each_null_count(&args[0], selected, |_, nulls| excluded.nulls += nulls)?;
        }
        self.count(&args[0], rows, u64::checked_sub)
    }

    fn state(&mut self, _plan: &Plan) -> Result<Vec<ArrayRef>> {
        let mut state = StateBuilder::default();
        for (id, &counts) in self.counts.iter().enumerate() {
            state.push(self.interner.text(id as u32), counts);
        }
        state.end_group();
        Ok(state.finish())
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            let counts = &mut self.counts;
            for_each_state(&mut self.interner, states, row, |id, [r, c]| {
                let counts = counts_of(counts, id);
                counts[0] += r;
                counts[1] += c;
            })?;
        }
        Ok(())
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        Ok(plan.of_categories(&self.interner, self.counts.iter().copied().zip(0..), excluded))
    }

    fn heap_bytes(&self) -> usize {
        self.interner.heap_bytes() + self.counts.capacity() * size_of::<[u64; 2]>()
    }
}

/// The columns of a partial state: texts, reference counts, current counts.
#[derive(Default)]
pub(crate) struct StateBuilder {
    texts: LargeStringBuilder,
    counts: [Vec<u64>; 2],
    ends: Vec<i64>,
}

impl StateBuilder {
    pub(crate) fn push(&mut self, text: &str, counts: [u64; 2]) {
        self.texts.append_value(text);
        self.counts[0].push(counts[0]);
        self.counts[1].push(counts[1]);
    }

    pub(crate) fn end_group(&mut self) {
        self.ends.push(self.counts[0].len() as i64);
    }

    pub(crate) fn finish(mut self) -> Vec<ArrayRef> {
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
pub(crate) fn for_each_state(
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
