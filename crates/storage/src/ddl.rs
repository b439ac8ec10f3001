//! Tables come, change and go: each a commit of its own, durable before the call returns.
//!
//! Schema changes do not travel through the log. Log entries name tables and columns by ids that are never reused, so
//! an append that was checked against an older schema means the same after the change: what it names is still there
//! under another name, or gone on purpose (docs/decisions/0002-ddl-is-a-manifest-commit.md).

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::{Root, TableRecord},
    nearest, paths,
    schema::{TableChange, TableSchema, TableSpec},
    storage::Storage,
    wal::Position,
};

/// Most tables of a database: every one is named in every root.
const TABLES_MAX: usize = 4_096;

impl Storage {
    /// Creates a table.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, `Invalid` when the declaration breaks a rule.
    pub async fn create_table(&self, spec: TableSpec) -> Result<()> {
        self.core.check_writable()?;
        let record = new_record(spec)?;
        let mut commit = self.core.begin().await?;
        add(&mut commit.root, record, self.core.state().last())?;
        commit.finish(Vec::new()).await.map(drop)
    }

    /// Drops a table with all of its rows. Its segments leave the manifest; snapshots that hold them still read them.
    ///
    /// # Errors
    /// `NotFound` when there is no such table.
    pub async fn drop_table(&self, name: &str) -> Result<()> {
        self.core.check_writable()?;
        let mut commit = self.core.begin().await?;
        let id = find(&commit.root, name)?.id;
        commit.root.tables.retain(|table| table.id != id);
        commit.finish(Vec::new()).await.map(drop)
    }

    /// Changes a table. No row is rewritten.
    ///
    /// # Errors
    /// `NotFound` for an unknown table or column, `AlreadyExists` for a name that is taken, `Invalid` for a change that
    /// breaks a rule.
    pub async fn alter_table(&self, name: &str, change: TableChange) -> Result<()> {
        self.core.check_writable()?;
        let mut commit = self.core.begin().await?;
        let table = find(&commit.root, name)?;
        let (id, schema) = (table.id, table.schema.changed(&change)?);
        if let TableChange::RenameTable { to } = &change {
            paths::validate_table_name(to)?;
            free_name(&commit.root, to)?;
        }
        if let Some(table) = commit.root.table_mut(id) {
            table.id_filters.retain(|filter| schema.bloom_columns().contains(&filter.column));
            table.schema = Arc::new(schema);
            if let TableChange::RenameTable { to } = change {
                table.name = to;
            }
        }
        commit.finish(Vec::new()).await.map(drop)
    }
}

/// The record of a table that no root has yet: its id and position are those of nothing.
pub(crate) fn new_record(spec: TableSpec) -> Result<TableRecord> {
    let schema = Arc::new(TableSchema::from_spec(&spec)?);
    Ok(TableRecord {
        id: 0,
        name: spec.name,
        schema,
        retention: spec.options.retention,
        promote_attributes: spec.options.promote_attributes,
        properties: spec.options.properties,
        filtered: BTreeSet::new(),
        flushed: 0,
        partitions: Vec::new(),
        id_filters: Vec::new(),
    })
}

/// Puts a new table into a root: none of the log so far is about it. Returns its id.
pub(crate) fn add(root: &mut Root, record: TableRecord, last: Position) -> Result<u64> {
    free_name(root, &record.name)?;
    if root.tables.len() >= TABLES_MAX {
        let message = format!("a database has at most {TABLES_MAX} tables");
        return Err(Error::new(ErrorKind::ResourceExhausted, message));
    }
    let id = root.next_table_id;
    root.next_table_id += 1;
    root.tables.push(Arc::new(TableRecord { id, flushed: last.0, ..record }));
    Ok(id)
}

pub(crate) fn find<'a>(root: &'a Root, name: &str) -> Result<&'a Arc<TableRecord>> {
    root.table(name).ok_or_else(|| {
        let names = root.tables.iter().map(|table| table.name.as_str());
        Error::new(ErrorKind::NotFound, format!("no table {name:?}{}", nearest::hint(name, names)))
    })
}

pub(crate) fn free_name(root: &Root, name: &str) -> Result<()> {
    match root.table(name) {
        Some(_) => Err(Error::new(ErrorKind::AlreadyExists, format!("table {name:?} exists already"))),
        None => Ok(()),
    }
}
