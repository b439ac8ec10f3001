//! Flush: rows go from memory into segments.
//!
//! One task does it, so that two flushes never meet. It wakes when memory is full, when the oldest row of a table has
//! waited long enough, and when somebody asks.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};

use crate::{
    attributes,
    commit::{Commit, PartitionChange},
    error::{Error, Result},
    manifest::TableRecord,
    merge,
    partition::PartitionKey,
    segment::{self, EncodedSegment, SegmentMeta},
    state::{Frozen, State},
    storage::{Core, Storage},
    wal::{LogLayout, Position},
};

/// Requests that wait for the flush task; further ones wait for room, and hints are dropped.
pub(crate) const QUEUE_MAX: usize = 64;
/// A table holding less than this share of all rows in memory is not flushed for size: it waits for its age.
const SHARE_MIN: usize = 16;
/// How often ages are looked at, as a share of the age limit.
const AGE_CHECKS: u32 = 8;

/// What a flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// Tables that had rows in memory.
    pub tables: u64,
    /// Rows that went into segments.
    pub rows: u64,
    /// Segments written.
    pub segments: u64,
    /// Bytes of these segments.
    pub bytes: u64,
    /// The version of the manifest afterwards.
    pub version: u64,
}

/// What the flush task is asked to do.
#[derive(Debug)]
pub(crate) enum Message {
    /// Memory may be full: look, and flush the large tables.
    Full,
    /// Flush a table, or all.
    Flush { table: Option<u64>, reply: oneshot::Sender<Result<FlushReport>> },
    /// Segments were added behind the back of the flush: keep their number bounded.
    Merge { table: u64, partitions: Vec<String> },
    /// Flush everything and end.
    Stop { reply: oneshot::Sender<Result<FlushReport>> },
}

/// The task that flushes. It does not keep the storage open: when the last handle goes, it ends.
pub(crate) struct Flusher {
    core: Weak<Core>,
    messages: mpsc::Receiver<Message>,
    flush_age: Duration,
}

impl Storage {
    /// Moves the rows of one table, or of all, from memory into segments, and returns when that is durable.
    ///
    /// # Errors
    /// `NotFound` for an unknown table, `ResourceExhausted` for a full disk, `Closed` after [`close`](Self::close).
    /// After an error the rows are still in memory and in the log.
    pub async fn flush(&self, table: Option<&str>) -> Result<FlushReport> {
        self.core.check_writable()?;
        let table = table.map(|name| self.core.state().table(name).map(|table| table.id())).transpose()?;
        self.core.ask_flusher(|reply| Message::Flush { table, reply }).await
    }
}

impl Flusher {
    pub(crate) fn new(core: &Arc<Core>, messages: mpsc::Receiver<Message>) -> Self {
        Self { core: Arc::downgrade(core), messages, flush_age: core.options.flush_age }
    }

    /// Works until the storage is closed or dropped.
    pub(crate) async fn run(mut self) {
        let mut ages = tokio::time::interval((self.flush_age / AGE_CHECKS).max(Duration::from_millis(10)));
        ages.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                message = self.messages.recv() => message,
                _ = ages.tick() => {
                    let Some(core) = self.core.upgrade() else { return };
                    background(&core, core.aged_tables()).await;
                    continue;
                }
            };
            let (Some(message), Some(core)) = (message, self.core.upgrade()) else { return };
            match message {
                Message::Full => background(&core, core.large_tables()).await,
                Message::Flush { table, reply } => {
                    let tables = table.map_or_else(|| core.all_tables(), |table| vec![table]);
                    reply.send(flush_tables(&core, &tables).await).ok();
                }
                Message::Merge { table, partitions } => merge::tidy(&core, table, &partitions).await,
                Message::Stop { reply } => {
                    let flushed = flush_tables(&core, &core.all_tables()).await;
                    drop(core);
                    reply.send(flushed).ok();
                    return;
                }
            }
        }
    }
}

/// Flushes without a caller. A failure is kept for those who wait for room, and tried again at the next occasion.
async fn background(core: &Arc<Core>, tables: Vec<u64>) {
    if tables.is_empty() {
        core.flushed.notify_waiters();
        return;
    }
    if let Err(error) = flush_tables(core, &tables).await {
        tracing::warn!(%error, "flush failed, its rows stay in memory and in the log");
    }
}

