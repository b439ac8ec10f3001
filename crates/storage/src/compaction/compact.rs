//! Compaction on request.

use std::sync::Arc;

use super::{
    Job, Shares, contended,
    plan::{Policy, Reason, plan},
};
use crate::{
    error::Result,
    id_filter::{ID_FILTER_BYTES_MAX, Thoroughness, Which},
    manifest::{PartitionEntry, TableRecord},
    segment::SegmentMeta,
    state::State,
    storage::{Core, Storage},
};

/// How often the work on a partition is begun again that others change meanwhile.
pub(super) const ATTEMPTS_MAX: usize = 8;

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Partitions in which segments were exchanged.
    pub partitions: u64,
    /// Segments that were read, and are gone.
    pub segments_before: u64,
    /// Segments that were written in their place.
    pub segments_after: u64,
    /// Bytes of the segments that were read.
    pub bytes_before: u64,
    /// Bytes of the segments that were written.
    pub bytes_after: u64,
    /// Rows that were deleted before, and are gone for good.
    pub deleted_rows: u64,
    /// The version of the manifest afterwards.
    pub version: u64,
}

/// Which partitions are compacted; all of them by default.
pub struct CompactOptions<'a> {
    /// Says of a partition whether it is compacted.
    pub partitions: &'a (dyn Fn(&PartitionEntry) -> bool + Send + Sync),
    /// Told after each partition that was looked at: how many are done, and how many there are.
    pub progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl Default for CompactOptions<'_> {
    fn default() -> Self {
        Self { partitions: &|_| true, progress: &|_, _| {} }
    }
}

impl Storage {
    /// Brings the segments of a table to a good size, and makes its deletions physical. What is in memory is flushed first.
    ///
    /// # Errors
    /// `NotFound` for an unknown table; `Conflict` where others change the same segments again and again; those of a flush.
    /// Partitions that are done stay done.
    pub async fn compact(&self, table: &str, options: CompactOptions<'_>) -> Result<CompactReport> {
        self.flush(Some(table)).await?;
        let record = Arc::clone(self.core.state().table(table)?.record());
        let chosen: Vec<&PartitionEntry> =
            record.partitions.iter().filter(|entry| (options.partitions)(entry)).collect();
        let mut report = CompactReport::default();
        let all = chosen.len() as u64;
        for (done, entry) in (1..).zip(chosen) {
            self.core.check_writable()?;
            let _one_at_a_time = self.core.compactions.lock().await;
            self.core.compact_partition(record.id, &entry.key, Reason::Asked, &mut report).await?;
            (options.progress)(done, all);
        }
        {
            let _one_at_a_time = self.core.compactions.lock().await;
            let which = Which {
                is_settled: options.partitions,
                thoroughness: Thoroughness::All,
                bytes_max: ID_FILTER_BYTES_MAX,
            };
            self.core.cover_ids(record.id, &which).await?;
        }
        report.version = self.core.state().root().version;
        Ok(report)
    }
}

impl Core {
    /// Merges until the partition is in order. The caller holds the turn of compactions.
    pub(crate) async fn compact_partition(
        self: &Arc<Self>,
        table: u64,
        partition: &str,
        reason: Reason,
        report: &mut CompactReport,
    ) -> Result<()> {
        let in_background = reason != Reason::Asked;
        let mut failed = 0;
        let mut changed = false;
        // it ends: of small segments a merge leaves one at most, and of what is deleted nothing
        while let Some(Planned { record, old, _version }) = self.plan(table, partition, reason).await? {
            let _unnamed = self.keep_unnamed();
            let new = Job::new(self, &record, old.clone()).run(in_background).await?;
            let counted = counted(&old, &new);
            let turn = self.rewrites.lock().await;
            if self.exchange(&turn, table, &old, new).await? {
                changed = true;
                self.maintenance.compacted(&counted);
                report.add(counted);
                continue;
            }
            failed += 1;
            if failed == ATTEMPTS_MAX {
                return Err(contended(&record.name, partition));
            }
        }
        report.partitions += u64::from(changed);
        Ok(())
    }

    /// What is to be merged in a partition, as it is now.
    pub(super) async fn plan(&self, table: u64, partition: &str, reason: Reason) -> Result<Option<Planned>> {
        let state = self.state();
        let Some(record) = state.root().table_by_id(table) else { return Ok(None) };
        let Some(entry) = record.partition(partition) else { return Ok(None) };
        let list = self.reading.manifest.day_list(table, entry).await?;
        let policy = Policy {
            target_bytes: self.options.compaction_target.as_u64(),
            memory_bytes: Shares::of(self.options.compaction_memory).inputs,
            reason,
        };
        let planned = plan(&list.segments, &policy);
        let record = Arc::clone(record);
        Ok(planned.map(|old| Planned { record, old, _version: Arc::clone(&state) }))
    }
}

/// Segments that are to be merged.
pub(super) struct Planned {
    pub(super) record: Arc<TableRecord>,
    pub(super) old: Vec<Arc<SegmentMeta>>,
    /// Keeps them.
    pub(super) _version: Arc<State>,
}

pub(super) fn counted(old: &[Arc<SegmentMeta>], new: &[Arc<SegmentMeta>]) -> CompactReport {
    let bytes = |segments: &[Arc<SegmentMeta>]| segments.iter().map(|segment| segment.bytes).sum();
    CompactReport {
        segments_before: old.len() as u64,
        segments_after: new.len() as u64,
        bytes_before: bytes(old),
        bytes_after: bytes(new),
        deleted_rows: old.iter().map(|segment| segment.rows - segment.live_rows()).sum(),
        ..CompactReport::default()
    }
}

impl CompactReport {
    pub(super) fn add(&mut self, other: Self) {
        self.segments_before += other.segments_before;
        self.segments_after += other.segments_after;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
        self.deleted_rows += other.deleted_rows;
    }
}
