//! Distributions of groups, of one group, and of a window's frame that slides.

mod sliding;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, ScalarValue, resources_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::aggregate::Source;
use super::column::{Distributions, array_of};
use crate::aggregate::rows::conjunction;
use crate::kernels::distribution::{CountOverflow, Distribution, DistributionBuilder};
use crate::kernels::exponential::{append_keys, is_normal};

pub(super) use sliding::{SlidingDistributions, SlidingValues};

/// Turns an overflow of counts into words.
fn counted(outcome: Result<(), CountOverflow>) -> Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(CountOverflow) => resources_err!("a distribution counts at most {} values", i64::MAX),
    }
}

/// What a group answers: NULL when no row came.
fn finished(builder: &DistributionBuilder) -> Option<Distribution> {
    (!builder.is_empty()).then(|| builder.finish())
}

/// The accumulator of many groups.
#[derive(Debug)]
pub(super) struct DistributionGroups {
    source: Source,
    max_buckets: u32,
    groups: Vec<DistributionBuilder>,
    /// Heap memory of all groups, kept up to date.
    heap_bytes: usize,
    /// The keys of a batch.
    keys: Vec<i64>,
}

impl DistributionGroups {
    pub(super) fn new(source: Source, max_buckets: u32) -> Self {
        Self { source, max_buckets, groups: Vec::new(), heap_bytes: 0, keys: Vec::new() }
    }

    fn resize(&mut self, groups: usize) {
        let fresh = DistributionBuilder::new(self.max_buckets);
        self.groups.resize(groups, fresh);
    }

    /// Changes a group, and counts its memory.
    #[inline]
    fn change<T>(&mut self, group: usize, change: impl FnOnce(&mut DistributionBuilder) -> T) -> T {
        let builder = &mut self.groups[group];
        let before = builder.heap_bytes();
        let outcome = change(builder);
        self.heap_bytes = self.heap_bytes + builder.heap_bytes() - before;
        outcome
    }

    fn add_values(&mut self, array: &ArrayRef, group_indices: &[usize], filter: Option<&BooleanArray>) {
        let column = array.as_primitive::<Float64Type>();
        let values: &[f64] = column.values();
        let simple = filter.is_none() && column.null_count() == 0;
        if simple && values.iter().fold(true, |all, &value| all & is_normal(value)) {
            let mut keys = std::mem::take(&mut self.keys);
            keys.clear();
            append_keys(values, &mut keys);
            for ((&value, &key), &group) in values.iter().zip(&keys).zip(group_indices) {
                self.change(group, |builder| builder.add_keyed(value, key));
            }
            self.keys = keys;
            return;
        }
        let kept = conjunction([], filter);
        for (row, (&value, &group)) in values.iter().zip(group_indices).enumerate() {
            if kept.as_ref().is_some_and(|kept| !kept.value(row)) {
                continue;
            }
            if column.is_null(row) {
                self.groups[group].add_nulls(1);
            } else {
                self.change(group, |builder| builder.add_value(value));
            }
        }
    }

    fn merge(
        &mut self,
        array: &ArrayRef,
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let distributions = Distributions::new(array)?;
        let kept = conjunction([], filter);
        for (row, &group) in group_indices.iter().enumerate() {
            if kept.as_ref().is_none_or(|kept| kept.value(row))
                && let Some(distribution) = distributions.get(row)?
            {
                counted(self.change(group, |builder| builder.merge(&distribution)))?;
            }
        }
        Ok(())
    }

    fn leave(&mut self, emit_to: EmitTo) -> ArrayRef {
        let leaving = emit_to.take_needed(&mut self.groups);
        self.heap_bytes -= leaving.iter().map(DistributionBuilder::heap_bytes).sum::<usize>();
        array_of(&leaving.iter().map(finished).collect::<Vec<_>>())
    }
}

impl GroupsAccumulator for DistributionGroups {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        match self.source {
            Source::Values => {
                self.add_values(&args[0], group_indices, filter);
                Ok(())
            }
            Source::Distributions => self.merge(&args[0], group_indices, filter),
        }
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        self.merge(&states[0], group_indices, None)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.leave(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.leave(emit_to)])
    }

    /// Every row as a group of its own.
    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows: Vec<usize> = (0..args[0].len()).collect();
        let mut single = Self::new(self.source, self.max_buckets);
        single.update_batch(args, &rows, filter, rows.len())?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.heap_bytes
            + self.groups.capacity() * size_of::<DistributionBuilder>()
            + self.keys.capacity() * size_of::<i64>()
    }
}

/// The accumulator of one group.
#[derive(Debug)]
pub(super) struct DistributionAccumulator {
    source: Source,
    builder: DistributionBuilder,
}

impl DistributionAccumulator {
    pub(super) fn new(source: Source, max_buckets: u32) -> Self {
        Self { source, builder: DistributionBuilder::new(max_buckets) }
    }
}

impl Accumulator for DistributionAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        if self.source == Source::Distributions {
            return self.merge_batch(args);
        }
        let column = args[0].as_primitive::<Float64Type>();
        if column.null_count() == 0 {
            self.builder.add_values(column.values());
            return Ok(());
        }
        self.builder.add_nulls(column.null_count() as u64);
        column.iter().flatten().for_each(|value| self.builder.add_value(value));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let distributions = Distributions::new(&states[0])?;
        for row in 0..states[0].len() {
            if let Some(distribution) = distributions.get(row)? {
                counted(self.builder.merge(&distribution))?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        scalar_of(finished(&self.builder))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.builder.heap_bytes()
    }
}

fn scalar_of(distribution: Option<Distribution>) -> Result<ScalarValue> {
    ScalarValue::try_from_array(&array_of(&[distribution]), 0)
}
