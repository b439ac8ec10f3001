//! The columns of a table as SQL sees them: the types that leave the scan, and where a column's values come from.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result as DfResult;
use driftline_storage::TableSchema;

use super::attribute::AttributeSource;
use crate::sql::ATTRIBUTES;

/// One column of the table.
#[derive(Debug)]
pub(super) struct ScanColumn {
    /// The stable id, by which memtable and segments know it.
    pub(super) id: u32,
    /// The type that leaves the scan.
    pub(super) data_type: DataType,
    /// The attribute that fills rows without a value of their own.
    pub(super) from_attribute: Option<String>,
    /// Made when it is first needed.
    source: OnceLock<Option<AttributeSource>>,
}

/// All columns of a table, in the order of its schema.
#[derive(Debug)]
pub(super) struct Layout {
    columns: Vec<ScanColumn>,
    schema: SchemaRef,
    attributes: Option<usize>,
}

impl Layout {
    pub(super) fn of(table: &TableSchema) -> Self {
        let columns: Vec<ScanColumn> = table
            .columns()
            .iter()
            .map(|column| ScanColumn {
                id: column.id,
                data_type: sql_type(&column.ty.to_arrow()),
                from_attribute: column.from_attribute.clone(),
                source: OnceLock::new(),
            })
            .collect();
        let fields: Vec<Field> = table
            .columns()
            .iter()
            .zip(&columns)
            .map(|(column, scan)| Field::new(&column.name, scan.data_type.clone(), column.nullable))
            .collect();
        let attributes = table.columns().iter().position(|column| column.name == ATTRIBUTES);
        Self { columns, schema: Arc::new(Schema::new(fields)), attributes }
    }

    /// The schema that SQL sees.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn column(&self, index: usize) -> &ScanColumn {
        &self.columns[index]
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The position of the column that holds the attributes without a column of their own.
    pub(super) fn attributes(&self) -> Option<usize> {
        self.attributes
    }

    /// Gives rows without a value in a column the one of their attributes.
    pub(super) fn fill(&self, index: usize, known: ArrayRef, attributes: &ArrayRef) -> DfResult<ArrayRef> {
        let column = &self.columns[index];
        let Some(key) = &column.from_attribute else { return Ok(known) };
        let source = match column.source.get() {
            Some(source) => source,
            None => {
                let made = AttributeSource::new(key, &column.data_type, attributes.data_type())?;
                column.source.get_or_init(|| made)
            }
        };
        match source {
            Some(source) => source.fill(&known, attributes),
            None => Ok(known),
        }
    }
}

/// Text leaves the scan as views: grouping and filtering then copy no bytes. Text inside of lists, structs and maps stays as it is.
fn sql_type(stored: &DataType) -> DataType {
    match stored {
        DataType::Utf8 => DataType::Utf8View,
        other => other.clone(),
    }
}