/// Moves all rows that are in memory now from some tables into segments: the flush protocol.
pub(crate) async fn flush_tables(core: &Arc<Core>, tables: &[u64]) -> Result<FlushReport> {
    let started_ns = core.clock.monotonic_ns();
    let flushed = protocol(core, tables).await;
    if flushed.as_ref().is_ok_and(|(report, _)| report.tables > 0) {
        core.flushes.record(core.clock.monotonic_ns().saturating_sub(started_ns));
    }
    core.set_flush_error(flushed.as_ref().err().cloned());
    core.flushed.notify_waiters();
    let (report, touched) = flushed?;
    for (table, partitions) in touched {
        merge::tidy(core, table, &partitions).await;
    }
    let version = core.state().root().version;
    Ok(FlushReport { version, ..report })
}

type Touched = Vec<(u64, Vec<String>)>;

async fn protocol(core: &Arc<Core>, tables: &[u64]) -> Result<(FlushReport, Touched)> {
    core.check_poison()?;
    let _unnamed = core.keep_unnamed();
    // 1. set the rows apart: later appends go to new memtables
    let frozen = core.publish(|state| state.frozen(tables));
    let mut report = FlushReport::default();
    if frozen.is_empty() {
        return Ok((report, Vec::new()));
    }
    // 2. attributes that have become common get columns. Then the commit begins here: ids of columns that segments
    //    are written with must be nobody else's
    let commit = promotions(core, &frozen).await?;
    // 3. write and sync the segments; nothing names them yet
    let mut written: Vec<(u64, Vec<Arc<SegmentMeta>>)> = Vec::new();
    for table in &frozen {
        let changed = commit.as_ref().and_then(|commit| commit.root.table_by_id(table.table.id()));
        let segments = write_segments(core, table, changed.unwrap_or(table.table.record())).await?;
        report.tables += 1;
        report.rows += segments.iter().map(|segment| segment.rows).sum::<u64>();
        report.segments += segments.len() as u64;
        report.bytes += segments.iter().map(|segment| segment.bytes).sum::<u64>();
        written.push((table.table.id(), segments));
    }
    // 4. one new version of the manifest names them and moves the flushed positions; with it the rows leave memory
    let mut commit = match commit {
        Some(commit) => commit,
        None => core.begin().await?,
    };
    let mut touched = Vec::new();
    for (table, segments) in written {
        let mut partitions = Vec::new();
        for segment in segments {
            partitions.push(segment.partition.clone());
            let partition = segment.partition.clone();
            commit.change_partition(table, &partition, PartitionChange::add(vec![segment])).await?;
        }
        touched.push((table, partitions));
    }
    commit.finish(frozen).await?;
    // 5. the log needs no frame that every table has passed
    core.trim_log().await;
    Ok((report, touched))
}

/// Begins a commit with columns for the attributes that are common in what is flushed; `None` where there are none.
async fn promotions(core: &Arc<Core>, frozen: &[Frozen]) -> Result<Option<Commit>> {
    let mut common = Vec::new();
    for table in frozen.iter().filter(|frozen| frozen.table.options().promote_attributes) {
        let schema = Arc::clone(table.table.schema());
        let attributes = attributes::attributes_column(&schema).map(|column| column.id);
        let Some(attributes) = attributes.filter(|_| core.options.promote_attributes) else { continue };
        let batches = table.batches();
        let task = core.work.start(move || {
            let candidates = attributes::census(&batches, attributes);
            attributes::promoted(&schema, &candidates).map(|changed| changed.map(|_| candidates))
        });
        let counted =
            task.await.unwrap_or_else(|error| Err(Error::internal("the census stopped").with_source(error)));
        common.extend(counted?.map(|candidates| (table.table.id(), candidates)));
    }
    if common.is_empty() {
        return Ok(None);
    }
    let mut commit = core.begin().await?;
    for (table, candidates) in common {
        // the schema may have changed since, and the table may be gone
        if let Some(record) = commit.root.table_mut(table)
            && let Some(schema) = attributes::promoted(&record.schema, &candidates)?
        {
            for column in &schema.columns()[record.schema.columns().len()..] {
                let key = column.from_attribute.as_deref();
                tracing::info!(table = record.name, column = column.name, key, "attribute promoted");
            }
            record.schema = Arc::new(schema);
        }
    }
    Ok(Some(commit))
}

/// Writes the rows of one table: one segment a partition.
async fn write_segments(
    core: &Arc<Core>,
    frozen: &Frozen,
    record: &Arc<TableRecord>,
) -> Result<Vec<Arc<SegmentMeta>>> {
    let encoded = encode_blocking(core, record, frozen.batches()).await?;
    store_segments(core, encoded).await
}

