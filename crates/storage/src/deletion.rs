//! Deletion vectors: which rows of a segment are gone.
//!
//! A segment never changes. What is deleted of it stands in a bitmap of row numbers, counted from its first row, in the
//! [portable format of roaring](https://github.com/RoaringBitmap/RoaringFormatSpec). One deletion writes one object with the
//! bitmaps of all segments that it touches; the day list says of each segment where its own lies. So the rows of many days go
//! in one version of the manifest, at once or not at all.

mod delete;

use std::ops::Range;

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    paths,
};

pub use delete::{DeleteReport, Deletion};

/// Where the deletion vector of a segment lies, as its day list says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionRef {
    /// The ULID of the object, which may hold vectors of other segments, too.
    pub object: String,
    /// Where it begins in the object.
    pub offset: u64,
    /// Its size.
    pub bytes: u64,
    /// CRC32C of its bytes.
    pub crc32c: u32,
    /// The rows that it deletes: at least one, and not all of the segment.
    pub rows: u64,
}

/// The rows of a segment that are deleted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeletionVector(RoaringBitmap);

impl DeletionRef {
    /// The path of the object below the root of the database.
    pub fn path(&self) -> String {
        paths::deletions(&self.object)
    }

    /// The bytes of the object that are the vector.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }
}

impl DeletionVector {
    /// Reads a vector and checks it against what the day list says of it.
    pub(crate) fn read(found: &DeletionRef, segment_rows: u64, bytes: &[u8]) -> Result<Self> {
        let damaged = |problem: &dyn std::fmt::Display| {
            Error::corrupted(&found.path(), format_args!("the vector at {}: {problem}", found.offset))
        };
        if bytes.len() as u64 != found.bytes {
            return Err(damaged(&format_args!("{} bytes of {} are there", bytes.len(), found.bytes)));
        }
        let crc32c = crc32c::crc32c(bytes);
        if crc32c != found.crc32c {
            return Err(damaged(&format_args!(
                "its checksum is {:08x}, its bytes have {crc32c:08x}",
                found.crc32c
            )));
        }
        let rows = RoaringBitmap::deserialize_from(bytes).map_err(|error| damaged(&error))?;
        if rows.len() != found.rows || rows.max().is_some_and(|row| u64::from(row) >= segment_rows) {
            return Err(damaged(&format_args!(
                "it deletes {} rows, {} were written",
                rows.len(),
                found.rows
            )));
        }
        Ok(Self(rows))
    }

    /// Adds rows, by their numbers.
    pub(crate) fn extend(&mut self, rows: impl IntoIterator<Item = u32>) {
        self.0.extend(rows);
    }

    /// Adds the rows of another vector.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0 |= &other.0;
    }

    /// The number of deleted rows.
    pub fn rows(&self) -> u64 {
        self.0.len()
    }

    /// Appends the vector to an object under way and says where it lies there.
    pub(crate) fn write(&mut self, object: &str, content: &mut Vec<u8>) -> Result<DeletionRef> {
        self.0.optimize();
        let start = content.len();
        self.0
            .serialize_into(&mut *content)
            .map_err(|error| Error::internal("cannot write a deletion vector").with_source(error))?;
        Ok(DeletionRef {
            object: object.to_owned(),
            offset: start as u64,
            bytes: (content.len() - start) as u64,
            crc32c: crc32c::crc32c(&content[start..]),
            rows: self.rows(),
        })
    }

    /// Which rows of a range are alive, one bit a row; `None` where all of them are.
    pub fn live(&self, rows: Range<u32>) -> Option<BooleanBuffer> {
        let mut dead = self.0.range(rows.clone()).peekable();
        dead.peek()?;
        let mut live = BooleanBufferBuilder::new(rows.len());
        live.append_n(rows.len(), true);
        dead.for_each(|row| live.set_bit((row - rows.start) as usize, false));
        Some(live.finish())
    }

    /// Bytes in memory, roughly.
    pub(crate) fn memory_size(&self) -> usize {
        size_of::<Self>() + self.0.serialized_size()
    }
}

#[cfg(test)]
mod tests;
