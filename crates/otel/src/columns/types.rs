//! The types of the built-in columns, and whether a table's column is of such a type.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

/// An instant in nanoseconds.
pub(crate) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

pub(crate) fn struct_of(fields: &[(&str, DataType)]) -> DataType {
    DataType::Struct(fields.iter().map(|(name, ty)| Field::new(*name, ty.clone(), true)).collect())
}

pub(crate) fn map_of_text() -> DataType {
    let key = Field::new("key", DataType::Utf8, false);
    let value = Field::new("value", DataType::Utf8, true);
    let entries = DataType::Struct([key, value].into_iter().collect());
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

/// Whether arrays built for `expected` fit a column of type `actual`: the same shape and the same struct fields in the same order. Names of list
/// items and map entries and the spelling of the time zone may differ; struct fields must be nullable.
pub(crate) fn compatible(expected: &DataType, actual: &DataType) -> bool {
    match (expected, actual) {
        (DataType::Timestamp(unit, _), DataType::Timestamp(actual_unit, _)) => unit == actual_unit,
        (DataType::List(item), DataType::List(actual_item)) => {
            compatible(item.data_type(), actual_item.data_type())
        }
        (DataType::Struct(fields), DataType::Struct(actual_fields)) => {
            fields.len() == actual_fields.len()
                && fields.iter().zip(actual_fields).all(|(field, actual_field)| {
                    field.name() == actual_field.name()
                        && compatible(field.data_type(), actual_field.data_type())
                })
        }
        (DataType::Map(entries, _), DataType::Map(actual_entries, _)) => {
            match (entries.data_type(), actual_entries.data_type()) {
                (DataType::Struct(kv), DataType::Struct(actual_kv)) => {
                    kv.len() == actual_kv.len()
                        && kv.iter().zip(actual_kv).all(|(a, b)| compatible(a.data_type(), b.data_type()))
                }
                _ => false,
            }
        }
        (expected, actual) => expected == actual,
    }
}