/// Sorts and encodes rows off the threads that serve callers.
pub(crate) async fn encode_blocking(
    core: &Arc<Core>,
    table: &Arc<TableRecord>,
    batches: Vec<arrow::array::RecordBatch>,
) -> Result<Vec<EncodedSegment>> {
    let (work, core, table) = (core.work, Arc::clone(core), Arc::clone(table));
    let task = work.start(move || encode(&core, &table, batches));
    task.await.unwrap_or_else(|error| Err(Error::internal("the encoder stopped").with_source(error)))
}

fn encode(
    core: &Core,
    table: &TableRecord,
    batches: Vec<arrow::array::RecordBatch>,
) -> Result<Vec<EncodedSegment>> {
    let schema = &table.schema;
    let (batches, note) = attributes::settle(schema, batches)?;
    let rows = crate::order::Ordered::new(schema, batches)?;
    let segment = |(key, range): &(PartitionKey, std::ops::Range<usize>)| {
        let name = segment::Name {
            table: &table.name,
            partition: &key.name(schema.partitioning()),
            id: core.ids.next_id(),
            created_at: core.clock.now_ns(),
        };
        segment::encode(schema, &rows, range.clone(), note.as_ref(), name)
    };
    rows.partitions().iter().map(segment).collect()
}

/// Stores segments; each is durable before the next begins.
pub(crate) async fn store_segments(
    core: &Core,
    encoded: Vec<EncodedSegment>,
) -> Result<Vec<Arc<SegmentMeta>>> {
    let mut stored = Vec::with_capacity(encoded.len());
    for EncodedSegment { meta, bytes } in encoded {
        core.reading.put_segment(&meta.path, bytes).await?;
        stored.push(Arc::new(meta));
    }
    Ok(stored)
}

impl Core {
    /// Sends a request to the flush task and waits for its answer.
    pub(crate) async fn ask_flusher(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<FlushReport>>) -> Message,
    ) -> Result<FlushReport> {
        let (reply, answer) = oneshot::channel();
        self.flusher.send(message(reply)).await.map_err(|_| Error::closed())?;
        answer.await.unwrap_or_else(|_| Err(Error::closed()))
    }

    fn all_tables(&self) -> Vec<u64> {
        self.state().tables().map(|table| table.id()).collect()
    }

    /// The tables whose flush frees memory, largest first: none where memory is not full and no flush has failed.
    fn large_tables(&self) -> Vec<u64> {
        let state = self.state();
        let full = state.active_bytes() as u64 >= self.options.memtable_bytes.as_u64();
        if !full && !state.tables().any(|table| !table.frozen.is_empty()) {
            return Vec::new();
        }
        let mut sizes: Vec<(usize, u64)> =
            state.tables().map(|table| (table.memory_bytes(), table.id())).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let total: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        let mut taken = 0;
        let needed = |&(bytes, _): &(usize, u64)| {
            let take = taken * 2 < total || bytes * SHARE_MIN >= total;
            taken += bytes;
            take
        };
        sizes.into_iter().take_while(needed).map(|(_, id)| id).collect()
    }

    /// The tables whose oldest row in memory has waited for the age limit.
    fn aged_tables(&self) -> Vec<u64> {
        let now_ns = self.clock.monotonic_ns();
        let age_ns = u64::try_from(self.options.flush_age.as_nanos()).unwrap_or(u64::MAX);
        let aged = |state: &State| -> Vec<u64> {
            let old = |since: u64| now_ns.saturating_sub(since) >= age_ns;
            let tables = state.tables().filter(|table| {
                let memtables = table.frozen.iter().chain([&table.active]);
                memtables.filter_map(|memtable| memtable.oldest_ns()).any(old)
            });
            tables.map(|table| table.id()).collect()
        };
        aged(&self.state())
    }

    /// Removes the objects of the log when all of its rows lie in segments. An opening alone leaves one or two, which nobody else
    /// would remove.
    pub(crate) async fn clear_log_objects(self: &Arc<Self>) -> Result<()> {
        if self.wal()?.layout() == LogLayout::Files {
            return Ok(());
        }
        if self.state().root().log_flushed < self.state().last().0 {
            self.begin().await?.finish(Vec::new()).await?;
        }
        self.trim_log().await;
        Ok(())
    }

    /// Removes the log files that every table has passed. A failure costs space, no row: it is tried at the next flush.
    pub(crate) async fn trim_log(&self) {
        let passed = self.state().root().log_flushed;
        let Ok(wal) = self.wal() else { return };
        if let Err(error) = wal.remove_before(Position(passed + 1)).await {
            tracing::warn!(%error, "old log files stay");
        }
    }
}

#[cfg(test)]
mod tests;
