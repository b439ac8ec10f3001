//! What the day list says of a segment: enough to decide whether it must be opened.

use serde::{Deserialize, Serialize};

use std::borrow::Cow;

use crate::{deletion::DeletionRef, partition::TimeRange};

/// A segment as its day list names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentMeta {
    /// The ULID that names the segment.
    pub id: String,
    /// The path of the object below the root of the database.
    pub path: String,
    /// The key of its partition.
    pub partition: String,
    /// Rows, at least one; those that are deleted are among them.
    pub rows: u64,
    /// Bytes of the object.
    pub bytes: u64,
    /// Bytes of the encoded columns before compression.
    pub raw_bytes: u64,
    /// Earliest time, in nanoseconds since 1970.
    pub min_time: i64,
    /// Latest time, in nanoseconds since 1970.
    pub max_time: i64,
    /// Number of row groups.
    pub row_groups: u32,
    /// Ids of the columns by which the rows are sorted, ascending and nulls first; empty when they are not.
    pub sort: Vec<u32>,
    /// Ids of the columns that the file has; all others are NULL in every row.
    pub columns: Vec<u32>,
    /// Where the tail begins: everything behind the last column chunk and bloom filter.
    pub tail_offset: u64,
    /// CRC32C of the tail.
    pub tail_crc32c: u32,
    /// CRC32C of the whole object.
    pub file_crc32c: u32,
    /// When it was written, in nanoseconds since 1970.
    pub created_at: i64,
    /// Which of its rows are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<DeletionRef>,
}

impl SegmentMeta {
    /// The times that the segment holds.
    pub fn time_range(&self) -> TimeRange {
        TimeRange::new(self.min_time, self.max_time)
    }

    /// The rows that are not deleted.
    pub fn live_rows(&self) -> u64 {
        self.rows - self.deletions.as_ref().map_or(0, |found| found.rows.min(self.rows))
    }

    /// A name of the rows that are not deleted: it changes when some go.
    pub fn rows_id(&self) -> Cow<'_, str> {
        match &self.deletions {
            None => Cow::Borrowed(&self.id),
            Some(found) => Cow::Owned(format!("{}-{}", self.id, found.object)),
        }
    }

    /// Says whether the rows are sorted by `key` (the ids of the present sort key, or the first of them).
    pub fn is_sorted_by(&self, key: &[u32]) -> bool {
        self.sort.starts_with(key)
    }
}
