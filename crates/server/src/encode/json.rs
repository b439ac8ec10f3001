//! Nested values as JSON texts: lists as arrays, structs and maps as objects, NULL inside of them as null, binary as hexadecimal
//! digits, times in RFC 3339, NaN and infinities as null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::util::display::array_value_to_string;
use driftline::Result;

use super::layout::without_views;

/// Every value of a nested column as a text.
pub(super) fn render(column: &ArrayRef) -> Result<ArrayRef> {
    let mut texts = StringBuilder::with_capacity(column.len(), 0);
    if has_union(column.data_type()) {
        for row in 0..column.len() {
            match column.is_null(row) {
                true => texts.append_null(),
                false => texts.append_value(array_value_to_string(column, row)?),
            }
        }
        return Ok(Arc::new(texts.finish()));
    }
    let readable = readable(&without_views(column.data_type()));
    let column = cast(column, &readable)?;
    let field = Arc::new(Field::new("", readable, true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(&field, &column, &options)?;
    let mut text = vec![];
    for row in 0..column.len() {
        if column.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}

/// The same type with text for keys of maps: keys of JSON objects are texts.
fn readable(data_type: &DataType) -> DataType {
    use DataType as T;
    let item =
        |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(readable(field.data_type())));
    match data_type {
        T::List(field) => T::List(item(field)),
        T::LargeList(field) => T::LargeList(item(field)),
        T::FixedSizeList(field, length) => T::FixedSizeList(item(field), *length),
        T::Struct(fields) => T::Struct(fields.iter().map(item).collect()),
        T::Map(entries, sorted) => match entries.data_type() {
            T::Struct(fields) if fields.len() == 2 => {
                let key = Arc::new(fields[0].as_ref().clone().with_data_type(T::Utf8));
                let both = T::Struct(vec![key, item(&fields[1])].into());
                T::Map(Arc::new(entries.as_ref().clone().with_data_type(both)), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}

fn has_union(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Union(..) => true,
        T::List(field)
        | T::LargeList(field)
        | T::ListView(field)
        | T::LargeListView(field)
        | T::FixedSizeList(field, _)
        | T::RunEndEncoded(_, field)
        | T::Map(field, _) => has_union(field.data_type()),
        T::Struct(fields) => fields.iter().any(|field| has_union(field.data_type())),
        T::Dictionary(_, values) => has_union(values),
        _ => false,
    }
}
