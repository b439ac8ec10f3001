//! Merge: keeps the number of segments in a partition bounded.
//!
//! Every flush adds a segment to each partition that it touches. When more than [`SMALL_SEGMENTS_MAX`] small ones lie
//! in a partition they become one, so a partition never has more than that number beside segments of a good size.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch},
    compute::{cast, filter_record_batch},
    datatypes::Schema,
};

use crate::{
    commit::PartitionChange,
    deletion::DeletionVector,
    error::{Error, Result},
    flush,
    manifest::TableRecord,
    schema::TableSchema,
    segment::{self, SegmentMeta, SegmentReader},
    storage::Core,
};

/// Most small segments in a partition once a flush has returned.
pub(crate) const SMALL_SEGMENTS_MAX: usize = 16;
/// A segment with fewer rows is small,
const SMALL_ROWS_MAX: u64 = 64 * 1024;
/// unless it has this many bytes before compression: then reading it is worth a file of its own.
const SMALL_RAW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Merges where there are too many small segments. A failure leaves things as they are, until the next flush.
pub(crate) async fn tidy(core: &Arc<Core>, table: u64, partitions: &[String]) {
    for partition in partitions {
        if let Err(error) = merge_partition(core, table, partition).await {
            tracing::warn!(%error, table, partition, "merge failed, small segments stay");
        }
    }
}

async fn merge_partition(core: &Arc<Core>, table: u64, partition: &str) -> Result<()> {
    // 1. what is there now, while no deletion goes by the numbers of its rows; the next flush comes back
    let Ok(_ours_to_rewrite) = core.rewrites.try_lock() else { return Ok(()) };
    let state = core.state();
    let Some(record) = state.root().table_by_id(table) else { return Ok(()) };
    let Some(entry) = record.partition(partition) else { return Ok(()) };
    let list = core.reading.manifest.day_list(table, entry).await?;
    let small: Vec<Arc<SegmentMeta>> =
        list.segments.iter().filter(|segment| is_small(segment)).cloned().collect();
    if small.len() <= SMALL_SEGMENTS_MAX {
        return Ok(());
    }
    // 2. write one segment in their place; nothing names it yet
    let merged = merge_segments(core, record, &small).await?;
    // 3. one version of the manifest exchanges them
    let removed: BTreeSet<String> = small.iter().map(|segment| segment.id.clone()).collect();
    let mut commit = core.begin().await?;
    let change = PartitionChange { added: merged, removed, ..PartitionChange::default() };
    commit.change_partition(table, partition, change).await?;
    commit.finish(Vec::new()).await.map(drop)
}

/// Says whether a segment counts towards the bound.
pub(crate) fn is_small(segment: &SegmentMeta) -> bool {
    segment.rows < SMALL_ROWS_MAX && segment.raw_bytes < SMALL_RAW_BYTES_MAX
}

/// Writes the rows of small segments of one partition, oldest first, as new segments. Memory: at most
/// `SMALL_RAW_BYTES_MAX` a segment before its text is laid out for Arrow.
pub(crate) async fn merge_segments(
    core: &Arc<Core>,
    table: &Arc<TableRecord>,
    segments: &[Arc<SegmentMeta>],
) -> Result<Vec<Arc<SegmentMeta>>> {
    let mut batches = Vec::new();
    for meta in segments {
        let reader = segment::open(&core.reading.store, &core.reading.footers, meta).await?;
        let deletions = core.reading.deletions(meta).await?;
        for row_group in 0..reader.row_groups() {
            let batch = read_batch(&reader, row_group, &table.schema).await?;
            batches.push(match &deletions {
                Some(deletions) => without(batch, deletions, reader.row_group_start(row_group))?,
                None => batch,
            });
        }
    }
    let encoded = flush::encode_blocking(core, table, batches).await?;
    flush::store_segments(core, encoded).await
}

/// The rows of a row group that are not deleted.
fn without(batch: RecordBatch, deletions: &DeletionVector, start: u32) -> Result<RecordBatch> {
    match deletions.live(start..start + batch.num_rows() as u32) {
        Some(live) => filter_record_batch(&batch, &BooleanArray::new(live, None))
            .map_err(|error| Error::internal("cannot leave out deleted rows").with_source(error)),
        None => Ok(batch),
    }
}

/// Reads a row group as a narrow batch, in the types in which rows are kept.
async fn read_batch(reader: &SegmentReader, row_group: usize, schema: &TableSchema) -> Result<RecordBatch> {
    let present: Vec<u32> =
        reader.meta().columns.iter().copied().filter(|id| schema.column_by_id(*id).is_some()).collect();
    let arrays = reader.read_columns(row_group, &present).await?;
    let mut fields = Vec::with_capacity(present.len());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(present.len());
    let failed = |error| Error::internal("a segment does not fit its table").with_source(error);
    for (id, array) in present.iter().zip(arrays) {
        let (Some(index), Some(array)) = (schema.index_of(*id), array) else { continue };
        let field = &schema.arrow().fields()[index];
        columns.push(cast(&array, field.data_type()).map_err(failed)?);
        fields.push(Arc::clone(field));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(failed)
}
