//! The header of an id filter: which segments it covers, and by that where everything lies.
//!
//! Row groups whose filters have the same number of blocks are a group. Groups follow each other by that number; in a group, block 0 of
//! all its row groups comes first, in the order of the header, then a checksum, then block 1, and so on. So the header says nothing that
//! could contradict itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{IdFilter, ROW_GROUP_BYTES_MIN, block::BLOCK_BYTES};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"DRIFTIDS";
/// The version of the format that this code reads and writes.
const FORMAT: u32 = 1;
/// Magic and format.
const FIXED_BYTES: usize = MAGIC.len() + size_of::<u32>();
/// Bytes of the checksum behind each row of blocks.
const CHECKSUM_BYTES: u64 = 4;

/// What an id filter covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// The id of the column.
    pub(super) column: u32,
    pub(super) partitions: Vec<Covered>,
}

/// Segments of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Covered {
    /// The day or month.
    pub(super) key: String,
    /// The origin of the day list that has them.
    pub(super) origin: String,
    /// How many segments it has. With fewer here, those of other id filters count, too.
    pub(super) all: usize,
    pub(super) segments: Vec<CoveredSegment>,
}

/// How much of the segments of one origin is covered, by all id filters that know some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) segments: usize,
    pub(super) all: usize,
}

impl Covered {
    pub(super) fn share(&self) -> Share {
        Share { segments: self.segments.len(), all: self.all }
    }
}

impl Share {
    pub(super) fn is_whole(self) -> bool {
        self.segments >= self.all
    }

    /// Adds another share. Of a list that lost segments between them the later one counted fewer.
    pub(super) fn and(self, other: Self) -> Self {
        Self { segments: self.segments + other.segments, all: self.all.min(other.all) }
    }
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CoveredSegment {
    pub(super) id: String,
    /// For each row group how many blocks its filter has; 0 where it has none, and may have any value.
    pub(super) blocks: Vec<u32>,
    /// The segment lacks the column: no row group has any value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_absent: bool,
    /// The segment notes that the column has the value of every attribute that belongs into it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_complete: bool,
}

/// Row groups whose filters have the same number of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) blocks: u32,
    /// How many row groups they are.
    pub(super) columns: usize,
    /// Where its first row lies, counted from the first byte of the object.
    pub(super) offset: u64,
}

impl Group {
    /// Bytes of a row, with its checksum.
    pub(super) fn row_bytes(&self) -> u64 {
        (self.columns * BLOCK_BYTES) as u64 + CHECKSUM_BYTES
    }

    /// Where some rows lie in the object.
    pub(super) fn rows(&self, rows: Range<u32>) -> Range<u64> {
        let at = |row: u32| self.offset + u64::from(row) * self.row_bytes();
        at(rows.start)..at(rows.end)
    }

    /// The checksum of a row; a row in the place of another has another one.
    pub(super) fn checksum(&self, row: u32, blocks: &[u8]) -> u32 {
        let place = crc32c::crc32c_append(crc32c::crc32c(&self.blocks.to_le_bytes()), &row.to_le_bytes());
        crc32c::crc32c_append(place, blocks)
    }

    /// The blocks of a row, checked.
    pub(super) fn open<'a>(&self, path: &str, row: u32, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let (blocks, sum) = bytes
            .split_last_chunk::<{ CHECKSUM_BYTES as usize }>()
            .filter(|(blocks, _)| blocks.len() == self.columns * BLOCK_BYTES)
            .ok_or_else(|| Error::corrupted(path, format_args!("row {row} of its blocks is cut off")))?;
        let (expected, found) = (u32::from_le_bytes(*sum), self.checksum(row, blocks));
        if expected != found {
            let problem = format_args!(
                "row {row} of {} blocks has checksum {expected:08x}, its bytes have {found:08x}",
                self.blocks
            );
            return Err(Error::corrupted(path, problem));
        }
        Ok(blocks)
    }
}

impl CoveredSegment {
    /// The bytes that it counts towards the size of an id filter.
    pub(super) fn weight(&self) -> u64 {
        let weight = |blocks: &u32| (u64::from(*blocks) * BLOCK_BYTES as u64).max(ROW_GROUP_BYTES_MIN);
        self.blocks.iter().map(weight).sum()
    }
}

impl Header {
    pub(super) fn segments(&self) -> impl Iterator<Item = &CoveredSegment> {
        self.partitions.iter().flat_map(|partition| &partition.segments)
    }

    /// The groups of an object whose header has so many bytes, by their number of blocks.
    pub(super) fn groups(&self, header_bytes: u64) -> BTreeMap<u32, Group> {
        let mut columns = BTreeMap::<u32, usize>::new();
        for blocks in self.segments().flat_map(|segment| &segment.blocks).filter(|blocks| **blocks > 0) {
            *columns.entry(*blocks).or_default() += 1;
        }
        let mut offset = header_bytes;
        let group = |(blocks, columns)| {
            let group = Group { blocks, columns, offset };
            offset = group.rows(0..blocks).end;
            (blocks, group)
        };
        columns.into_iter().map(group).collect()
    }

    /// Where an object with this header ends.
    pub(super) fn end(&self, header_bytes: u64) -> u64 {
        let groups = self.groups(header_bytes);
        groups.last_key_value().map_or(header_bytes, |(blocks, group)| group.rows(0..*blocks).end)
    }

    /// Bytes in memory, roughly.
    pub(crate) fn memory_size(&self) -> usize {
        let segment = |segment: &CoveredSegment| {
            size_of::<CoveredSegment>() + segment.id.len() + size_of_val(segment.blocks.as_slice())
        };
        let partition =
            |partition: &Covered| size_of::<Covered>() + partition.key.len() + partition.origin.len();
        size_of::<Self>()
            + self.partitions.iter().map(partition).sum::<usize>()
            + self.segments().map(segment).sum::<usize>()
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        serde_json::to_writer(&mut bytes, self)
            .map_err(|error| Error::internal("cannot write the header of an id filter").with_source(error))?;
        Ok(bytes)
    }

    /// Reads the header of the object that the root names.
    pub(super) fn read(found: &IdFilter, bytes: &[u8]) -> Result<Self> {
        let path = found.path();
        let sum = crc32c::crc32c(bytes);
        if bytes.len() as u64 != found.header_bytes || sum != found.header_crc32c {
            let problem = format_args!(
                "its header has checksum {:08x}, its {} bytes have {sum:08x}",
                found.header_crc32c,
                bytes.len()
            );
            return Err(Error::corrupted(&path, problem));
        }
        let (fixed, body) = bytes.split_at_checked(FIXED_BYTES).unwrap_or((bytes, &[]));
        if fixed != [MAGIC.as_slice(), &FORMAT.to_le_bytes()].concat() {
            return Err(Error::corrupted(&path, format_args!("it is no id filter of format {FORMAT}")));
        }
        let header: Self = serde_json::from_slice(body).map_err(|error| Error::corrupted(&path, error))?;
        let mut origins = BTreeSet::new();
        if header.column != found.column
            || header.end(found.header_bytes) != found.bytes
            || !header.partitions.iter().all(|partition| origins.insert(&partition.origin))
        {
            return Err(Error::corrupted(&path, "its header does not fit what the root says of it"));
        }
        Ok(header)
    }
}
