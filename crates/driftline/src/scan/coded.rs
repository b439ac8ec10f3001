//! Text as codes: numbers of the different values of a row group. A condition on one column of text is evaluated once a value instead
//! of once a row, and a row of the cache takes a byte or two instead of sixteen.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, PrimitiveArray, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{cast, concat};
use arrow::datatypes::{ArrowDictionaryKeyType, ArrowNativeType, DataType, Int32Type, UInt8Type, UInt16Type};
use datafusion::error::Result as DfResult;

/// The most values that a byte, and two bytes, tell apart.
const BYTE_VALUES: usize = 1 << 8;
const TWO_BYTES_VALUES: usize = 1 << 16;

/// With so many codes a row is compared, one by one.
const COMPARED_MAX: usize = 4;

/// The codes in as few bytes as the number of values takes.
pub(super) fn narrow(array: &ArrayRef) -> DfResult<ArrayRef> {
    let values = array.as_any_dictionary().values();
    let key = match values.len() {
        ..=BYTE_VALUES => DataType::UInt8,
        values if values <= TWO_BYTES_VALUES => DataType::UInt16,
        _ => return Ok(Arc::clone(array)),
    };
    Ok(cast(array, &DataType::Dictionary(Box::new(key), Box::new(values.data_type().clone())))?)
}

/// The different values in the type that SQL sees, and NULL behind them.
pub(super) fn values_and_null(array: &ArrayRef, data_type: &DataType) -> DfResult<ArrayRef> {
    let values = cast(array.as_any_dictionary().values(), data_type)?;
    Ok(concat(&[values.as_ref(), new_null_array(data_type, 1).as_ref()])?)
}

/// The rows whose value has the answer `true`; there is one answer a value, and one for NULL behind them.
pub(super) fn rows_where(array: &ArrayRef, answers: &BooleanArray) -> DfResult<BooleanArray> {
    let of_values = answers.values().slice(0, answers.len() - 1);
    let of_null = answers.value(answers.len() - 1);
    let rows = match array.as_any_dictionary().keys().data_type() {
        DataType::UInt8 => with_code::<UInt8Type>(array.as_dictionary(), &of_values)?,
        DataType::UInt16 => with_code::<UInt16Type>(array.as_dictionary(), &of_values)?,
        _ => with_code::<Int32Type>(array.as_dictionary(), &of_values)?,
    };
    let rows = match (array.nulls(), of_null) {
        (None, _) => rows,
        (Some(nulls), false) => &rows & nulls.inner(),
        (Some(nulls), true) => &rows | &!nulls.inner(),
    };
    Ok(BooleanArray::new(rows, None))
}

/// The rows with a code whose answer is `true`. The code of a row without a value may be any.
fn with_code<K: ArrowDictionaryKeyType>(
    array: &DictionaryArray<K>,
    answers: &BooleanBuffer,
) -> DfResult<BooleanBuffer> {
    let codes = array.keys().values();
    let passing: Vec<usize> = answers.set_indices().take(COMPARED_MAX + 1).collect();
    if passing.len() > COMPARED_MAX {
        let answers: Vec<bool> = answers.iter().collect();
        return Ok(BooleanBuffer::collect_bool(codes.len(), |row| {
            answers.get(codes[row].as_usize()).is_some_and(|answer| *answer)
        }));
    }
    // a comparison with one code is much faster than looking codes up
    let codes = PrimitiveArray::<K>::new(codes.clone(), None);
    let mut rows: Option<BooleanBuffer> = None;
    for code in passing.into_iter().filter_map(K::Native::from_usize) {
        let equal = eq(&codes, &PrimitiveArray::<K>::new_scalar(code))?;
        rows = Some(match rows {
            Some(rows) => &rows | equal.values(),
            None => equal.values().clone(),
        });
    }
    Ok(rows.unwrap_or_else(|| BooleanBuffer::new_unset(codes.len())))
}

#[cfg(test)]
mod tests;
