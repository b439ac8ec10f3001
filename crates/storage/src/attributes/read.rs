//! Reading single keys out of a column of attributes.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
        MapArray, StringArray, StringViewBuilder,
    },
    datatypes::DataType,
};

use super::{AttributeType, json};

/// A column of type `MAP<TEXT, TEXT>`: rows of entries from key to JSON.
#[derive(Debug, Clone, Copy)]
pub struct AttributeMap<'a> {
    map: &'a MapArray,
    keys: &'a StringArray,
    values: &'a StringArray,
}

impl<'a> AttributeMap<'a> {
    /// `None` where the array is no `MAP<TEXT, TEXT>` as tables keep it.
    pub fn new(array: &'a dyn Array) -> Option<Self> {
        let map = array.as_any().downcast_ref::<MapArray>()?;
        let keys = map.keys().as_any().downcast_ref::<StringArray>()?;
        let values = map.values().as_any().downcast_ref::<StringArray>()?;
        Some(Self { map, keys, values })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.map.len()
    }

    /// Whether the row has attributes, be they none.
    pub fn is_valid(&self, row: usize) -> bool {
        self.map.is_valid(row)
    }

    /// The entries of a row: positions for [`key`](Self::key) and [`value`](Self::value). None in a row that is NULL.
    pub fn entries(&self, row: usize) -> std::ops::Range<usize> {
        if self.map.is_null(row) {
            return 0..0;
        }
        let offsets = self.map.value_offsets();
        offsets[row] as usize..offsets[row + 1] as usize
    }

    /// The key of an entry.
    pub fn key(&self, entry: usize) -> &'a str {
        self.keys.value(entry)
    }

    /// The JSON of an entry; `None` for NULL.
    pub fn value(&self, entry: usize) -> Option<&'a str> {
        self.values.is_valid(entry).then(|| self.values.value(entry))
    }

    /// The first entry of a row with a key.
    pub fn find(&self, row: usize, key: &str) -> Option<usize> {
        self.entries(row).find(|entry| self.keys.value(*entry) == key)
    }
}

/// Reads one attribute of every row for a column of some type: NULL where there is none or it contradicts the type.
/// `None` for a type that no attribute fills this way. Text comes as `Utf8View`.
pub fn attribute_values(attributes: AttributeMap<'_>, key: &str, ty: &DataType) -> Option<ArrayRef> {
    let ty = AttributeType::of_arrow(ty)?;
    let mut scratch = String::new();
    let rows = attributes.rows();
    let found = |row: usize| attributes.find(row, key).and_then(|entry| attributes.value(entry));
    macro_rules! build {
        ($builder:ty, $read:path) => {{
            let mut builder = <$builder>::with_capacity(rows);
            for row in 0..rows {
                builder.append_option(found(row).and_then(|json| $read(json, &mut scratch).value()));
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    Some(match ty {
        AttributeType::Boolean => build!(BooleanBuilder, json::boolean),
        AttributeType::Int32 => build!(Int32Builder, json::int32),
        AttributeType::Int64 => build!(Int64Builder, json::int64),
        AttributeType::Float32 => build!(Float32Builder, json::float32),
        AttributeType::Float64 => build!(Float64Builder, json::float64),
        AttributeType::Text => build!(StringViewBuilder, json::text),
    })
}
