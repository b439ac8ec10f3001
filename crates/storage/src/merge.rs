//! Merge: keeps the number of segments in a partition bounded.
//!
//! Every flush adds a segment to each partition that it touches. When more than [`SMALL_SEGMENTS_MAX`] small ones lie
//! in a partition they become one, so a partition never has more than that number beside segments of a good size.

use std::sync::{Arc, atomic::Ordering};

use crate::{compaction::Job, error::Result, segment::SegmentMeta, storage::Core};

/// Most small segments in a partition once a flush has returned, unless a deletion or a compaction was at work meanwhile.
pub(crate) const SMALL_SEGMENTS_MAX: usize = 16;
/// Small segments that are merged at the same time.
const MERGED_MAX: usize = 2 * SMALL_SEGMENTS_MAX;
/// A segment with fewer rows is small,
const SMALL_ROWS_MAX: u64 = 64 * 1024;
/// unless it has this many bytes before compression: then reading it is worth a file of its own.
const SMALL_RAW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Merges where there are too many small segments. A failure leaves things as they are, until the next flush.
pub(crate) async fn tidy(core: &Arc<Core>, table: u64, partitions: &[String]) {
    if core.stopped.load(Ordering::Relaxed) {
        return;
    }
    for partition in partitions {
        if let Err(error) = merge_partition(core, table, partition).await {
            tracing::warn!(%error, table, partition, "merge failed, small segments stay");
        }
    }
}

async fn merge_partition(core: &Arc<Core>, table: u64, partition: &str) -> Result<()> {
    // 1. what is there now, while nobody else rewrites it or goes by the numbers of its rows: then the next flush comes back
    let (Ok(_alone), Ok(turn)) = (core.compactions.try_lock(), core.rewrites.try_lock()) else {
        return Ok(());
    };
    let state = core.state();
    let Some(record) = state.root().table_by_id(table) else { return Ok(()) };
    let Some(entry) = record.partition(partition) else { return Ok(()) };
    let list = core.reading.manifest.day_list(table, entry).await?;
    let mut small: Vec<Arc<SegmentMeta>> =
        list.segments.iter().filter(|segment| is_small(segment)).cloned().collect();
    if small.len() <= SMALL_SEGMENTS_MAX {
        return Ok(());
    }
    small.truncate(MERGED_MAX);
    // 2. write one segment in their place; nothing names it yet
    let _unnamed = core.keep_unnamed();
    let merged = Job::new(core, record, small.clone()).run(false).await?;
    // 3. one version of the manifest exchanges them
    core.exchange(&turn, table, &small, merged).await.map(drop)
}

/// Says whether a segment counts towards the bound.
pub(crate) fn is_small(segment: &SegmentMeta) -> bool {
    segment.rows < SMALL_ROWS_MAX && segment.raw_bytes < SMALL_RAW_BYTES_MAX
}
