//! Checksums of column chunks and bloom filters, kept in the key-value metadata of the file.

use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The key in the metadata of the file.
pub(crate) const KEY: &str = "driftline.crc32c";

/// CRC32C of every column chunk and bloom filter, by row group and leaf column.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checksums {
    pub(crate) chunks: Vec<Vec<u32>>,
    pub(crate) blooms: Vec<Vec<Option<u32>>>,
}

impl Checksums {
    /// The row groups that it covers.
    pub(crate) fn row_groups(&self) -> usize {
        self.chunks.len()
    }

    /// Adds the next row group, which lies in these bytes of the file.
    pub(crate) fn add(&mut self, offset: u64, bytes: &[u8], row_group: &RowGroupMetaData) -> Result<()> {
        let checksum = |start: u64, length: u64| checksum(bytes, start.checked_sub(offset), length);
        let chunks = row_group.columns().iter().map(|column| {
            let (start, length) = column.byte_range();
            checksum(start, length)
        });
        self.chunks.push(chunks.collect::<Result<_>>()?);
        let blooms = row_group
            .columns()
            .iter()
            .map(|column| bloom_range(column).map(|(start, length)| checksum(start, length)).transpose());
        self.blooms.push(blooms.collect::<Result<_>>()?);
        Ok(())
    }

    pub(crate) fn to_key_value(&self) -> Result<KeyValue> {
        let json = serde_json::to_string(self)
            .map_err(|error| Error::internal("cannot write the checksums of a segment").with_source(error))?;
        Ok(KeyValue::new(KEY.to_owned(), json))
    }

    /// Reads the checksums; they must fit the row groups and columns of the file.
    pub(crate) fn read(path: &str, metadata: &parquet::file::metadata::ParquetMetaData) -> Result<Self> {
        let found = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let json = found.filter(|pair| pair.key == KEY).find_map(|pair| pair.value.as_deref());
        let json = json.ok_or_else(|| Error::corrupted(path, "its checksums are missing"))?;
        let sums: Self = serde_json::from_str(json).map_err(|error| Error::corrupted(path, error))?;
        let groups = metadata.num_row_groups();
        let fits = sums.chunks.len() == groups
            && sums.blooms.len() == groups
            && metadata.row_groups().iter().zip(sums.chunks.iter().zip(&sums.blooms)).all(
                |(group, (chunks, blooms))| {
                    chunks.len() == group.num_columns() && blooms.len() == group.num_columns()
                },
            );
        if fits { Ok(sums) } else { Err(Error::corrupted(path, "its checksums do not fit its columns")) }
    }
}

/// Where the bloom filter of a column chunk lies.
pub(crate) fn bloom_range(column: &parquet::file::metadata::ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = u64::try_from(column.bloom_filter_offset()?).ok()?;
    let length = u64::try_from(column.bloom_filter_length()?).ok()?;
    Some((start, length))
}

fn checksum(bytes: &[u8], start: Option<u64>, length: u64) -> Result<u32> {
    let start = start.and_then(|start| usize::try_from(start).ok());
    let end = start.zip(usize::try_from(length).ok()).and_then(|(start, length)| start.checked_add(length));
    let bytes = start.zip(end).and_then(|(start, end)| bytes.get(start..end));
    bytes.map(crc32c::crc32c).ok_or_else(|| Error::internal("a column chunk lies outside of its file"))
}
