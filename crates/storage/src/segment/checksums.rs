//! Checksums of column chunks, of their blocks and of bloom filters, kept in the key-value metadata of the file.

use base64::{Engine, prelude::BASE64_STANDARD};
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use serde::{Deserialize, Serialize};

use super::pages::BLOCK_BYTES;
use crate::error::{Error, Result};

/// The key in the metadata of the file.
pub(crate) const KEY: &str = "driftline.crc32c";

/// CRC32C of every column chunk and bloom filter, by row group and leaf column.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checksums {
    pub(crate) chunks: Vec<Vec<u32>>,
    pub(crate) blooms: Vec<Vec<Option<u32>>>,
    /// Of every block of the chunks that have more than one.
    #[serde(with = "block_sums")]
    blocks: Vec<Vec<Vec<u32>>>,
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
        let blocks = row_group.columns().iter().map(|column| {
            let (start, length) = column.byte_range();
            let blocks = (0..length).step_by(BLOCK_BYTES as usize);
            let blocks = blocks.map(|at| checksum(start + at, BLOCK_BYTES.min(length - at)));
            if length <= BLOCK_BYTES { Ok(Vec::new()) } else { blocks.collect() }
        });
        self.blocks.push(blocks.collect::<Result<_>>()?);
        let blooms = row_group
            .columns()
            .iter()
            .map(|column| bloom_range(column).map(|(start, length)| checksum(start, length)).transpose());
        self.blooms.push(blooms.collect::<Result<_>>()?);
        Ok(())
    }

    /// Of the blocks of a column chunk, where it has more than one.
    pub(crate) fn blocks(&self, row_group: usize, leaf: usize) -> &[u32] {
        &self.blocks[row_group][leaf]
    }

    /// Bytes in memory, roughly.
    pub(crate) fn memory_size(&self) -> usize {
        let leaves = self.blocks.iter().flatten().map(|blocks| 16 + size_of::<Vec<u32>>() + 4 * blocks.len());
        leaves.sum()
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
            && sums.blocks.len() == groups
            && metadata.row_groups().iter().enumerate().all(|(index, group)| {
                let lengths = group.columns().iter().map(|column| column.byte_range().1);
                let blocks = lengths
                    .map(|length| if length <= BLOCK_BYTES { 0 } else { length.div_ceil(BLOCK_BYTES) });
                sums.chunks[index].len() == group.num_columns()
                    && sums.blooms[index].len() == group.num_columns()
                    && sums.blocks[index].iter().map(|blocks| blocks.len() as u64).eq(blocks)
            });
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

/// The checksums of a chunk's blocks as text: base64 of little-endian numbers, one after another.
mod block_sums {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{BASE64_STANDARD, Engine};

    pub(super) fn serialize<S: Serializer>(blocks: &[Vec<Vec<u32>>], to: S) -> Result<S::Ok, S::Error> {
        let encode = |sums: &Vec<u32>| {
            BASE64_STANDARD.encode(sums.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<u8>>())
        };
        to.collect_seq(blocks.iter().map(|group| group.iter().map(encode).collect::<Vec<String>>()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<Vec<u32>>>, D::Error> {
        let decode = |text: &String| {
            let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
            let (sums, rest) = bytes.as_chunks::<4>();
            match rest {
                [] => Ok(sums.iter().map(|sum| u32::from_le_bytes(*sum)).collect()),
                _ => Err(D::Error::custom("checksums of blocks are not whole")),
            }
        };
        let groups = Vec::<Vec<String>>::deserialize(from)?;
        groups.iter().map(|group| group.iter().map(decode).collect()).collect()
    }
}
