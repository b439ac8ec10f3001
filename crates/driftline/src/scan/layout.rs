//! The columns of a table as SQL sees them: the types that leave the scan, and where a column's values come from.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef};
use arrow::compute::is_null;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result as DfResult;
use driftline_storage::{ATTRIBUTES_COLUMN, AttributeMap, TableSchema, attribute_values};

use super::attribute::AttributeSource;

/// The column with the id of the segment of a row, where places are asked for: no table has a column of this name.
pub(crate) const SEGMENT: &str = "driftline.segment";
/// The column with the number of a row in its segment.
pub(crate) const ROW: &str = "driftline.row";

/// The id of columns that no segment has.
const NO_ID: u32 = 0;

/// One column of the table.
#[derive(Clone, Debug)]
pub(super) struct ScanColumn {
    /// The stable id, by which memtable and segments know it.
    pub(super) id: u32,
    /// The type that leaves the scan.
    pub(super) data_type: DataType,
    /// What it is to the scan.
    pub(super) kind: Kind,
    /// Made when it is first needed.
    source: Arc<OnceLock<Option<AttributeSource>>>,
}

/// Where the values of a column come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// From the column that was stored.
    Stored,
    /// From the column that was stored; rows without a value have that of an attribute.
    FromAttribute(String),
    /// The attributes of the row: the map that was stored, and what lies in columns `FROM ATTRIBUTE`.
    Attributes,
    /// Not in the table: one attribute as text, `attr(attributes, 'key')`, which a query asks for.
    Attribute(String),
    /// Not in the table: the id of the segment that has the row.
    Segment,
    /// Not in the table: the number of the row in its segment.
    Row,
}

/// All columns of a table, in the order of its schema, and behind them what a query asks for: single attributes, places.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    columns: Vec<ScanColumn>,
    schema: SchemaRef,
    table_columns: usize,
    attributes: Option<usize>,
    /// Whether attributes leave the scan sorted by key, so that it does not show which of them lie in columns.
    sorted: bool,
}

impl Layout {
    /// `promotes`: attributes of the table move into columns by themselves.
    pub(super) fn of(table: &TableSchema, promotes: bool) -> Self {
        let attributes = table.columns().iter().position(|column| column.name == ATTRIBUTES_COLUMN);
        let columns: Vec<ScanColumn> = table
            .columns()
            .iter()
            .enumerate()
            .map(|(index, column)| ScanColumn {
                id: column.id,
                data_type: sql_type(&column.ty.to_arrow()),
                kind: match &column.from_attribute {
                    Some(key) if attributes.is_some() => Kind::FromAttribute(key.clone()),
                    _ if attributes == Some(index) => Kind::Attributes,
                    _ => Kind::Stored,
                },
                source: Arc::default(),
            })
            .collect();
        let fields: Vec<Field> = table
            .columns()
            .iter()
            .zip(&columns)
            .map(|(column, scan)| Field::new(&column.name, scan.data_type.clone(), column.nullable))
            .collect();
        let sorted = promotes || columns.iter().any(|column| matches!(column.kind, Kind::FromAttribute(_)));
        let table_columns = columns.len();
        Self { columns, schema: Arc::new(Schema::new(fields)), table_columns, attributes, sorted }
    }

    /// The schema that SQL sees, and behind it the single attributes.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn column(&self, index: usize) -> &ScanColumn {
        &self.columns[index]
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The position of the column that holds the attributes.
    pub(super) fn attributes(&self) -> Option<usize> {
        self.attributes
    }

    /// Whether attributes leave the scan sorted by key.
    pub(super) fn sorted(&self) -> bool {
        self.sorted
    }

    /// The columns of the table that are filled from attributes: position and key.
    pub(super) fn attribute_columns(&self) -> impl Iterator<Item = (usize, &str)> {
        self.columns[..self.table_columns].iter().enumerate().filter_map(|(index, column)| {
            match &column.kind {
                Kind::FromAttribute(key) => Some((index, key.as_str())),
                _ => None,
            }
        })
    }

    /// The layout with one attribute as a column, and its position. `name` is how plans show it.
    pub(super) fn with_attribute(self: &Arc<Self>, key: &str, name: &str) -> (Arc<Self>, usize) {
        let asked = Kind::Attribute(key.to_owned());
        if let Some(known) = self.columns.iter().position(|column| column.kind == asked) {
            return (Arc::clone(self), known);
        }
        let mut layout = self.as_ref().clone();
        let mut fields: Vec<_> = layout.schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
        layout.schema = Arc::new(Schema::new(fields));
        layout.columns.push(ScanColumn {
            id: NO_ID,
            data_type: DataType::Utf8,
            kind: asked,
            source: Arc::default(),
        });
        (Arc::new(layout), self.columns.len())
    }

    /// The layout with the place of each row behind its columns.
    pub(super) fn with_places(&self) -> Self {
        let mut layout = self.clone();
        let mut fields: Vec<_> = layout.schema.fields().iter().cloned().collect();
        for (name, data_type, kind) in
            [(SEGMENT, DataType::Utf8View, Kind::Segment), (ROW, DataType::UInt32, Kind::Row)]
        {
            fields.push(Arc::new(Field::new(name, data_type.clone(), true)));
            layout.columns.push(ScanColumn { id: NO_ID, data_type, kind, source: Arc::default() });
        }
        layout.schema = Arc::new(Schema::new(fields));
        layout
    }

    /// Gives rows without a value in a column the one of their attributes.
    pub(super) fn fill(&self, index: usize, known: ArrayRef, attributes: &ArrayRef) -> DfResult<ArrayRef> {
        let column = &self.columns[index];
        let Kind::FromAttribute(key) = &column.kind else { return Ok(known) };
        let read = AttributeMap::new(attributes.as_ref())
            .and_then(|attributes| attribute_values(attributes, key, &column.data_type));
        if let Some(values) = read {
            return Ok(if known.null_count() == known.len() {
                values
            } else {
                zip(&is_null(&known)?, &values, &known)?
            });
        }
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
