//! Groups of embeddings, and one group alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, LargeBinaryArray};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::Choice;
use super::group::{Group, Rules};
use super::state::{self, State};
use crate::aggregate::comparison::rows::conjunction;
use crate::scalar::read_embedding;

/// Calls `visit(row, vector, side)` for every row that counts.
fn for_each(
    args: &[ArrayRef],
    filter: Option<&BooleanArray>,
    mut visit: impl FnMut(usize, &[f64], usize) -> Result<()>,
) -> Result<()> {
    let flags = args[1].as_boolean();
    let kept = conjunction([args[0].nulls(), flags.nulls()], filter);
    let mut vector = Vec::new();
    for row in 0..args[0].len() {
        let counts = kept.as_ref().is_none_or(|kept| kept.value(row));
        if counts && read_embedding(&args[0], row, &mut vector) {
            visit(row, &vector, usize::from(flags.value(row)))?;
        }
    }
    Ok(())
}

/// The embeddings of many groups.
#[derive(Debug)]
pub(super) struct EmbeddingGroups {
    rules: Rules,
    groups: Vec<Group>,
}

impl EmbeddingGroups {
    pub(super) fn new(name: &'static str, choice: Choice) -> Self {
        Self { rules: Rules::new(name, choice), groups: Vec::new() }
    }

    fn merge(&mut self, states: &ArrayRef, group_of: impl Fn(usize) -> usize) -> Result<()> {
        let states = states.as_binary::<i64>();
        for row in (0..states.len()).filter(|&row| states.is_valid(row)) {
            let group = &mut self.groups[group_of(row)];
            match state::read(states.value(row)) {
                Some(State::Nothing) => {}
                Some(State::Sums(other)) => group.merge(&self.rules, &other)?,
                Some(State::Row { side, vector }) => group.add(&mut self.rules, &vector, side, 1)?,
                None => return internal_err!("{}: a partial state is not one", self.rules.name),
            }
        }
        Ok(())
    }
}

impl GroupsAccumulator for EmbeddingGroups {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Group::default);
        let Self { rules, groups } = self;
        for_each(args, filter, |row, vector, side| groups[group_indices[row]].add(rules, vector, side, 1))
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Group::default);
        self.merge(&states[0], |row| group_indices[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let choice = self.rules.choice;
        let emitted = emit_to.take_needed(&mut self.groups);
        Ok(Arc::new(Float64Array::from_iter(emitted.iter().map(|group| group.result(choice)))))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let emitted = emit_to.take_needed(&mut self.groups);
        let states = LargeBinaryArray::from_iter_values(emitted.iter().map(state::write));
        Ok(vec![Arc::new(states)])
    }

    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut states = vec![None; args[0].len()];
        for_each(args, filter, |row, vector, side| {
            states[row] = Some(state::write_row(side, vector));
            Ok(())
        })?;
        Ok(vec![Arc::new(LargeBinaryArray::from_iter(states))])
    }

    fn size(&self) -> usize {
        let groups = self.groups.iter().map(|group| group.heap_bytes).sum::<usize>();
        size_of_val(self) + self.groups.capacity() * size_of::<Group>() + groups + self.rules.heap_bytes()
    }
}

/// The embeddings of one group.
#[derive(Debug)]
pub(super) struct EmbeddingAccumulator(EmbeddingGroups);

impl EmbeddingAccumulator {
    pub(super) fn new(mut groups: EmbeddingGroups) -> Self {
        groups.groups.push(Group::default());
        Self(groups)
    }

    fn add(&mut self, args: &[ArrayRef], sign: i64) -> Result<()> {
        let EmbeddingGroups { rules, groups } = &mut self.0;
        for_each(args, None, |_, vector, side| groups[0].add(rules, vector, side, sign))
    }
}

impl Accumulator for EmbeddingAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.add(args, 1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.add(args, -1)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::LargeBinary(Some(state::write(&self.0.groups[0])))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(&states[0], |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.0.groups[0].result(self.0.rules.choice)))
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
