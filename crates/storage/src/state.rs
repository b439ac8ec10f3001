//! What the database is at one moment: a manifest version and the rows in memory behind it.
//!
//! A state is immutable and published whole. Every change builds the next one from the last: a group of appends, a
//! freeze before a flush, a commit. So a snapshot is one pointer, it holds every acknowledged row at once, and the
//! step from memory to segments is never seen half done.

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::RecordBatch;

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::Root,
    memtable::Memtable,
    nearest,
    pins::Pin,
    snapshot::{Reading, TableSnapshot},
    wal::{CommittedGroup, Position},
};

/// One state of the database.
#[derive(Debug, Clone)]
pub(crate) struct State {
    root: Arc<Root>,
    /// The last log position whose rows are in this state.
    last: Position,
    tables: BTreeMap<u64, Arc<TableSnapshot>>,
    names: Arc<BTreeMap<String, u64>>,
    reading: Arc<Reading>,
    /// Keeps what the root names.
    version: Arc<Pin>,
}

/// The rows of one table that a flush has taken; nothing is added to them any more.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) table: Arc<TableSnapshot>,
    pub(crate) memtables: Vec<Arc<Memtable>>,
    /// All rows of the table up to this position are in `memtables` or in segments.
    pub(crate) position: Position,
}

impl Frozen {
    /// The rows, in the order of their commits.
    pub(crate) fn batches(&self) -> Vec<RecordBatch> {
        self.memtables.iter().flat_map(|memtable| memtable.batches().cloned()).collect()
    }
}

impl State {
    /// The state right after a root was read: nothing in memory.
    pub(crate) fn new(root: Arc<Root>, last: Position, reading: Arc<Reading>) -> Self {
        let version = Arc::new(reading.versions.pin(root.version as i64));
        let (tables, names) = (BTreeMap::new(), Arc::default());
        let empty = Self { root: Arc::clone(&root), last, tables, names, reading, version };
        empty.committed(root, &[])
    }

    pub(crate) fn root(&self) -> &Arc<Root> {
        &self.root
    }

    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    pub(crate) fn last(&self) -> Position {
        self.last
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableSnapshot>> {
        self.names.values().filter_map(|id| self.tables.get(id))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<TableSnapshot>> {
        self.names.get(name).and_then(|id| self.tables.get(id))
    }

    /// Finds a table or says which one may have been meant.
    pub(crate) fn table(&self, name: &str) -> Result<&Arc<TableSnapshot>> {
        self.find(name).ok_or_else(|| {
            let hint = nearest::hint(name, self.names.keys().map(String::as_str));
            Error::new(ErrorKind::NotFound, format!("no table {name:?}{hint}"))
        })
    }

    /// Bytes of rows that no flush has taken.
    pub(crate) fn active_bytes(&self) -> usize {
        self.tables.values().map(|table| table.active.bytes()).sum()
    }

    /// Bytes of all rows in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.tables.values().map(|table| table.memory_bytes()).sum()
    }

    /// The state after the log was read up to a position.
    pub(crate) fn reached(&self, last: Position) -> Self {
        Self { last: self.last.max(last), ..self.clone() }
    }

    /// The state after a group of appends. Rows of a table that is gone were appended before it went, and went with it.
    pub(crate) fn delivered(&self, group: CommittedGroup, now_ns: u64) -> Self {
        let mut next = self.clone();
        for committed in group.records {
            for entry in committed.record.entries {
                if let Some(table) = next.tables.get_mut(&entry.table_id) {
                    Arc::make_mut(&mut Arc::make_mut(table).active).insert(entry.batch, now_ns);
                }
            }
            next.last = next.last.max(committed.position);
        }
        next
    }

    /// The state in which the rows of some tables are set apart for a flush, and those rows.
    pub(crate) fn frozen(&self, ids: &[u64]) -> (Self, Vec<Frozen>) {
        let mut next = self.clone();
        let mut frozen = Vec::new();
        for id in ids {
            let Some(table) = next.tables.get_mut(id) else { continue };
            if !table.active.is_empty() {
                let table = Arc::make_mut(table);
                table.frozen.push(std::mem::take(&mut table.active));
            }
            if !table.frozen.is_empty() {
                frozen.push(Frozen {
                    table: Arc::clone(table),
                    memtables: table.frozen.clone(),
                    position: self.last,
                });
            }
        }
        (next, frozen)
    }

    /// The state after a commit: another root, and without the rows that it moved into segments.
    pub(crate) fn committed(&self, root: Arc<Root>, flushed: &[Frozen]) -> Self {
        let mut next = self.clone();
        next.tables.clear();
        next.version = Arc::new(self.reading.versions.pin(root.version as i64));
        let mut names = BTreeMap::new();
        for record in &root.tables {
            let before = self.tables.get(&record.id);
            let taken = flushed.iter().find(|frozen| frozen.table.id() == record.id);
            let taken = taken.map_or(0, |frozen| frozen.memtables.len());
            let (frozen, active) = match before {
                Some(table) => (table.frozen[taken..].to_vec(), Arc::clone(&table.active)),
                None => Default::default(),
            };
            let (reading, version) = (Arc::clone(&self.reading), Arc::clone(&next.version));
            let table = TableSnapshot::new(Arc::clone(record), frozen, active, reading, version);
            names.insert(record.name.clone(), record.id);
            next.tables.insert(record.id, Arc::new(table));
        }
        next.names = Arc::new(names);
        next.root = root;
        next
    }
}
