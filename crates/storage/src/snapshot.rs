//! Snapshots: what a query reads. Every acknowledged row, in memory or in a segment, and never a later one.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use arrow::array::RecordBatch;
use bytes::Bytes;
use bytesize::ByteSize;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};

use crate::{
    cache::Cache,
    deletion::{DeletionRef, DeletionVector},
    error::{Error, Result},
    id_filter,
    index::{FilterCounts, Filtered, SegmentIndex},
    manifest::{Manifest, PartitionEntry, Root, TableRecord},
    memtable::Memtable,
    options::StorageOptions,
    partition::TimeRange,
    paths,
    pins::{Pin, Pins},
    schema::{TableOptions, TableSchema},
    segment::{self, Footer, SegmentMeta, SegmentReader},
    state::State,
};

/// Day lists that are read at the same time for one query.
const DAY_LISTS_AT_ONCE: usize = 16;
/// Deletion vectors kept in memory.
const DELETION_CACHE_BYTES: usize = 32 << 20;
/// Headers of id filters kept in memory.
const ID_FILTER_CACHE_BYTES: usize = 16 << 20;

/// All tables at one moment. Cheap to make and to clone; it never changes.
#[derive(Debug, Clone)]
pub struct Snapshot {
    state: Arc<State>,
}

/// One table at one moment.
#[derive(Debug)]
pub struct TableSnapshot {
    record: Arc<TableRecord>,
    options: Arc<TableOptions>,
    /// Set apart for a flush that is not committed, oldest first.
    pub(crate) frozen: Vec<Arc<Memtable>>,
    /// Where appends go.
    pub(crate) active: Arc<Memtable>,
    reading: Arc<Reading>,
    /// Keeps what the version names.
    version: Arc<Pin>,
    /// The segments that are read, by what names their rows; `None` are all.
    only: Option<Arc<HashSet<String>>>,
    memory: OnceLock<Vec<RecordBatch>>,
}

/// What reading needs: the store and the caches of what was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The same, past a cache on the local disk.
    pub(crate) source: Arc<dyn ObjectStore>,
    pub(crate) manifest: Manifest,
    pub(crate) footers: Cache<Footer>,
    deletions: Cache<DeletionVector>,
    indexes: Cache<SegmentIndex>,
    pub(crate) id_filters: Cache<id_filter::Header>,
    /// What queries filter by.
    pub(crate) filters: FilterCounts,
    /// The versions that somebody reads.
    pub(crate) versions: Pins,
}

impl Reading {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, options: &StorageOptions) -> Self {
        let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Self {
            manifest: Manifest::new(Arc::clone(&store), bytes(options.day_list_cache_bytes)),
            footers: Cache::new(bytes(options.footer_cache_bytes)),
            deletions: Cache::new(DELETION_CACHE_BYTES),
            indexes: Cache::new(bytes(options.index_cache_bytes)),
            id_filters: Cache::new(ID_FILTER_CACHE_BYTES),
            filters: FilterCounts::default(),
            versions: Pins::default(),
            source: Arc::clone(&store),
            store,
        }
    }

    /// Reads segments through a cache on the local disk.
    pub(crate) fn with_cache(mut self, cached: Option<Arc<dyn ObjectStore>>) -> Self {
        self.store = cached.unwrap_or(self.store);
        self
    }

    /// Opens a segment; its footer is read once and then cached.
    pub(crate) async fn open_segment(&self, segment: &Arc<SegmentMeta>) -> Result<SegmentReader> {
        segment::open(&self.store, &self.footers, segment).await
    }

    /// Stores a segment; it is durable when the call returns.
    pub(crate) async fn put_segment(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.put(path, bytes).await
    }

    /// Stores the vectors of a deletion; they are durable when the call returns.
    pub(crate) async fn put_deletions(&self, id: &str, content: Bytes) -> Result<()> {
        self.put(&paths::deletions(id), content).await
    }

    /// Reads which rows of a segment are deleted; `None` where none are.
    pub(crate) async fn deletions(&self, segment: &SegmentMeta) -> Result<Option<Arc<DeletionVector>>> {
        let Some(found) = &segment.deletions else { return Ok(None) };
        let name = segment.rows_id();
        if let Some(vector) = self.deletions.get(&name) {
            return Ok(Some(vector));
        }
        let vector = Arc::new(Self::read_deletions(&self.store, found, segment.rows).await?);
        self.deletions.insert(&name, Arc::clone(&vector), vector.memory_size());
        Ok(Some(vector))
    }

    /// Reads from a store which of so many rows are deleted, past the vectors in memory.
    pub(crate) async fn read_deletions(
        store: &Arc<dyn ObjectStore>,
        found: &DeletionRef,
        rows: u64,
    ) -> Result<DeletionVector> {
        let path = found.path();
        let location = Path::from(path.as_str());
        match store.get_ranges(&location, &[found.range()]).await.map(|mut read| read.remove(0)) {
            Ok(bytes) => DeletionVector::read(found, rows, &bytes),
            Err(error) => Err(match store.head(&location).await {
                Err(object_store::Error::NotFound { .. }) => Error::corrupted(&path, "it is missing"),
                Ok(object) if object.size < found.range().end => {
                    let problem =
                        format_args!("it has {} bytes, {} are needed", object.size, found.range().end);
                    Error::corrupted(&path, problem)
                }
                _ => Error::object(format!("read {path}"), error),
            }),
        }
    }

    async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.store.put_opts(&Path::from(path), bytes.into(), options).await;
        put.map(drop).map_err(|error| Error::object(format!("write {path}"), error))
    }
}

