//! Bulk load: rows that come in masses go straight into segments, past log and memory, and become visible in one commit.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::take_record_batch,
};

use crate::{
    commit::PartitionChange,
    compaction::Job,
    ddl,
    error::{Error, ErrorKind, Result},
    flush,
    manifest::Root,
    merge,
    order::times,
    partition::PartitionKey,
    pins::Pin,
    schema::{TableSchema, TableSpec, batch_bytes},
    segment::SegmentMeta,
    snapshot::TableSnapshot,
    storage::{Core, Storage},
};

/// What a bulk load did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Rows that were added.
    pub rows: u64,
    /// Segments that hold them.
    pub segments: u64,
    /// Bytes of these segments.
    pub bytes: u64,
    /// Partitions that they went to.
    pub partitions: u64,
    /// The version of the manifest that shows them.
    pub version: u64,
}

/// A bulk load under way: all of its rows become visible at [`commit`](Self::commit), or none.
///
/// Rows wait in memory by partition, at most `bulk_bytes` of them; the largest partitions are written when that is
/// reached. Dropping the load abandons it: what it wrote is named by no manifest.
#[derive(Debug)]
pub struct BulkLoad {
    core: Arc<Core>,
    table: Arc<TableSnapshot>,
    target: Target,
    waiting: BTreeMap<PartitionKey, Waiting>,
    waiting_bytes: usize,
    written: Vec<Arc<SegmentMeta>>,
    rows: u64,
    /// Keeps what is written and not named yet.
    _unnamed: Pin,
}

/// Where the rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A table that exists.
    Existing,
    /// A table that comes with its rows, in the same commit.
    New,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Storage {
    /// Starts a bulk load into a table.
    ///
    /// # Errors
    /// `NotFound` for an unknown table, `Closed` after [`close`](Self::close).
    pub fn bulk_load(&self, table: &str) -> Result<BulkLoad> {
        self.core.check_writable()?;
        let table = Arc::clone(self.core.state().table(table)?);
        Ok(BulkLoad::new(&self.core, table, Target::Existing))
    }

    /// Starts a bulk load into a table that is made by the commit of the load: whoever sees the table sees its rows, and
    /// an abandoned load leaves no table behind. A load without rows makes an empty table.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, here or at the commit; `Invalid` when the declaration breaks a rule;
    /// `Closed` after [`close`](Self::close).
    pub fn bulk_create(&self, spec: TableSpec) -> Result<BulkLoad> {
        self.core.check_writable()?;
        ddl::free_name(self.core.state().root(), &spec.name)?;
        let record = Arc::new(ddl::new_record(spec)?);
        let reading = Arc::clone(&self.core.reading);
        let version = Arc::new(reading.versions.pin(self.core.state().root().version as i64));
        let table = TableSnapshot::new(record, Vec::new(), Arc::default(), reading, version);
        Ok(BulkLoad::new(&self.core, Arc::new(table), Target::New))
    }
}

impl BulkLoad {
    fn new(core: &Arc<Core>, table: Arc<TableSnapshot>, target: Target) -> Self {
        Self {
            core: Arc::clone(core),
            table,
            target,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            written: Vec::new(),
            rows: 0,
            _unnamed: core.keep_unnamed(),
        }
    }

    /// The columns of the table.
    pub fn schema(&self) -> &Arc<TableSchema> {
        self.table.schema()
    }

