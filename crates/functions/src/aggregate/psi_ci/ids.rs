//! Distinct ids as small numbers: texts, or integers as `u64` in their order.

use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use datafusion::common::hash_utils::RandomState;
use datafusion::common::{Result, internal_err, resources_err};
use hashbrown::HashTable;

use crate::aggregate::comparison::kept::Interner;
use crate::aggregate::comparison::kept::lists::{integer_lists, integers_of, lists};
use crate::aggregate::comparison::kept::texts::for_each_text;
use crate::kernels::collect::for_each_selected;

/// Most distinct integers one aggregation keeps; texts have the same limit.
const IDS_MAX: usize = 10_000_000;
const SIGN: u64 = 1 << 63;

/// Numbers from 0 on, in the order of arrival.
#[derive(Debug)]
pub(super) enum Ids {
    Texts(Interner),
    Integers(Integers),
}

#[derive(Debug, Default)]
pub(super) struct Integers {
    table: HashTable<u32>,
    values: Vec<u64>,
    hasher: RandomState,
}

impl Ids {
    /// For ids that travel as lists of this type.
    pub(super) fn new(item: &DataType) -> Self {
        match item {
            DataType::UInt64 => Self::Integers(Integers::default()),
            _ => Self::Texts(Interner::default()),
        }
    }

    /// Calls `visit(row, number)` for the selected rows, none of which is NULL.
    pub(super) fn for_each(
        &mut self,
        array: &ArrayRef,
        selected: &BooleanBuffer,
        mut visit: impl FnMut(usize, u32),
    ) -> Result<()> {
        match (self, array.data_type()) {
            (Self::Texts(interner), _) => {
                for_each_text(interner, array, selected, |row, number, _| visit(row, number))
            }
            (Self::Integers(integers), DataType::Int64) => {
                let values = array.as_primitive::<Int64Type>().values();
                integers.for_each(selected, |row| values[row] as u64 ^ SIGN, visit)
            }
            (Self::Integers(integers), DataType::UInt64) => {
                let values = array.as_primitive::<UInt64Type>().values();
                integers.for_each(selected, |row| values[row], visit)
            }
            (_, other) => internal_err!("ids are texts or integers, got {other}"),
        }
    }

    /// The order of two ids, given by their numbers: of texts that of their bytes.
    pub(super) fn compare(&self, a: u32, b: u32) -> Ordering {
        match self {
            Self::Texts(interner) => interner.text(a).cmp(interner.text(b)),
            Self::Integers(integers) => integers.values[a as usize].cmp(&integers.values[b as usize]),
        }
    }

    /// Appends the numbers of the ids in row `row` of a partial state.
    pub(super) fn read_state(&mut self, states: &ArrayRef, row: usize, numbers: &mut Vec<u32>) -> Result<()> {
        match self {
            Self::Texts(interner) => {
                let texts = states.as_list::<i64>().value(row);
                for text in texts.as_string::<i64>().iter().flatten() {
                    numbers.push(interner.intern(text)?);
                }
            }
            Self::Integers(integers) => {
                for &value in integers_of(states, row).iter() {
                    numbers.push(integers.intern(value)?);
                }
            }
        }
        Ok(())
    }

    /// The column of a partial state: list `i` holds the ids of `numbers[ends[i]..ends[i + 1]]`.
    pub(super) fn state(&self, numbers: &[u32], ends: Vec<i64>) -> ArrayRef {
        match self {
            Self::Texts(interner) => {
                let mut texts = LargeStringBuilder::new();
                numbers.iter().for_each(|&number| texts.append_value(interner.text(number)));
                Arc::new(lists(Arc::new(texts.finish()), ends))
            }
            Self::Integers(integers) => {
                let values = numbers.iter().map(|&number| integers.values[number as usize]).collect();
                Arc::new(integer_lists(values, ends))
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Texts(interner) => interner.heap_bytes(),
            Self::Integers(integers) => {
                integers.values.capacity() * size_of::<u64>() + integers.table.allocation_size()
            }
        }
    }
}

impl Integers {
    fn for_each(
        &mut self,
        selected: &BooleanBuffer,
        value: impl Fn(usize) -> u64,
        mut visit: impl FnMut(usize, u32),
    ) -> Result<()> {
        let mut outcome = Ok(());
        for_each_selected(selected, |row| match self.intern(value(row)) {
            Ok(number) => visit(row, number),
            Err(error) => outcome = Err(error),
        });
        outcome
    }

    fn intern(&mut self, value: u64) -> Result<u32> {
        let (values, hasher) = (&mut self.values, &self.hasher);
        let hash = hasher.hash_one(value);
        if let Some(&number) = self.table.find(hash, |&number| values[number as usize] == value) {
            return Ok(number);
        }
        if values.len() == IDS_MAX {
            return resources_err!("more than {IDS_MAX} distinct clusters in one aggregation");
        }
        let number = values.len() as u32;
        values.push(value);
        self.table.insert_unique(hash, number, |&number| hasher.hash_one(values[number as usize]));
        Ok(number)
    }
}
