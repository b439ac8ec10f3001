//! Id filters: one read says which row groups of hundreds of segments may have an id.
//!
//! A segment has a bloom filter for each row group and id column. To ask a year of them means to open a year of footers. An id filter
//! is the same bits in another order: the filters of many row groups lie side by side, block by block, so that the one block that an
//! id falls into is one range of bytes for all of them. Nothing is lost or rounded: it answers for each row group what its own
//! filter would.
//!
//! An id filter is an immutable object that the root names. It covers segments, which are immutable too, so it is never wrong, only
//! incomplete: of segments that it does not know their own filters are asked, and those that are gone are columns that nobody looks
//! at. By the [`origin`](crate::PartitionEntry::origin) of a day list it is known without reading the list that all of its segments are
//! covered. The bytes are described in `docs/file-formats.md`, the choices in `docs/decisions/0016-filters-of-ids.md`.

mod answer;
mod block;
mod build;
mod cover;
mod header;
mod plan;
mod source;
mod verify;

use serde::{Deserialize, Serialize};

use crate::{partition::TimeRange, paths};

pub use answer::{IdAnswer, IdProbe};
pub(crate) use cover::Which;
pub(crate) use header::Header;
pub(crate) use plan::Thoroughness;

/// Largest id filter, and so what making one holds in memory.
pub(crate) const ID_FILTER_BYTES_MAX: u64 = 64 << 20;
/// What a row group counts at least towards that: an object of very small filters would else have a header beyond measure.
const ROW_GROUP_BYTES_MIN: u64 = 8 << 10;

/// What the root says of an id filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdFilter {
    /// The id, which no other object of this database ever has.
    pub(crate) id: String,
    /// The id of the column.
    pub(crate) column: u32,
    /// Its size.
    pub(crate) bytes: u64,
    /// How many of these bytes the header has, which come first.
    pub(crate) header_bytes: u64,
    /// The checksum of the header.
    pub(crate) header_crc32c: u32,
    /// Segments that it covers.
    pub(crate) segments: u64,
    /// Earliest time of any of them, in nanoseconds since 1970.
    pub(crate) min_time: i64,
    /// Latest time of any of them, in nanoseconds since 1970.
    pub(crate) max_time: i64,
}

impl IdFilter {
    /// Where it lies below the root of the database.
    pub(crate) fn path(&self) -> String {
        paths::object(&self.id)
    }

    pub(crate) fn time_range(&self) -> TimeRange {
        TimeRange::new(self.min_time, self.max_time)
    }
}

#[cfg(test)]
mod tests;