impl Snapshot {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    pub(crate) fn root(&self) -> &Root {
        self.state.root()
    }

    pub(crate) fn reading(&self) -> &Reading {
        self.state.reading()
    }

    /// The version of the manifest.
    pub fn version(&self) -> u64 {
        self.state.root().version
    }

    /// All tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableSnapshot>> {
        self.state.tables()
    }

    /// The definitions of a kind: name and text, by name.
    pub fn definitions(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let of_kind = self.state.root().definitions.get(kind).into_iter().flatten();
        of_kind.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Finds a definition.
    pub fn definition(&self, kind: &str, name: &str) -> Option<&str> {
        self.state.root().definitions.get(kind)?.get(name).map(String::as_str)
    }

    /// Finds a table.
    pub fn table(&self, name: &str) -> Option<&Arc<TableSnapshot>> {
        self.state.find(name)
    }
}

impl TableSnapshot {
    pub(crate) fn new(
        record: Arc<TableRecord>,
        frozen: Vec<Arc<Memtable>>,
        active: Arc<Memtable>,
        reading: Arc<Reading>,
        version: Arc<Pin>,
    ) -> Self {
        let options = Arc::new(record.options());
        Self { record, options, frozen, active, reading, version, only: None, memory: OnceLock::new() }
    }

    /// The same moment of the table, without the rows that lie in no segment.
    #[must_use]
    pub fn without_memory(&self) -> Self {
        Self { frozen: Vec::new(), active: Arc::default(), ..self.clone() }
    }

    /// The same moment of the table, with the rows of these segments alone: by their [`rows_id`](SegmentMeta::rows_id).
    #[must_use]
    pub fn of_segments(&self, ids: impl IntoIterator<Item = String>) -> Self {
        let only = Some(Arc::new(ids.into_iter().collect()));
        Self { frozen: Vec::new(), active: Arc::default(), only, ..self.clone() }
    }

    /// The same moment of the table, with the rows of [`memory`](Self::memory) alone, but for the first `skip` of them.
    #[must_use]
    pub fn of_memory(&self, mut skip: usize) -> Self {
        let mut rest = |memtable: &Arc<Memtable>| {
            let skipped = skip.min(memtable.rows());
            skip -= skipped;
            match skipped {
                0 => Arc::clone(memtable),
                skipped => Arc::new(memtable.without_first(skipped)),
            }
        };
        let frozen = self.frozen.iter().map(&mut rest).collect();
        let active = rest(&self.active);
        Self { frozen, active, only: Some(Arc::default()), ..self.clone() }
    }

    /// Changes whenever rows go from memory into segments; as long as it stays, [`memory`](Self::memory) only grows at its end.
    pub fn memory_generation(&self) -> u64 {
        self.record.flushed
    }

    /// Counts a query that compares these columns and attributes with constants: from the third on the indexes of segments to come keep
    /// more of their values.
    pub fn count_filters(&self, filtered: impl IntoIterator<Item = Filtered>) {
        self.reading.filters.count(self.record.id, filtered);
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// The id, which no other table of this database ever has.
    pub fn id(&self) -> u64 {
        self.record.id
    }

    /// The columns, sort key and partitioning.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.record.schema
    }

    /// The options, with the present names of columns.
    pub fn options(&self) -> &TableOptions {
        &self.options
    }

    /// The partitions that have segments, in the order of time.
    pub fn partitions(&self) -> &[PartitionEntry] {
        &self.record.partitions
    }

