//! What a caller says about a table: its declaration and its changes.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Column, ColumnType, Partitioning, Stored, TIME_COLUMN, TableSchema};
use crate::{
    attributes::ATTRIBUTES_COLUMN,
    error::{Error, ErrorKind, Result},
    paths,
};

/// A column that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// The name.
    pub name: String,
    /// The type of its values.
    pub ty: ColumnType,
    /// Whether a row may have no value.
    pub nullable: bool,
    /// The attribute key from which older rows are filled.
    pub from_attribute: Option<String>,
}

impl NewColumn {
    /// Declares a nullable column.
    pub fn new(name: impl Into<String>, ty: ColumnType) -> Self {
        Self { name: name.into(), ty, nullable: true, from_attribute: None }
    }

    /// Declares the column `time`.
    pub fn time() -> Self {
        Self::new(TIME_COLUMN, ColumnType::TIME).not_null()
    }

    /// Demands a value in every row.
    pub fn not_null(self) -> Self {
        Self { nullable: false, ..self }
    }
}

/// A table that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The name.
    pub name: String,
    /// The columns; one is `time`.
    pub columns: Vec<NewColumn>,
    /// Sort key, partitioning and the rest.
    pub options: TableOptions,
}

/// How a table is laid out, by column names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableOptions {
    /// Columns by which segments are sorted, ascending, nulls first.
    pub sort: Vec<String>,
    /// How rows are spread over partitions.
    pub partition: Partitioning,
    /// Columns with bloom filters: ids that are looked up by equality.
    pub bloom: Vec<String>,
    /// How long rows are kept; `None` keeps them for ever.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
    /// Whether attributes that have become common get columns of their own.
    pub promote_attributes: bool,
    /// What the layers above keep with the table.
    pub properties: BTreeMap<String, String>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            sort: vec![TIME_COLUMN.to_owned()],
            partition: Partitioning::Day,
            bloom: Vec::new(),
            retention: None,
            promote_attributes: false,
            properties: BTreeMap::new(),
        }
    }
}

/// A change of a table. All of them are metadata: no row is rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// Adds a nullable column at the end.
    AddColumn(NewColumn),
    /// Gives a column another name.
    RenameColumn {
        /// The present name.
        from: String,
        /// The new name.
        to: String,
    },
    /// Removes a column; its id is never used again.
    DropColumn {
        /// The name.
        name: String,
    },
    /// Gives the table another name.
    RenameTable {
        /// The new name.
        to: String,
    },
}

impl TableSchema {
    /// Builds the schema of a new table; column ids count from 1.
    pub(crate) fn from_spec(spec: &TableSpec) -> Result<Self> {
        paths::validate_table_name(&spec.name)?;
        let columns: Vec<Column> = (1..).zip(&spec.columns).map(|(id, column)| column.with_id(id)).collect();
        let find = |name: &String| {
            let column = columns.iter().find(|column| column.name == *name);
            column.map(|column| column.id).ok_or_else(|| {
                let names = columns.iter().map(|column| column.name.as_str());
                Error::invalid(format!("no column {name:?}{}", crate::nearest::hint(name, names)))
            })
        };
        let sort = spec.options.sort.iter().map(find).collect::<Result<_>>()?;
        let bloom = spec.options.bloom.iter().map(find).collect::<Result<_>>()?;
        let next_column_id = columns.len() as u32 + 1;
        Self::build(Stored { columns, next_column_id, sort, partition: spec.options.partition, bloom })
    }

    /// Returns the schema after a change; a renamed table keeps its schema.
    pub(crate) fn changed(&self, change: &TableChange) -> Result<Self> {
        let mut stored = self.stored.clone();
        match change {
            TableChange::AddColumn(column) => {
                if self.column(&column.name).is_some() {
                    let message = format!("column {:?} exists already", column.name);
                    return Err(Error::new(ErrorKind::AlreadyExists, message));
                }
                if let Some(key) = &column.from_attribute
                    && let Some(taken) =
                        self.columns().iter().find(|other| other.from_attribute.as_ref() == Some(key))
                {
                    let message = format!("attribute {key:?} has the column {:?} already", taken.name);
                    return Err(Error::new(ErrorKind::AlreadyExists, message));
                }
                if !column.nullable {
                    let message = format!("column {:?} must be nullable: rows exist without it", column.name);
                    return Err(Error::invalid(message));
                }
                stored.columns.push(column.with_id(stored.next_column_id));
                stored.next_column_id += 1;
            }
            TableChange::RenameColumn { from, to } => {
                if from == TIME_COLUMN {
                    return Err(Error::invalid("column \"time\" cannot be renamed"));
                }
                self.check_free_of_attributes(from, "renamed")?;
                if to == ATTRIBUTES_COLUMN {
                    // segments say which attributes they have, and not of which column that is
                    let message = format!("no column can be renamed to {to:?}: add one of that name");
                    return Err(Error::invalid(message));
                }
                if self.column(to).is_some() {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists,
                        format!("column {to:?} exists already"),
                    ));
                }
                stored.columns[self.position(from)?].name.clone_from(to);
            }
            TableChange::DropColumn { name } => {
                let position = self.position(name)?;
                let id = stored.columns[position].id;
                if name == TIME_COLUMN || stored.sort.contains(&id) {
                    let why =
                        if name == TIME_COLUMN { "every table needs it" } else { "the sort key needs it" };
                    return Err(Error::invalid(format!("column {name:?} cannot be dropped: {why}")));
                }
                self.check_free_of_attributes(name, "dropped")?;
                stored.columns.remove(position);
                stored.bloom.retain(|bloom| *bloom != id);
            }
            TableChange::RenameTable { .. } => {}
        }
        Self::build(stored)
    }

    /// The map of attributes stays while columns are filled from it: some of its entries lie in them.
    fn check_free_of_attributes(&self, name: &str, change: &str) -> Result<()> {
        let filled = self.columns().iter().find(|column| column.from_attribute.is_some());
        match filled.filter(|_| name == ATTRIBUTES_COLUMN) {
            Some(filled) => Err(Error::invalid(format!(
                "column {name:?} cannot be {change}: column {:?} is filled from it",
                filled.name
            ))),
            None => Ok(()),
        }
    }

    /// Puts the options of the table together again, with the present names of its columns.
    pub(crate) fn options(
        &self,
        retention: Option<Duration>,
        promote_attributes: bool,
        properties: BTreeMap<String, String>,
    ) -> TableOptions {
        let names = |ids: &[u32]| {
            ids.iter().filter_map(|id| self.column_by_id(*id)).map(|column| column.name.clone()).collect()
        };
        TableOptions {
            sort: names(self.sort_key()),
            partition: self.partitioning(),
            bloom: names(self.bloom_columns()),
            retention,
            promote_attributes,
            properties,
        }
    }
}

impl NewColumn {
    fn with_id(&self, id: u32) -> Column {
        Column {
            id,
            name: self.name.clone(),
            ty: self.ty.clone(),
            nullable: self.nullable,
            from_attribute: self.from_attribute.clone(),
        }
    }
}
