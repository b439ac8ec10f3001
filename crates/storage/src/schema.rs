//! Schemas of tables: our own types, written as stable readable JSON, with column ids that are never reused.
//!
//! A column is its id. Names are labels on it: RENAME and DROP change the schema alone, and a column that is
//! dropped and added again under its old name is another column, so old rows never show through.

mod batch;
mod column_type;
mod one_nan;
mod spec;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    paths,
};

pub(crate) use batch::batch_bytes;
pub use batch::column_id;
pub use column_type::{ColumnType, TimeUnit};
pub use spec::{NewColumn, TableChange, TableOptions, TableSpec};

/// The time column that every table has.
pub const TIME_COLUMN: &str = "time";
/// Most columns that a table can have.
pub(crate) const COLUMNS_MAX: usize = 2_048;

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The identity of the column in its table, in every segment and in the log.
    pub id: u32,
    /// The present name.
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Whether a row may have no value.
    pub nullable: bool,
    /// The attribute key (`a.b`) from which rows older than the column are filled by the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_attribute: Option<String>,
}

/// How the rows of a table are spread over partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partitioning {
    /// One partition a UTC day.
    #[default]
    Day,
    /// One partition a UTC month.
    Month,
}

/// The columns of a table, its sort key and its partitioning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TableSchema {
    stored: Stored,
    by_name: HashMap<String, usize>,
    by_id: HashMap<u32, usize>,
    arrow: SchemaRef,
}

/// What of a schema lies in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    columns: Vec<Column>,
    next_column_id: u32,
    sort: Vec<u32>,
    partition: Partitioning,
    #[serde(default)]
    bloom: Vec<u32>,
}

impl PartialEq for TableSchema {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}

impl TableSchema {
    /// Returns the columns in the order of their declaration.
    pub fn columns(&self) -> &[Column] {
        &self.stored.columns
    }

    /// Finds a column by its present name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.by_name.get(name).map(|&index| &self.stored.columns[index])
    }

    /// Finds a column by its id; `None` once it is dropped.
    pub fn column_by_id(&self, id: u32) -> Option<&Column> {
        self.by_id.get(&id).map(|&index| &self.stored.columns[index])
    }

    /// Returns the position of a column among [`columns`](Self::columns).
    pub fn index_of(&self, id: u32) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Returns the Arrow schema; the metadata of each field carries the column id as `PARQUET:field_id`.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// Returns the ids of the columns by which segments are sorted, ascending and nulls first.
    pub fn sort_key(&self) -> &[u32] {
        &self.stored.sort
    }

    /// Returns the ids of the columns that have bloom filters.
    pub fn bloom_columns(&self) -> &[u32] {
        &self.stored.bloom
    }

    /// Returns how rows are spread over partitions.
    pub fn partitioning(&self) -> Partitioning {
        self.stored.partition
    }

    /// Returns the column `time`.
    pub fn time_column(&self) -> &Column {
        self.column(TIME_COLUMN).expect("every schema is checked to have a time column")
    }

    /// Makes the Arrow field of a column, with its id in the metadata.
    pub(crate) fn field(column: &Column) -> Field {
        let metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), column.id.to_string())]);
        Field::new(&column.name, column.ty.to_arrow(), column.nullable).with_metadata(metadata)
    }

    fn build(stored: Stored) -> Result<Self> {
        stored.validate()?;
        let numbered = || stored.columns.iter().enumerate();
        let by_name = numbered().map(|(index, column)| (column.name.clone(), index)).collect();
        let by_id = numbered().map(|(index, column)| (column.id, index)).collect();
        let fields: Vec<Field> = stored.columns.iter().map(Self::field).collect();
        Ok(Self { by_name, by_id, arrow: Arc::new(Schema::new(fields)), stored })
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.by_name
            .get(name)
            .copied()
            .ok_or_else(|| Error::new(crate::ErrorKind::NotFound, self.no_column(name)))
    }

    /// Says that a column does not exist and which one may have been meant.
    fn no_column(&self, name: &str) -> String {
        let names = self.stored.columns.iter().map(|column| column.name.as_str());
        format!("no column {name:?}{}", crate::nearest::hint(name, names))
    }
}

impl TryFrom<Stored> for TableSchema {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        Self::build(stored)
    }
}

impl From<TableSchema> for Stored {
    fn from(schema: TableSchema) -> Self {
        schema.stored
    }
}

impl Stored {
    fn validate(&self) -> Result<()> {
        if self.columns.len() > COLUMNS_MAX {
            let count = self.columns.len();
            return Err(Error::invalid(format!("a table has at most {COLUMNS_MAX} columns, got {count}")));
        }
        let mut names = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for column in &self.columns {
            paths::validate_column_name(&column.name)?;
            column.ty.validate()?;
            if !names.insert(column.name.as_str()) {
                return Err(Error::invalid(format!("column {:?} is declared twice", column.name)));
            }
            if !ids.insert(column.id) || column.id >= self.next_column_id {
                return Err(Error::invalid(format!(
                    "column {:?} has the wrong id {}",
                    column.name, column.id
                )));
            }
        }
        self.validate_time()?;
        for (use_, list) in [("sort key", &self.sort), ("bloom filter", &self.bloom)] {
            let mut seen = BTreeSet::new();
            for id in list {
                let column = self.columns.iter().find(|column| column.id == *id);
                let column = column
                    .ok_or_else(|| Error::invalid(format!("the {use_} names the unknown column {id}")))?;
                if !column.ty.is_scalar() {
                    let (name, ty) = (&column.name, &column.ty);
                    return Err(Error::invalid(format!("column {name:?} of type {ty} cannot be a {use_}")));
                }
                if !seen.insert(id) {
                    return Err(Error::invalid(format!("the {use_} names column {:?} twice", column.name)));
                }
            }
        }
        if self.sort.is_empty() {
            return Err(Error::invalid("the sort key is empty: it needs at least one column, such as time"));
        }
        Ok(())
    }

    fn validate_time(&self) -> Result<()> {
        let time = self.columns.iter().find(|column| column.name == TIME_COLUMN);
        match time {
            Some(column) if column.ty == ColumnType::TIME && !column.nullable => Ok(()),
            Some(column) => Err(Error::invalid(format!(
                "column \"time\" must be {} NOT NULL, got {}{}",
                ColumnType::TIME,
                column.ty,
                if column.nullable { " NULL" } else { "" }
            ))),
            None => Err(Error::invalid(format!(
                "a table needs a column \"time\" of type {} NOT NULL",
                ColumnType::TIME
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
