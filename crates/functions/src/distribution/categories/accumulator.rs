//! Categories of groups, and of one group.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::super::aggregate::Source;
use super::{CategoryCounts, CategoryDistribution, CategoryDistributions, array_of, counted};
use crate::aggregate::rows::conjunction;

/// Calls `visit(row, category)` for the rows of a column of texts or booleans; `None` is NULL.
pub(super) fn for_each_category(array: &ArrayRef, mut visit: impl FnMut(usize, Option<&str>)) -> Result<()> {
    macro_rules! texts {
        ($texts:expr) => {
            for (row, text) in $texts.iter().enumerate() {
                visit(row, text);
            }
        };
    }
    match array.data_type() {
        DataType::Boolean => {
            for (row, flag) in array.as_boolean().iter().enumerate() {
                visit(row, flag.map(|flag| if flag { "true" } else { "false" }));
            }
        }
        DataType::Utf8 => texts!(array.as_string::<i32>()),
        DataType::LargeUtf8 => texts!(array.as_string::<i64>()),
        DataType::Utf8View => texts!(array.as_string_view()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let known = cast(dictionary.values(), &DataType::Utf8View)?;
            let known = known.as_string_view();
            if known.is_empty() {
                (0..array.len()).for_each(|row| visit(row, None));
                return Ok(());
            }
            for (row, code) in dictionary.normalized_keys().into_iter().enumerate() {
                let is_null = dictionary.is_null(row) || known.is_null(code);
                visit(row, if is_null { None } else { Some(known.value(code)) });
            }
        }
        other => return internal_err!("categories are texts or booleans, got {other}"),
    }
    Ok(())
}

/// The accumulator of many groups.
#[derive(Debug)]
pub(in super::super) struct CategoryGroups {
    source: Source,
    max_categories: u32,
    groups: Vec<CategoryCounts>,
    /// Heap memory of all groups, kept up to date.
    heap_bytes: usize,
}

impl CategoryGroups {
    pub(in super::super) fn new(source: Source, max_categories: u32) -> Self {
        Self { source, max_categories, groups: Vec::new(), heap_bytes: 0 }
    }

    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups, CategoryCounts::new(self.max_categories));
    }

    fn merge(
        &mut self,
        array: &ArrayRef,
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let distributions = CategoryDistributions::new(array)?;
        let kept = conjunction([], filter);
        for (row, &group) in group_indices.iter().enumerate() {
            if kept.as_ref().is_none_or(|kept| kept.value(row))
                && let Some(distribution) = distributions.get(row)?
            {
                let before = self.groups[group].heap_bytes();
                counted(self.groups[group].merge(&distribution))?;
                self.heap_bytes = self.heap_bytes + self.groups[group].heap_bytes() - before;
            }
        }
        Ok(())
    }

    fn leave(&mut self, emit_to: EmitTo) -> ArrayRef {
        let leaving = emit_to.take_needed(&mut self.groups);
        self.heap_bytes -= leaving.iter().map(CategoryCounts::heap_bytes).sum::<usize>();
        array_of(&leaving.iter().map(CategoryCounts::finish).collect::<Vec<_>>())
    }
}

impl GroupsAccumulator for CategoryGroups {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        if self.source == Source::Distributions {
            return self.merge(&args[0], group_indices, filter);
        }
        let kept = conjunction([], filter);
        for_each_category(&args[0], |row, category| {
            if kept.as_ref().is_some_and(|kept| !kept.value(row)) {
                return;
            }
            let counts = &mut self.groups[group_indices[row]];
            match category {
                None => counts.add_nulls(1),
                Some(category) => {
                    let before = counts.heap_bytes();
                    counts.add(category, 1);
                    self.heap_bytes = self.heap_bytes + counts.heap_bytes() - before;
                }
            }
        })
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
        let mut single = Self::new(self.source, self.max_categories);
        single.update_batch(args, &rows, filter, rows.len())?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.heap_bytes + self.groups.capacity() * size_of::<CategoryCounts>()
    }
}

/// The accumulator of one group.
#[derive(Debug)]
pub(in super::super) struct CategoryAccumulator {
    source: Source,
    counts: CategoryCounts,
}

impl CategoryAccumulator {
    pub(in super::super) fn new(source: Source, max_categories: u32) -> Self {
        Self { source, counts: CategoryCounts::new(max_categories) }
    }
}

impl Accumulator for CategoryAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        if self.source == Source::Distributions {
            return self.merge_batch(args);
        }
        for_each_category(&args[0], |_, category| match category {
            None => self.counts.add_nulls(1),
            Some(category) => self.counts.add(category, 1),
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let distributions = CategoryDistributions::new(&states[0])?;
        for row in 0..states[0].len() {
            if let Some(distribution) = distributions.get(row)? {
                counted(self.counts.merge(&distribution))?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        scalar_of(self.counts.finish())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.heap_bytes()
    }
}

pub(super) fn scalar_of(distribution: Option<CategoryDistribution>) -> Result<ScalarValue> {
    ScalarValue::try_from_array(&array_of(&[distribution]), 0)
}
