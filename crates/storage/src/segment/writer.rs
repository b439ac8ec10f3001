//! Writes the ordered rows of one partition as one Parquet file in memory, with all checksums.

use std::{ops::Range, sync::Arc};

use arrow::datatypes::Schema;
use bytes::Bytes;
use parquet::{arrow::ArrowWriter, errors::ParquetError};

use super::{SegmentMeta, checksums::Checksums, layout};
use crate::{
    attributes::Note,
    error::{Error, Result},
    order::{Ordered, times},
    partition::TimeRange,
    paths,
    schema::TableSchema,
};

/// A segment that is not stored yet.
pub(crate) struct EncodedSegment {
    pub(crate) meta: SegmentMeta,
    pub(crate) bytes: Bytes,
}

/// What a segment is called.
pub(crate) struct Name<'a> {
    pub(crate) table: &'a str,
    pub(crate) partition: &'a str,
    pub(crate) id: String,
    pub(crate) created_at: i64,
}

/// Encodes a range of ordered rows, all of one partition.
pub(crate) fn encode(
    schema: &TableSchema,
    rows: &Ordered<'_>,
    range: Range<usize>,
    note: Option<&Note>,
    name: Name<'_>,
) -> Result<EncodedSegment> {
    let columns = rows.columns(range.clone());
    let groups = rows.row_groups(range.clone());
    let indices = columns.iter().filter_map(|column| schema.index_of(column.id));
    let fields: Vec<_> = indices.map(|index| Arc::clone(&schema.arrow().fields()[index])).collect();
    let file = Arc::new(Schema::new(fields));
    let rows_max = groups.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    let properties = layout::properties(schema, &file, rows_max)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), file, Some(properties)).map_err(failed)?;
    let mut time: Option<TimeRange> = None;
    for group in groups {
        let batch = rows.gather(group, &columns)?;
        let range = TimeRange::of(times(&batch, schema)?);
        time = time.into_iter().chain(range).reduce(TimeRange::union);
        writer.write(&batch).map_err(failed)?;
        writer.flush().map_err(failed)?;
    }
    let time = time.ok_or_else(|| Error::internal("a segment without rows"))?;
    writer.sync().map_err(|error| Error::internal("cannot encode a segment").with_source(error))?;
    let sums = Checksums::of(writer.inner(), writer.flushed_row_groups())?;
    let (row_groups, raw_bytes) = sizes(writer.flushed_row_groups());
    writer.append_key_value_metadata(sums.to_key_value()?);
    if let Some(note) = note {
        writer.append_key_value_metadata(note.to_key_value()?);
    }
    let tail_offset = writer.inner().len();
    let bytes = Bytes::from(writer.into_inner().map_err(failed)?);
    let meta = SegmentMeta {
        path: paths::segment(name.table, schema.partitioning(), name.partition, &name.id),
        id: name.id,
        partition: name.partition.to_owned(),
        rows: range.len() as u64,
        bytes: bytes.len() as u64,
        raw_bytes,
        min_time: time.start,
        max_time: time.end,
        row_groups,
        sort: schema.sort_key().to_vec(),
        columns: columns.iter().map(|column| column.id).collect(),
        tail_offset: tail_offset as u64,
        tail_crc32c: crc32c::crc32c(&bytes[tail_offset..]),
        file_crc32c: crc32c::crc32c(&bytes),
        created_at: name.created_at,
        deletions: None,
    };
    Ok(EncodedSegment { meta, bytes })
}

fn sizes(groups: &[parquet::file::metadata::RowGroupMetaData]) -> (u32, u64) {
    let raw: i64 = groups.iter().map(|group| group.total_byte_size()).sum();
    (groups.len() as u32, u64::try_from(raw).unwrap_or(0))
}

fn failed(error: ParquetError) -> Error {
    Error::internal("cannot encode a segment").with_source(error)
}
