//! What a table's schema means for the mapping: which columns are built in, which take attributes, and which attribute key goes where.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, RecordBatch, RecordBatchOptions},
    datatypes::{DataType, Schema, SchemaRef},
};

use crate::{
    columns::{AttributeColumn, compatible},
    error::{Error, Result},
    semconv,
};

/// Field metadata that names the attribute a column is filled from: `app.intent`, `resource.host.name`, `scope.x`. A column without it is filled
/// by the key that has its name (see [`column_name`]).
pub const ATTRIBUTE_METADATA_KEY: &str = "driftline.attribute";

/// Whose attribute a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The span, data point or log record itself.
    Record,
    Scope,
    Resource,
}

impl Owner {
    /// What stands before the key in `attributes`.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Record => "",
            Self::Scope => "scope.",
            Self::Resource => "resource.",
        }
    }
}

/// The name of the column for an attribute key: lower case, and every character but ASCII letters and digits an underscore.
pub fn column_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// A table's schema with the look-ups of the mapping.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    by_name: HashMap<String, usize>,
    by_key: HashMap<String, usize>,
    built_in: HashMap<&'static str, usize>,
}

impl Layout {
    /// # Errors
    /// `Internal` when a built-in column has a type that the mapping cannot fill. A built-in column that is missing is left out of the batches.
    pub(crate) fn new(table: &str, schema: SchemaRef, built_in: &[(&'static str, DataType)]) -> Result<Self> {
        let mut layout = Self {
            schema: Arc::clone(&schema),
            by_name: HashMap::new(),
            by_key: HashMap::new(),
            built_in: HashMap::new(),
        };
        for (i, field) in schema.fields().iter().enumerate() {
            if let Some((name, expected)) = built_in.iter().find(|(name, _)| name == field.name()) {
                if !compatible(expected, field.data_type()) {
                    let actual = field.data_type();
                    return Err(Error::internal(format!(
                        "column {name} of table {table} has type {actual}, OTLP needs {expected}"
                    )));
                }
                layout.built_in.insert(name, i);
            } else if AttributeColumn::takes(field.data_type()) {
                match field.metadata().get(ATTRIBUTE_METADATA_KEY) {
                    Some(key) => layout.by_key.insert(key.clone(), i),
                    None => layout.by_name.insert(field.name().clone(), i),
                };
            }
        }
        Ok(layout)
    }

    /// The column that an attribute fills, if the table has one.
    pub(crate) fn column_of(&self, owner: Owner, key: &str) -> Option<usize> {
        let full = format!("{}{key}", owner.prefix());
        if let Some(column) = self.by_key.get(&full) {
            return Some(*column);
        }
        let name = column_name(&full);
        if owner == Owner::Record && (name.starts_with("resource_") || name.starts_with("scope_")) {
            return None;
        }
        if semconv::table().owner(&name).is_some_and(|owner| owner != full) {
            return None;
        }
        self.by_name.get(&name).copied()
    }

    /// The key of the attribute that a column is declared to come from. Such a column is another place for the value
    /// that `attributes` would have: only what it says exactly may be missing there.
    pub(crate) fn attribute_of(&self, column: usize) -> Option<&str> {
        self.schema.field(column).metadata().get(ATTRIBUTE_METADATA_KEY).map(String::as_str)
    }

    pub(crate) fn has(&self, built_in: &str) -> bool {
        self.built_in.contains_key(built_in)
    }
}

/// A batch in the making: only columns with at least one value become part of it.
pub(crate) struct Batch<'a> {
    layout: &'a Layout,
    rows: usize,
    columns: Vec<Option<ArrayRef>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(layout: &'a Layout, rows: usize) -> Self {
        Self { layout, rows, columns: vec![None; layout.schema.fields().len()] }
    }

    /// Adds the built-in column `name`; `make` gets the column's type.
    pub(crate) fn put(&mut self, name: &str, make: impl FnOnce(&DataType) -> ArrayRef) {
        if let Some(&i) = self.layout.built_in.get(name) {
            let array = make(self.layout.schema.field(i).data_type());
            self.columns[i] = (array.null_count() < self.rows).then_some(array);
        }
    }

    /// Adds the attribute column at position `i` of the schema.
    pub(crate) fn put_attribute(&mut self, i: usize, array: Option<ArrayRef>) {
        self.columns[i] = array;
    }

    /// The batch, in the order of the table's columns.
    pub(crate) fn finish(self) -> RecordBatch {
        let present = self.layout.schema.fields().iter().zip(self.columns);
        let (fields, columns): (Vec<_>, Vec<_>) =
            present.filter_map(|(field, column)| column.map(|column| (Arc::clone(field), column))).unzip();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .expect("columns are built in their fields' types, one value a row")
    }
}
