//! Segments: immutable Parquet files, each with rows of one table and one partition, sorted by the table's key.
//!
//! A segment is plain Parquet: other engines read it as it lies. What is ours rides in places that they skip: the
//! column ids as field ids, and the checksums of all column chunks, their blocks and bloom filters in the key-value metadata.
//! The bytes behind the last chunk (footer and page indexes) are covered by a checksum in the day list. So every
//! byte that decides an answer is checked before it is used, and a flipped bit is an error, never a wrong row.

mod checksums;
mod chunks;
mod dictionaries;
mod footer;
mod format;
mod layout;
mod meta;
mod pages;
mod reader;
mod verify;
mod writer;

pub(crate) use dictionaries::Dictionaries;
pub(crate) use footer::Footer;
pub(crate) use layout::{
    ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_BY_TIME, ROW_GROUP_ROWS_MAX, ROW_GROUP_ROWS_MIN,
};
pub use meta::SegmentMeta;
pub use reader::SegmentReader;
pub(crate) use reader::{RowGroupBatches, open};
pub(crate) use verify::verify;
pub(crate) use writer::{EncodedSegment, Name, SegmentWriter, encode};

#[cfg(test)]
mod tests;
