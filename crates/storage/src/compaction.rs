//! Compaction: small segments of a partition become large ones, and what is deleted of them goes for good.
//!
//! A [`plan`] says which segments; a [`Job`] merges them, in bounded memory, into segments that nothing names yet; a commit exchanges
//! them, if they are still what they were. So a crash at any point leaves the old ones, and a deletion that came between is never
//! undone: then the work is thrown away and planned again. One compaction runs at a time.

mod beside;
mod compact;
mod input;
mod memory;
mod merge;
mod output;
mod plan;
mod take;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{MutexGuard, oneshot};

use crate::{
    clock::Clock,
    commit::PartitionChange,
    error::{Error, ErrorKind, Result},
    ids::Ids,
    index::Filtered,
    manifest::TableRecord,
    schema::Column,
    segment::{Dictionaries, SegmentMeta},
    snapshot::Reading,
    storage::Core,
    work::Work,
};

pub use compact::{CompactOptions, CompactReport};
use input::Input;
use memory::Shares;
use merge::Merge;
use output::Output;
pub(crate) use plan::Reason;

/// How much lower the priority of background work is: the niceness of its thread.
const NICENESS: i32 = 10;

/// Segments of one partition that are to be merged.
pub(crate) struct Job {
    reading: Arc<Reading>,
    ids: Arc<Ids>,
    clock: Arc<dyn Clock>,
    work: Work,
    record: Arc<TableRecord>,
    /// What queries filter by.
    filtered: BTreeSet<Filtered>,
    segments: Vec<Arc<SegmentMeta>>,
    /// How large a segment is to become, in bytes.
    target_bytes: u64,
    memory: Shares,
    /// The database is closed.
    stopped: Arc<AtomicBool>,
    /// Nobody waits for the result any more.
    given_up: Arc<AtomicBool>,
}

/// Gives a job up when nobody waits for it any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Job {
    /// A merge of segments of one partition, the oldest first.
    pub(crate) fn new(core: &Core, record: &Arc<TableRecord>, segments: Vec<Arc<SegmentMeta>>) -> Self {
        Self {
            reading: Arc::clone(&core.reading),
            ids: Arc::clone(&core.ids),
            clock: Arc::clone(&core.clock),
            work: core.work,
            filtered: record.filtered.union(&core.reading.filters.often(record.id)).cloned().collect(),
            record: Arc::clone(record),
            segments,
            target_bytes: core.options.compaction_target.as_u64(),
            memory: Shares::of(core.options.compaction_memory),
            stopped: Arc::clone(&core.stopped),
            given_up: Arc::default(),
        }
    }

    /// Writes the new segments, on a thread of its own: it computes more than it waits. Nothing names them yet.
    pub(crate) async fn run(self, in_background: bool) -> Result<Vec<Arc<SegmentMeta>>> {
        if self.work == Work::Tasks {
            return self.merge().await;
        }
        let runtime = tokio::runtime::Handle::current();
        let (reply, answer) = oneshot::channel();
        let _waiting = Waiting(Arc::clone(&self.given_up));
        let work = move || {
            if in_background {
                lower_priority();
            }
            // fails only when nobody waits any more
            drop(reply.send(runtime.block_on(self.merge())));
        };
        std::thread::Builder::new()
            .name("driftline-compaction".to_owned())
            .spawn(work)
            .map_err(|source| Error::io("start a compaction thread", source))?;
        answer.await.unwrap_or_else(|error| Err(Error::internal("the compaction stopped").with_source(error)))
    }

    async fn merge(&self) -> Result<Vec<Arc<SegmentMeta>>> {
        let schema = &self.record.schema;
        let mut inputs = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            inputs.push(Input::open(&self.reading, segment, schema).await?);
        }
        let Some(first) = self.segments.first() else { return Ok(Vec::new()) };
        let present: BTreeSet<u32> = inputs.iter().flat_map(|input| input.columns(schema)).collect();
        let columns: Vec<&Column> =
            schema.columns().iter().filter(|column| present.contains(&column.id)).collect();
        let indices: Vec<usize> = columns.iter().filter_map(|column| schema.index_of(column.id)).collect();
        let file = schema.arrow().project(&indices).map(Arc::new);
        let file =
            file.map_err(|error| Error::internal("columns are not in their table").with_source(error))?;
        let mut dictionaries = Dictionaries::default();
        inputs.iter().for_each(|input| input.learn(&mut dictionaries));
        let mut output = Output::new(self, &first.partition, columns, dictionaries);
        let mut merge = Merge::begin(Arc::clone(schema), file, inputs).await?;
        while let Some(batch) = merge.next().await? {
            if self.stopped.load(Ordering::Relaxed) || self.given_up.load(Ordering::Relaxed) {
                return Err(Error::closed());
            }
            output.write(batch, || merge.note()).await?;
        }
        output.finish(merge.note().as_ref()).await
    }
}

impl Core {
    /// Puts segments in the place of others, unless these are no longer what they were: then it returns false. The caller holds
    /// the turn of those who rewrite, so that no deletion goes by the numbers of rows that move.
    pub(crate) async fn exchange(
        self: &Arc<Self>,
        _turn: &MutexGuard<'_, ()>,
        table: u64,
        old: &[Arc<SegmentMeta>],
        new: Vec<Arc<SegmentMeta>>,
    ) -> Result<bool> {
        let Some(partition) = old.first().map(|segment| segment.partition.as_str()) else { return Ok(true) };
        let mut commit = self.begin().await?;
        let Some(record) = commit.root.table_by_id(table) else { return Ok(false) };
        let Some(entry) = record.partition(partition) else { return Ok(false) };
        let list = match self.reading.manifest.day_list(table, entry).await {
            Ok(list) => list,
            Err(error) => return Err(self.judge_unreadable(commit.root.version, error).await),
        };
        let is_there = |segment: &Arc<SegmentMeta>| {
            list.segments.iter().any(|known| known.rows_id() == segment.rows_id())
        };
        if !old.iter().all(is_there) {
            return Ok(false);
        }
        let removed = old.iter().map(|segment| segment.id.clone()).collect();
        let change = PartitionChange { added: new, removed, ..PartitionChange::default() };
        commit.change_partition(table, partition, change).await?;
        commit.finish(Vec::new()).await?;
        Ok(true)
    }
}

/// The error of segments that were changed by others again and again.
fn contended(table: &str, partition: &str) -> Error {
    let message =
        format!("the segments of {table:?} in {partition} changed while they were compacted: try again");
    Error::new(ErrorKind::Conflict, message)
}

/// Lets everything else on the machine go first. On Linux alone: elsewhere the niceness is that of the process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "compaction runs at the usual priority");
    }
}

#[cfg(test)]
mod tests;
