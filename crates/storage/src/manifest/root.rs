//! The root: all tables of one version of the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    id_filter::IdFilter,
    index::Filtered,
    objects::NamedObject,
    partition::TimeRange,
    schema::{TableOptions, TableSchema},
};

/// One version of the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Root {
    pub(crate) version: u64,
    /// Which database it is: an id that comes with the first version and stays, in backups, too.
    pub(crate) database: String,
    /// Counts the writers: one that opens the database takes the next number.
    pub(crate) writer_epoch: u64,
    /// When the version was made, in nanoseconds since 1970: the version before it was replaced then.
    pub(crate) created_at: i64,
    /// The id of the writer, in a bucket: no other writer makes the same root, so one that is there already and has the same
    /// bytes is his.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writer: Option<String>,
    /// The id of the log directory, where the log lies beside a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
    pub(crate) next_table_id: u64,
    /// Position in the log up to which no row of any table is needed any more: replay begins behind it.
    pub(crate) log_flushed: u64,
    #[serde(with = "shared_list")]
    pub(crate) tables: Vec<Arc<TableRecord>>,
    /// Texts of the layers above, such as views: by kind, then by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) definitions: BTreeMap<String, BTreeMap<String, String>>,
    /// Objects of the layers above, such as baselines: by kind, then by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) objects: BTreeMap<String, BTreeMap<String, NamedObject>>,
    /// In a backup: the version of the database that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup_of: Option<u64>,
    /// Rows that lay in the log alone when the backup was made, as long as they lie in no segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_copy: Option<LogCopy>,
}

/// A piece of a log that lies in objects: it comes before what the log has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogCopy {
    /// The epoch in the headers of its files; their sequence counts from 1.
    pub(crate) epoch: u64,
    /// The last position in it.
    pub(crate) last: u64,
    /// Its files, in order.
    pub(crate) files: Vec<NamedObject>,
}

/// One table of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableRecord {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(with = "shared")]
    pub(crate) schema: Arc<TableSchema>,
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<Duration>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) promote_attributes: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) properties: BTreeMap<String, String>,
    /// What queries filter by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) filtered: BTreeSet<Filtered>,
    /// Position in the log up to which all rows of the table lie in segments.
    pub(crate) flushed: u64,
    /// Ordered by key, which is the order of time.
    pub(crate) partitions: Vec<PartitionEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) id_filters: Vec<IdFilter>,
}

/// One partition of a table: what planning needs before its day list is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// The day (`2026-08-01`) or month (`2026-08`), UTC.
    pub key: String,
    /// The id of the day list.
    pub list: String,
    /// The day list with which segments came last, where that is an older one: since then some have lost rows or gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Rows in all segments, without those that are deleted.
    pub rows: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Number of segments.
    pub segments: u64,
    /// Earliest time, in nanoseconds since 1970.
    pub min_time: i64,
    /// Latest time, in nanoseconds since 1970.
    pub max_time: i64,
}

impl PartitionEntry {
    /// The id of the day list with which segments came last: every later list with this origin has some of its segments.
    pub fn origin(&self) -> &str {
        self.origin.as_ref().unwrap_or(&self.list)
    }

    /// The times that the partition holds.
    pub fn time_range(&self) -> TimeRange {
        TimeRange::new(self.min_time, self.max_time)
    }
}

impl Root {
    /// The version before the first: nothing.
    pub(crate) fn empty() -> Self {
        Self {
            version: 0,
            database: String::new(),
            writer_epoch: 0,
            created_at: 0,
            writer: None,
            log: None,
            next_table_id: 1,
            log_flushed: 0,
            tables: Vec::new(),
            definitions: BTreeMap::new(),
            objects: BTreeMap::new(),
            backup_of: None,
            log_copy: None,
        }
    }

    /// All objects that the root names itself.
    pub(crate) fn named_objects(&self) -> impl Iterator<Item = &NamedObject> {
        let named = self.objects.values().flat_map(|of_kind| of_kind.values());
        named.chain(self.log_copy.iter().flat_map(|copy| &copy.files))
    }

    pub(crate) fn table(&self, name: &str) -> Option<&Arc<TableRecord>> {
        self.tables.iter().find(|table| table.name == name)
    }

    pub(crate) fn table_by_id(&self, id: u64) -> Option<&Arc<TableRecord>> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// The highest position that any table has passed; the log goes on behind it.
    pub(crate) fn flushed_max(&self) -> u64 {
        self.tables.iter().map(|table| table.flushed).fold(self.log_flushed, u64::max)
    }

    /// Finds a table in order to change it in this copy of the root.
    pub(crate) fn table_mut(&mut self, id: u64) -> Option<&mut TableRecord> {
        self.tables.iter_mut().find(|table| table.id == id).map(Arc::make_mut)
    }
}

impl TableRecord {
    pub(crate) fn options(&self) -> TableOptions {
        self.schema.options(self.retention, self.promote_attributes, self.properties.clone())
    }

    pub(crate) fn partition(&self, key: &str) -> Option<&PartitionEntry> {
        let found = self.partitions.binary_search_by(|entry| entry.key.as_str().cmp(key));
        found.ok().map(|index| &self.partitions[index])
    }

    /// Puts a partition in the place of the one with its key.
    pub(crate) fn set_partition(&mut self, entry: PartitionEntry) {
        match self.partitions.binary_search_by(|before| before.key.cmp(&entry.key)) {
            Ok(index) => self.partitions[index] = entry,
            Err(index) => self.partitions.insert(index, entry),
        }
    }
}

/// Writes what an `Arc` holds.
mod shared {
    use super::{Arc, Deserialize, Serialize};

    pub(super) fn serialize<T: Serialize, S: serde::Serializer>(
        value: &Arc<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// Writes a list of what `Arc`s hold.
mod shared_list {
    use super::{Arc, Deserialize, Serialize};

    pub(super) fn serialize<T: Serialize, S: serde::Serializer>(
        list: &[Arc<T>],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(Arc::as_ref))
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Arc<T>>, D::Error> {
        Ok(Vec::<T>::deserialize(from)?.into_iter().map(Arc::new).collect())
    }
}
