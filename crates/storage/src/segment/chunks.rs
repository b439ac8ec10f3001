//! The bytes of column chunks as they were read, for the decoder.

use std::{
    io::{Cursor, Read},
    ops::Range,
};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

/// A part of the file that is read for a column.
pub(super) struct Part {
    pub(super) leaf: usize,
    pub(super) range: Range<u64>,
    /// Which block of the chunk it begins with; `None` for the whole chunk.
    pub(super) first_block: Option<usize>,
}

/// The chunks of some columns of one row group, or parts of them, by offset in the file.
pub(super) struct Chunks {
    /// Bytes of the file.
    pub(super) length: u64,
    pub(super) parts: Vec<(u64, Bytes)>,
}

impl Chunks {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let found = self.parts.iter().find(|(at, part)| (*at..*at + part.len() as u64).contains(&start));
        let slice = found.and_then(|(at, part)| Some(part.slice(usize::try_from(start - at).ok()?..)));
        slice.ok_or_else(|| ParquetError::General(format!("no chunk was read at offset {start}")))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(Box::new(Cursor::new(self.from(start)?)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF(format!("a page of {length} bytes at {start} leaves its chunk")));
        }
        Ok(bytes.slice(..length))
    }
}
