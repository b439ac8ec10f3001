//! Writes ordered rows of one partition as one Parquet file, a row group at a time, with all checksums.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use arrow::{array::RecordBatch, datatypes::Schema};
use bytes::Bytes;
use parquet::{arrow::ArrowWriter, errors::ParquetError};

use super::{Dictionaries, SegmentMeta, checksums::Checksums, format, layout};
use crate::{
    attributes::Note,
    error::{Error, Result},
    index::{Filtered, IndexBuilder},
    order::{Ordered, times},
    partition::TimeRange,
    paths,
    schema::{Column, TableSchema},
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
    let groups = rows.row_groups(range);
    let rows_max = groups.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    let mut writer = SegmentWriter::new(schema, &columns, rows_max, &Dictionaries::default(), name)?;
    let mut bytes = Vec::new();
    for group in groups {
        writer.write(&rows.gather(group, &columns)?)?;
        bytes.extend_from_slice(&writer.end_row_group()?);
    }
    let (meta, tail) = writer.finish(note)?;
    bytes.extend_from_slice(&tail);
    Ok(EncodedSegment { meta, bytes: bytes.into() })
}

/// A segment under way. What is done of it is taken out of memory with each row group.
pub(crate) struct SegmentWriter<'a> {
    schema: &'a TableSchema,
    name: Name<'a>,
    columns: Vec<u32>,
    writer: ArrowWriter<Vec<u8>>,
    sums: Checksums,
    file_crc32c: u32,
    /// Bytes that were taken.
    taken: u64,
    rows: u64,
    raw_bytes: u64,
    time: Option<TimeRange>,
    index: Option<IndexBuilder>,
}

impl<'a> SegmentWriter<'a> {
    /// Begins a segment with these columns, in the order of the schema, and row groups of at most so many rows.
    pub(crate) fn new(
        schema: &'a TableSchema,
        columns: &[&Column],
        row_group_rows: usize,
        dictionaries: &Dictionaries,
        name: Name<'a>,
    ) -> Result<Self> {
        let indices = columns.iter().filter_map(|column| schema.index_of(column.id));
        let fields: Vec<_> = indices.map(|index| Arc::clone(&schema.arrow().fields()[index])).collect();
        let file = Arc::new(Schema::new(fields));
        let properties = layout::properties(schema, &file, row_group_rows, dictionaries)?;
        Ok(Self {
            schema,
            writer: ArrowWriter::try_new(Vec::new(), file, Some(properties)).map_err(failed)?,
            name,
            columns: columns.iter().map(|column| column.id).collect(),
            sums: Checksums::default(),
            file_crc32c: 0,
            taken: 0,
            rows: 0,
            raw_bytes: 0,
            time: None,
            index: None,
        })
    }

    /// Gives the segment an index, which takes so many bytes of memory; of what queries filter by it keeps more values.
    pub(crate) fn with_index(mut self, filtered: &BTreeSet<Filtered>, bytes_max: u64) -> Self {
        self.index = Some(IndexBuilder::new(self.schema, filtered, bytes_max));
        self
    }

    /// Where the segment will lie.
    pub(crate) fn path(&self) -> String {
        let Name { table, partition, id, .. } = &self.name;
        paths::segment(table, self.schema.partitioning(), partition, id)
    }

    /// Bytes of the row groups that are done.
    pub(crate) fn bytes(&self) -> u64 {
        self.taken
    }

    /// Adds rows to the row group under way.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let range = TimeRange::of(times(batch, self.schema)?);
        self.time = self.time.into_iter().chain(range).reduce(TimeRange::union);
        self.rows += batch.num_rows() as u64;
        if let Some(index) = &mut self.index {
            index.add(batch)?;
        }
        self.writer.write(batch).map_err(failed)
    }

    /// Ends the row group under way and takes the bytes that are done.
    pub(crate) fn end_row_group(&mut self) -> Result<Bytes> {
        if let Some(index) = &mut self.index {
            index.keep_within_memory();
        }
        self.writer.flush().map_err(failed)?;
        self.writer.sync().map_err(|error| Error::internal("cannot encode a segment").with_source(error))?;
        let bytes = std::mem::take(self.writer.inner_mut());
        let groups = self.writer.flushed_row_groups();
        for group in &groups[self.sums.row_groups()..] {
            self.sums.add(self.taken, &bytes, group)?;
            self.raw_bytes += u64::try_from(group.total_byte_size()).unwrap_or(0);
        }
        Ok(self.take(bytes))
    }

    /// Writes the index, if there is to be one, and the footer. Returns what the day list says of the segment, and its last bytes.
    pub(crate) fn finish(mut self, note: Option<&Note>) -> Result<(SegmentMeta, Bytes)> {
        let time = self.time.ok_or_else(|| Error::internal("a segment without rows"))?;
        let path = self.path();
        let row_groups = self.writer.flushed_row_groups().len() as u32;
        self.writer.append_key_value_metadata(format::to_key_value());
        self.writer.append_key_value_metadata(self.sums.to_key_value()?);
        if let Some(note) = note {
            self.writer.append_key_value_metadata(note.to_key_value()?);
        }
        let index = self.index.take().map(|index| index.finish(self.taken)).transpose()?.flatten();
        let (index, index_note) = index.unzip();
        let index = index.unwrap_or_default();
        if let Some(note) = index_note {
            self.writer
                .write_all(&index)
                .map_err(|error| Error::internal("cannot write an index").with_source(error))?;
            self.writer.append_key_value_metadata(note.to_key_value()?);
        }
        let tail_offset = self.taken + index.len() as u64;
        let rest = self.writer.into_inner().map_err(failed)?;
        let file_crc32c = crc32c::crc32c_append(self.file_crc32c, &rest);
        let meta = SegmentMeta {
            path,
            id: self.name.id,
            partition: self.name.partition.to_owned(),
            rows: self.rows,
            bytes: self.taken + rest.len() as u64,
            raw_bytes: self.raw_bytes,
            min_time: time.start,
            max_time: time.end,
            row_groups,
            sort: self.schema.sort_key().to_vec(),
            columns: self.columns,
            tail_offset,
            tail_crc32c: crc32c::crc32c(&rest[index.len()..]),
            file_crc32c,
            created_at: self.name.created_at,
            deletions: None,
        };
        Ok((meta, Bytes::from(rest)))
    }

    fn take(&mut self, bytes: Vec<u8>) -> Bytes {
        self.file_crc32c = crc32c::crc32c_append(self.file_crc32c, &bytes);
        self.taken += bytes.len() as u64;
        Bytes::from(bytes)
    }
}

fn failed(error: ParquetError) -> Error {
    Error::internal("cannot encode a segment").with_source(error)
}
