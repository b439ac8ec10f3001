//! One NaN: floats know millions of them, with either sign, and their order puts the negative ones below everything. Processors
//! make both: 0.0 / 0.0 is negative on x86. Rows are kept with the one that is positive and quiet, so that in a column NaN is equal
//! to itself, one group, and greater than every number.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, make_array};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use crate::error::{Error, Result};

/// Makes every NaN of an array the one; an array without others stays the same array.
pub(super) fn one_nan(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Float32 => Ok(replaced::<Float32Type>(
            array,
            |value| value.is_nan() && value.to_bits() != f32::NAN.to_bits(),
            f32::NAN,
        )),
        DataType::Float64 => Ok(replaced::<Float64Type>(
            array,
            |value| value.is_nan() && value.to_bits() != f64::NAN.to_bits(),
            f64::NAN,
        )),
        nested if has_floats(nested) => inside(array),
        _ => Ok(Arc::clone(array)),
    }
}

fn replaced<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    is_other: impl Fn(T::Native) -> bool,
    nan: T::Native,
) -> ArrayRef {
    let floats = array.as_primitive::<T>();
    // without a branch, so that it costs next to nothing where there is none
    match floats.values().iter().fold(false, |found, value| found | is_other(*value)) {
        false => Arc::clone(array),
        true => Arc::new(floats.unary::<_, T>(|value| if is_other(value) { nan } else { value })),
    }
}

fn inside(array: &ArrayRef) -> Result<ArrayRef> {
    let data = array.to_data();
    let children: Vec<ArrayRef> = data.child_data().iter().cloned().map(make_array).collect();
    let changed: Vec<ArrayRef> = children.iter().map(one_nan).collect::<Result<_>>()?;
    if children.iter().zip(&changed).all(|(before, after)| Arc::ptr_eq(before, after)) {
        return Ok(Arc::clone(array));
    }
    let children = changed.iter().map(|child| child.to_data()).collect();
    let data = data.into_builder().child_data(children).build();
    data.map(make_array).map_err(|error| Error::internal("cannot replace NaN in a batch").with_source(error))
}

fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => {
            has_floats(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        _ => false,
    }
}
