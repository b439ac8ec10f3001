//! The bytes of a log file: a header, then frames to the end. All integers are little-endian.
//!
//! ```text
//! name   = <epoch, 20 digits>-<sequence, 20 digits>.wal        so that names sort as the log runs
//! header = "DRIFTWAL" | format u32 | epoch u64 | sequence u64 | first position u64 | crc32c u32 of all before
//! frame  = length u32 of the payload | crc32c u32 | position u64 | synced offset u64 | payload
//! ```
//!
//! - The checksum of a frame covers the epoch and sequence of its file, then the frame but for the checksum itself: a
//!   frame that strays into another file, or one that a user stores as a value, is not taken for a frame of this file.
//! - The *synced offset* is the length of this file that was known to be synced when the frame was written. It is how
//!   replay tells a torn tail from a flipped byte: a valid frame that claims more than the offset of a bad one proves that
//!   the bad one was on disk once.
//! - Positions run on without a gap, over files too. A payload is a record, see `entry.rs`; an empty payload is a *seal*,
//!   written by a clean close.
//! - A file is created only after the one before it was synced to its end, and its header is synced before a frame follows.
//!
//! In a bucket the log consists of objects. An object has the same bytes, and is there whole or not at all:
//!
//! ```text
//! name   = <first position, 20 digits>.wal      so that two writers behind the same position want the same name
//! header = as above; epoch: of the writer; sequence: the first position
//! marks  = objects of empty frames alone: 1 says that a writer closed, 2 or 3 that another took over (see fence.rs)
//! ```

use std::fmt;

use super::{FRAME_BYTES_MAX, Position, Record, entry};
use crate::schema::batch_bytes;
use crate::{Error, ErrorKind, Result};

/// The first bytes of every log file.
pub const MAGIC: [u8; 8] = *b"DRIFTWAL";

/// The version of the format that this crate writes, and the newest it reads: of the frames and of what they hold. The header of a
/// file is the same in every one, or an older program would take a newer file for a torn one.
pub const FORMAT: u32 = 1;

/// The length of a file's header.
pub const FILE_HEADER_BYTES: usize = 40;

/// The length of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 24;

const NUMBER_DIGITS: usize = 20;

/// What a log file is among all: its name in a directory, and what its frames belong to. It orders as the log runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
}

impl FileName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (epoch, sequence) = name.strip_suffix(super::log::EXTENSION)?.split_once('-')?;
        Some(Self { epoch: number(epoch)?, sequence: number(sequence)? })
    }

    /// Starts the checksum of every frame in this file.
    pub(super) fn seed(self) -> u32 {
        let seed = crc32c::crc32c(&self.epoch.to_le_bytes());
        crc32c::crc32c_append(seed, &self.sequence.to_le_bytes())
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:020}{}", self.epoch, self.sequence, super::log::EXTENSION)
    }
}

/// What a file is called in its store. Names order as the log runs; a log has names of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LogName {
    /// In a directory.
    File(FileName),
    /// In a bucket: by the first position.
    Object(Position),
}

impl LogName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        if let Some(file) = FileName::parse(name) {
            return Some(Self::File(file));
        }
        number(name.strip_suffix(super::log::EXTENSION)?).map(Position).map(Self::Object)
    }

    /// What the header of this file must say, as far as the name tells.
    fn header(self, written: FileName) -> FileName {
        match self {
            Self::File(file) => file,
            Self::Object(first) => FileName { sequence: first.0, ..written },
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Object(first) => write!(f, "{:020}{}", first.0, super::log::EXTENSION),
        }
    }
}

fn number(digits: &str) -> Option<u64> {
    match digits.len() == NUMBER_DIGITS {
        true if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// Why the header of a file was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// The bytes are not what was written.
    Damaged(&'static str),
    /// They are, but into the file of this name.
    Foreign(FileName),
    /// They are, but by a version of this crate that knows more.
    Newer(u32),
}

/// Writes the header of a file.
pub(super) fn file_header(name: FileName, first: Position) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[0..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[12..20].copy_from_slice(&name.epoch.to_le_bytes());
    header[20..28].copy_from_slice(&name.sequence.to_le_bytes());
    header[28..36].copy_from_slice(&first.0.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..36]);
    header[36..40].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Reads the header of a file: what its frames belong to, and its first position.
pub(super) fn parse_file_header(
    name: LogName,
    header: &[u8; FILE_HEADER_BYTES],
) -> Result<(FileName, Position), BadHeader> {
    if header[0..8] != MAGIC {
        return Err(BadHeader::Damaged("it does not begin with the magic bytes of a log file"));
    }
    if u32_at(header, 36) != crc32c::crc32c(&header[..36]) {
        return Err(BadHeader::Damaged("the checksum of its header does not match"));
    }
    match u32_at(header, 8) {
        FORMAT => {}
        newer if newer > FORMAT => return Err(BadHeader::Newer(newer)),
        _ => return Err(BadHeader::Damaged("no format has the number in its header")),
    }
    let written = FileName { epoch: u64_at(header, 12), sequence: u64_at(header, 20) };
    if written != name.header(written) {
        return Err(BadHeader::Foreign(written));
    }
    let first = Position(u64_at(header, 28));
    match name {
        LogName::Object(named) if named != first => Err(BadHeader::Foreign(written)),
        _ => Ok((written, first)),
    }
}

/// Encodes a record as a frame whose header is still blank: only the log thread knows position and synced offset.
pub(super) fn blank(record: &Record) -> Result<Vec<u8>> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    entry::encode(record, &mut frame)?;
    // what replay unpacks is bounded as well
    let unpacked: usize = record.entries.iter().map(|entry| batch_bytes(&entry.batch)).sum();
    let payload = unpacked.max(frame.len() - FRAME_HEADER_BYTES);
    if payload > FRAME_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "a record takes {payload} bytes in the log, at most {FRAME_BYTES_MAX} are allowed: append fewer rows at once"
            ),
        ));
    }
    Ok(frame)
}

/// Fills in the header of a blank frame.
pub(super) fn complete(frame: &mut [u8], name: FileName, position: Position, synced_offset: u64) {
    let payload = u32::try_from(frame.len() - FRAME_HEADER_BYTES).expect("FRAME_BYTES_MAX fits u32");
    frame[0..4].copy_from_slice(&payload.to_le_bytes());
    frame[8..16].copy_from_slice(&position.0.to_le_bytes());
    frame[16..24].copy_from_slice(&synced_offset.to_le_bytes());
    let checksum = crc32c::crc32c_append(name.seed(), &frame[0..4]);
    let checksum = crc32c::crc32c_append(checksum, &frame[8..]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// The header of a frame as read: nothing in it is true before the checksum is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_bytes: u32,
    pub(super) checksum: u32,
    pub(super) position: Position,
    pub(super) synced_offset: u64,
}

impl FrameHeader {
    pub(super) fn parse(header: &[u8; FRAME_HEADER_BYTES]) -> Self {
        Self {
            payload_bytes: u32_at(header, 0),
            checksum: u32_at(header, 4),
            position: Position(u64_at(header, 8)),
            synced_offset: u64_at(header, 16),
        }
    }

    /// Starts the checksum that the header and payload must have; go on with the payload.
    pub(super) fn checksum_seed(self, name: FileName) -> u32 {
        let checksum = crc32c::crc32c_append(name.seed(), &self.payload_bytes.to_le_bytes());
        let checksum = crc32c::crc32c_append(checksum, &self.position.0.to_le_bytes());
        crc32c::crc32c_append(checksum, &self.synced_offset.to_le_bytes())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
