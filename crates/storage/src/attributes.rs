//! Attributes: the open-ended keys of a row, kept in a map from key to JSON, and the columns into which common keys move.
//!
//! A column `FROM ATTRIBUTE 'a.b'` is another place for the same value, never another value: the logical attributes of a
//! row are the entries of its map, and for every attribute column whose key the map lacks, the column's value written
//! as JSON. So a value leaves the map only where the column can write it back byte for byte; where it merely fits (the
//! integer 41 in a DOUBLE column) it is in both, and where it contradicts the column it stays in the map alone. No
//! answer then depends on when, or whether, an attribute got its column.

mod census;
mod json;
mod note;
mod promote;
mod read;
mod settle;

use arrow::datatypes::DataType;

use crate::schema::{Column, ColumnType, TableSchema};

pub(crate) use census::{Candidate, census};
pub use json::write_json;
pub(crate) use note::{Keys, Note};
pub(crate) use promote::promoted;
pub use read::{AttributeMap, attribute_values};
pub(crate) use settle::settle;

/// The column of type `MAP<TEXT, TEXT>` that holds the attributes without a column of their own.
pub const ATTRIBUTES_COLUMN: &str = "attributes";

/// The types whose columns an attribute can fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttributeType {
    Boolean,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
}

impl AttributeType {
    pub(crate) fn of(ty: &ColumnType) -> Option<Self> {
        Some(match ty {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Int32 => Self::Int32,
            ColumnType::Int64 => Self::Int64,
            ColumnType::Float32 => Self::Float32,
            ColumnType::Float64 => Self::Float64,
            ColumnType::Text => Self::Text,
            _ => return None,
        })
    }

    pub(crate) fn of_arrow(ty: &DataType) -> Option<Self> {
        Self::of(&ColumnType::from_arrow(ty).ok()?)
    }
}

/// The column that holds the attributes of a table, if it has one.
pub(crate) fn attributes_column(schema: &TableSchema) -> Option<&Column> {
    let map = ColumnType::Map(Box::new(ColumnType::Text), Box::new(ColumnType::Text));
    schema.column(ATTRIBUTES_COLUMN).filter(|column| column.ty == map)
}

/// The ids of the columns that attributes move into.
pub(crate) fn targets(schema: &TableSchema) -> impl Iterator<Item = u32> {
    let is_target =
        |column: &&Column| column.from_attribute.is_some() && AttributeType::of(&column.ty).is_some();
    schema.columns().iter().filter(is_target).map(|column| column.id)
}

/// The name of the column for an attribute: lower case, and every character but ASCII letters and digits an underscore.
pub(crate) fn column_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests;