    /// Takes rows. Writes segments when too many wait.
    ///
    /// # Errors
    /// As [`Storage::append`] for a batch that does not fit the table; then nothing of the batch is taken.
    /// `ResourceExhausted` for a full disk.
    pub async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.core.check_writable()?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = self.table.schema().conform(&batch).map_err(|error| {
            Error::new(error.kind(), format!("table {:?}: {}", self.table.name(), error.message()))
        })?;
        self.rows += batch.num_rows() as u64;
        for (key, part) in self.split(batch)? {
            let bytes = batch_bytes(&part);
            let waiting = self.waiting.entry(key).or_default();
            waiting.batches.push(part);
            waiting.bytes += bytes;
            self.waiting_bytes += bytes;
        }
        let bytes_max = usize::try_from(self.core.options.bulk_bytes.as_u64()).unwrap_or(usize::MAX);
        if self.waiting_bytes >= bytes_max {
            self.write_down_to(bytes_max / 2).await?;
        }
        Ok(())
    }

    /// The rows taken so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what waits and makes all rows visible in one version of the manifest.
    ///
    /// # Errors
    /// `NotFound` when the table was dropped meanwhile, `AlreadyExists` when another took the name of a new one; `Conflict`, `ResourceExhausted` and `Unavailable` as a flush.
    /// After an error none of the rows is visible.
    pub async fn commit(mut self) -> Result<LoadReport> {
        self.core.check_writable()?;
        // 1. the rest, and small pieces of one partition together
        self.write_down_to(0).await?;
        let segments = self.join_small().await?;
        if segments.is_empty() && self.target == Target::Existing {
            return Ok(LoadReport { version: self.core.state().root().version, ..LoadReport::default() });
        }
        // 2. one commit names all
        let mut by_partition: BTreeMap<String, Vec<Arc<SegmentMeta>>> = BTreeMap::new();
        for segment in &segments {
            by_partition.entry(segment.partition.clone()).or_default().push(Arc::clone(segment));
        }
        let partitions: Vec<String> = by_partition.keys().cloned().collect();
        let mut commit = self.core.begin().await?;
        let table = self.resolve(&mut commit.root)?;
        for (partition, segments) in by_partition {
            commit.change_partition(table, &partition, PartitionChange::add(segments)).await?;
        }
        let version = commit.finish(Vec::new()).await?;
        // 3. many loads in a row leave many small segments: the flush task bounds them
        let report = LoadReport {
            rows: self.rows,
            segments: segments.len() as u64,
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            partitions: partitions.len() as u64,
            version,
        };
        self.core.flusher.send(flush::Message::Merge { table, partitions }).await.ok();
        Ok(report)
    }

    /// Finds the table in the root that is to name its rows, or puts it there. Returns its id.
    fn resolve(&self, root: &mut Root) -> Result<u64> {
        let id = self.table.id();
        match self.target {
            Target::New => ddl::add(root, self.table.record().as_ref().clone(), self.core.state().last()),
            Target::Existing if root.table_by_id(id).is_some() => Ok(id),
            Target::Existing => {
                let message = format!("table {:?} was dropped during the load", self.table.name());
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    /// Splits a batch by partition.
    fn split(&self, batch: RecordBatch) -> Result<Vec<(PartitionKey, RecordBatch)>> {
        let partitioning = self.table.schema().partitioning();
        let keys: Vec<PartitionKey> = times(&batch, self.table.schema())?
            .iter()
            .map(|time| PartitionKey::of(*time, partitioning))
            .collect();
        if keys.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(keys.first().map(|key| (*key, batch)).into_iter().collect());
        }
        let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
        order.sort_by_key(|row| keys[*row as usize]);
        let part = |rows: &[u32]| {
            let part = take_record_batch(&batch, &UInt32Array::from(rows.to_vec()));
            let part = part.map_err(|error| Error::internal("cannot split a batch").with_source(error))?;
            Ok((keys[rows[0] as usize], part))
        };
        order.chunk_by(|a, b| keys[*a as usize] == keys[*b as usize]).map(part).collect()
    }

    /// Writes the largest partitions until no more than `bytes_max` wait.
    async fn write_down_to(&mut self, bytes_max: usize) -> Result<()> {
        let mut sizes: Vec<(usize, PartitionKey)> =
            self.waiting.iter().map(|(key, waiting)| (waiting.bytes, *key)).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut batches = Vec::new();
        for (bytes, key) in sizes {
            if self.waiting_bytes <= bytes_max {
                break;
            }
            if let Some(waiting) = self.waiting.remove(&key) {
                batches.extend(waiting.batches);
                self.waiting_bytes -= bytes;
            }
        }
        if batches.is_empty() {
            return Ok(());
        }
        let encoded = flush::encode_blocking(&self.core, self.table.record(), batches).await?;
        self.written.extend(flush::store_segments(&self.core, encoded).await?);
        Ok(())
    }

    /// Joins the small segments that this load wrote into one partition, as many at a time as a merge may read.
    async fn join_small(&mut self) -> Result<Vec<Arc<SegmentMeta>>> {
        let (small, mut segments): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.written).into_iter().partition(|segment| merge::is_small(segment));
        let mut by_partition: BTreeMap<String, Vec<Arc<SegmentMeta>>> = BTreeMap::new();
        for segment in small {
            by_partition.entry(segment.partition.clone()).or_default().push(segment);
        }
        for pieces in by_partition.into_values() {
            for group in pieces.chunks(merge::SMALL_SEGMENTS_MAX) {
                match group {
                    [one] => segments.push(Arc::clone(one)),
                    many => {
                        let job = Job::new(&self.core, self.table.record(), many.to_vec());
                        segments.extend(job.run(false).await?);
                    }
                }
            }
        }
        Ok(segments)
    }
}