    pub(crate) fn record(&self) -> &Arc<TableRecord> {
        &self.record
    }

    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Lists the segments that may hold rows of a time range: by partition, then in the order of their making. Reads
    /// only the day lists of partitions that the range touches.
    ///
    /// # Errors
    /// `Corrupted`, naming the day list; `Unavailable` where the store does not answer.
    pub async fn segments(&self, time: TimeRange) -> Result<Vec<Arc<SegmentMeta>>> {
        if self.only.as_ref().is_some_and(|only| only.is_empty()) {
            return Ok(Vec::new());
        }
        let touched = self.partitions().iter().filter(|entry| entry.time_range().overlaps(&time));
        let lists: Vec<_> = touched.map(|entry| self.reading.manifest.day_list(self.id(), entry)).collect();
        let mut lists = stream::iter(lists).buffered(DAY_LISTS_AT_ONCE);
        let mut found = Vec::new();
        let is_read = |segment: &SegmentMeta| {
            self.only.as_ref().is_none_or(|only| only.contains(segment.rows_id().as_ref()))
        };
        while let Some(list) = lists.try_next().await? {
            let overlapping = list.segments.iter().filter(|segment| segment.time_range().overlaps(&time));
            found.extend(overlapping.filter(|segment| is_read(segment)).cloned());
        }
        Ok(found)
    }

    /// The rows that lie in no segment yet, in the order of their commits. Batches are narrow: each has the columns
    /// that it was given, and a field's metadata carries the id of its column ([`column_id`](crate::column_id)). Its
    /// name may be an older one, and the column may be dropped by now.
    pub fn memory(&self) -> &[RecordBatch] {
        self.memory.get_or_init(|| {
            let memtables = self.frozen.iter().chain([&self.active]);
            memtables.flat_map(|memtable| memtable.batches().cloned()).collect()
        })
    }

    /// The number of rows in [`memory`](Self::memory).
    pub fn memory_rows(&self) -> usize {
        self.frozen.iter().chain([&self.active]).map(|memtable| memtable.rows()).sum()
    }

    /// The bytes of the rows in [`memory`](Self::memory).
    pub fn memory_bytes(&self) -> usize {
        self.frozen.iter().chain([&self.active]).map(|memtable| memtable.bytes()).sum()
    }

    /// Reads which rows of a segment are deleted; `None` where none are.
    ///
    /// # Errors
    /// As [`open_segment`](Self::open_segment).
    pub async fn deletions(&self, segment: &SegmentMeta) -> Result<Option<Arc<DeletionVector>>> {
        self.reading.deletions(segment).await
    }

    /// Reads the directory of the index of a segment; `None` where it has none. It is read once and then cached.
    ///
    /// # Errors
    /// As [`open_segment`](Self::open_segment).
    pub async fn index(&self, segment: &SegmentReader) -> Result<Option<Arc<SegmentIndex>>> {
        let indexes = &self.reading.indexes;
        if let Some(index) = indexes.get(&segment.meta().id) {
            return Ok(Some(index));
        }
        let Some(index) = segment.read_index().await?.map(Arc::new) else { return Ok(None) };
        indexes.insert(&segment.meta().id, Arc::clone(&index), index.memory_size());
        Ok(Some(index))
    }

    /// Whether the directory of the index of a segment lies in memory.
    pub fn holds_index(&self, segment: &SegmentReader) -> bool {
        self.reading.indexes.get(&segment.meta().id).is_some()
    }

    /// Opens a segment of this table; its footer is read once and then cached.
    ///
    /// # Errors
    /// `Corrupted`, naming the object; `Unavailable` where the store does not answer.
    pub async fn open_segment(&self, segment: &Arc<SegmentMeta>) -> Result<Arc<SegmentReader>> {
        self.reading.open_segment(segment).await.map(Arc::new)
    }

    /// Whether the version of this moment was removed since, and with it perhaps what it names. In the process that writes it is kept
    /// while this is.
    ///
    /// # Errors
    /// `Unavailable` where the store does not answer.
    pub async fn is_collected(&self) -> Result<bool> {
        let version = u64::try_from(self.version.number()).unwrap_or(0);
        Ok(!self.reading.manifest.exists(version).await?)
    }
}

/// A copy is on its way to become another state: the list of its batches is made anew.
impl Clone for TableSnapshot {
    fn clone(&self) -> Self {
        Self {
            record: Arc::clone(&self.record),
            options: Arc::clone(&self.options),
            frozen: self.frozen.clone(),
            active: Arc::clone(&self.active),
            reading: Arc::clone(&self.reading),
            version: Arc::clone(&self.version),
            only: self.only.clone(),
            memory: OnceLock::new(),
        }
    }
}
