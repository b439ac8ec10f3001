//! Lists of integers between partial and final aggregation.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray, UInt64Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};

/// The field of the items of a list in a state.
pub(crate) fn item_field(kind: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(kind, true))
}

/// A list array of integers: list `i` holds `values[offsets[i]..offsets[i + 1]]`.
pub(crate) fn integer_lists(values: Vec<u64>, offsets: Vec<i64>) -> LargeListArray {
    lists(Arc::new(UInt64Array::from(values)), offsets)
}

/// A list array of anything.
pub(crate) fn lists(values: ArrayRef, offsets: Vec<i64>) -> LargeListArray {
    let field = item_field(values.data_type().clone());
    LargeListArray::new(field, OffsetBuffer::new(ScalarBuffer::from(offsets)), values, None)
}

/// The items of list `row`, without a copy.
pub(crate) fn integers_of(lists: &ArrayRef, row: usize) -> ScalarBuffer<u64> {
    let lists = lists.as_list::<i64>();
    let offsets = lists.value_offsets();
    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
    lists.values().as_primitive::<UInt64Type>().values().slice(start, end - start)
}
