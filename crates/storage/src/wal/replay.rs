//! Reading the log back after the last run, whatever that run came to.
//!
//! A crash may lose or garble everything after the last sync, in the last file only. Bytes that were synced once must
//! still be there. So a bad frame at offset X is a *torn tail*, to be cut off and reported, only when it is in the last
//! file and no valid frame behind it claims a synced offset beyond X. Everything else is corruption, and an error that
//! names file and offset: acknowledged rows are never cut silently when anything in the log still proves them. An object of
//! a bucket is whole or absent: nothing bad in it is ever a torn tail.
//!
//! What is read in the last file need not be durable yet: the last process may have been killed between write and sync, and
//! its bytes may lie in the page cache alone. Replay syncs them before it hands out the first record: nobody may build
//! on what a power cut can still take back.
//!
//! Memory is bounded by one frame ([`FRAME_BYTES_MAX`]).

use std::io::{self, Read, Seek, SeekFrom};

use arrow::buffer::{Buffer, MutableBuffer};

use super::fence::Mark;
use super::frame::{self, BadHeader, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FileName, FrameHeader, LogName};
use super::{FRAME_BYTES_MAX, LogLayout, LogRead, LogStore, Position, Record, entry};
use crate::{Error, ErrorKind, Result};

/// How much is read at once when looking for frames behind a bad one.
const SCAN_BYTES: usize = 256 * 1024;

/// What replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayReport {
    /// The position of the last frame, or the one before the requested start when the log ends earlier.
    pub last: Position,
    /// How many frames were handed out.
    pub frames: u64,
    /// How many rows they held.
    pub rows: u64,
    /// The tail that an interrupted write left behind, if there was one.
    pub torn: Option<Torn>,
    /// The files of the log, oldest first, without the torn tail.
    pub files: Vec<LogSpan>,
}

impl ReplayReport {
    /// What is found where there is no log.
    pub(crate) fn nothing() -> Self {
        Self { last: Position::default(), frames: 0, rows: 0, torn: None, files: Vec::new() }
    }
}

/// A torn tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The name of the file.
    pub file: String,
    /// Where the good part ends. Zero: not even the header was written whole.
    pub offset: u64,
    /// How many bytes lie behind it.
    pub bytes: u64,
}

/// A log file and the positions in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSpan {
    /// The name of the file.
    pub name: String,
    /// The position of its first frame.
    pub first: Position,
    /// The position of its last frame; the one before `first` when it has none.
    pub last: Position,
    /// Its length.
    pub bytes: u64,
    /// Whether it stays although nobody needs its positions: a fence that a writer of before may still run into.
    pub stays: bool,
}

/// Hands out every record from position `from` on, in order, and cuts off a torn tail.
///
/// # Errors
/// `Corrupted` for bytes that were durable once and are not what was written, naming file and offset; `Invalid` for a file
/// of a newer format; `Unavailable` for a failed read; and what `visit` returns.
pub fn replay(
    log: &dyn LogStore,
    from: Position,
    visit: &mut dyn FnMut(Position, Record) -> Result<()>,
) -> Result<ReplayReport> {
    if log.layout() == LogLayout::Files
        && let Some((newest, bytes)) = log_files(log)?.last()
    {
        let file = newest.to_string();
        let sync = |source| Error::io(format_args!("sync wal/{file}"), source);
        log.truncate(&file, *bytes).map_err(sync)?;
    }
    let report = inspect(log, from, visit)?;
    if let Some(Torn { file, offset, bytes }) = &report.torn {
        tracing::warn!(file, offset, bytes, "cut the torn tail of the log");
        let cut = if *offset == 0 { log.remove(file) } else { log.truncate(file, *offset) };
        cut.map_err(|source| Error::io(format_args!("cut wal/{file}"), source))?;
    }
    Ok(report)
}

/// Reads the log as [`replay`] does, and changes nothing.
///
/// # Errors
/// As [`replay`].
pub fn inspect(
    log: &dyn LogStore,
    from: Position,
    visit: &mut dyn FnMut(Position, Record) -> Result<()>,
) -> Result<ReplayReport> {
    let mut report =
        ReplayReport { last: from.previous(), frames: 0, rows: 0, torn: None, files: Vec::new() };
    let files = open_files(log, &mut report)?;
    let ends: Vec<Option<Position>> = (1..=files.len()).map(|next| Some(files.get(next)?.first)).collect();
    let mut expected: Option<Position> = None;
    for (mut file, next) in files.into_iter().zip(ends) {
        check_order(file.name, file.first, expected, from)?;
        let last = match next {
            // everything in it was flushed long ago: it only waits for its removal
            Some(next) if next <= from => next.previous(),
            _ => {
                file.load(log)?;
                file.read(from, &mut report, visit)?
            }
        };
        report.last = report.last.max(last);
        let bytes = report.torn.as_ref().filter(|torn| torn.file == file.name.to_string());
        let bytes = bytes.map_or(file.len, |torn| torn.offset);
        let stays = file.is_object() && Mark::of_bytes(bytes) == Some(Mark::FenceThatStays);
        report.files.push(LogSpan { name: file.name.to_string(), first: file.first, last, bytes, stays });
        expected = Some(last.next());
    }
    Ok(report)
}

/// An opened file whose header is good, or an object that is opened when it is read.
struct File {
    name: LogName,
    /// What its frames belong to.
    id: FileName,
    first: Position,
    len: u64,
    is_last: bool,
    reader: io::BufReader<Box<dyn LogRead>>,
}

/// What stands at an offset of a file.
enum Frame {
    Good { header: FrameHeader, payload: Buffer },
    Bad(&'static str),
}

/// What the last object of a log in a bucket says: who wrote it, and its last position.
pub(super) fn end_of_object(log: &dyn LogStore, first: Position, len: u64) -> Result<(u64, Position)> {
    let mut object = File::of_object(first, len);
    object.load(log)?;
    let mut nothing = ReplayReport { last: first, frames: 0, rows: 0, torn: None, files: Vec::new() };
    let last = object.read(Position(u64::MAX), &mut nothing, &mut |_, _| Ok(()))?;
    Ok((object.id.epoch, last))
}

/// The names and lengths of all files, in log order.
pub(super) fn log_files(log: &dyn LogStore) -> Result<Vec<(LogName, u64)>> {
    let sizes = log.sizes().map_err(|source| Error::io("list wal/", source))?;
    let parsed = sizes.iter().map(|(name, bytes)| match (LogName::parse(name), log.layout()) {
        (Some(name @ LogName::File(_)), LogLayout::Files) => Ok((name, *bytes)),
        (Some(name @ LogName::Object(_)), LogLayout::Objects) => Ok((name, *bytes)),
        (Some(_), _) => Err(Error::new(
            ErrorKind::Invalid,
            format!("wal/{name} was copied from another kind of place: close a database before it is copied, and leave out wal/"),
        )),
        (None, _) => {
            Err(Error::new(ErrorKind::Corrupted, format!("wal/{name} is not the name of a log file")))
        }
    });
    let mut files = parsed.collect::<Result<Vec<_>>>()?;
    files.sort_unstable();
    Ok(files)
}

/// Opens all files in log order. A last file without even a whole header is a torn tail, and not among them.
fn open_files(log: &dyn LogStore, report: &mut ReplayReport) -> Result<Vec<File>> {
    let names = log_files(log)?;
    let mut files = Vec::with_capacity(names.len());
    for (index, (name, len)) in names.iter().enumerate() {
        let is_last = index + 1 == names.len();
        match *name {
            LogName::File(file) => match File::open(log, file, *len, is_last)? {
                Ok(file) => files.push(file),
                Err(torn) => report.torn = Some(torn),
            },
            LogName::Object(first) => files.push(File::of_object(first, *len)),
        }
    }
    Ok(files)
}

/// Positions run on from file to file. Missing ones are fine only where nobody asks for them.
fn check_order(name: LogName, first: Position, expected: Option<Position>, from: Position) -> Result<()> {
    let corrupted = |what: String| Err(Error::new(ErrorKind::Corrupted, format!("wal/{name} {what}")));
    match expected {
        Some(expected) if first < expected => corrupted(format!(
            "begins at position {first}, but the file before it reaches position {}",
            expected.previous()
        )),
        Some(expected) if first > expected && first > from => corrupted(format!(
            "begins at position {first}, but positions {expected} to {} are missing",
            first.previous()
        )),
        None if first > from => corrupted(format!(
            "begins at position {first}, but positions {from} to {} are missing",
            first.previous()
        )),
        _ => Ok(()),
    }
}

impl File {
    fn open(
        log: &dyn LogStore,
        file: FileName,
        len: u64,
        is_last: bool,
    ) -> Result<std::result::Result<Self, Torn>> {
        let name = LogName::File(file);
        let reader = io::BufReader::with_capacity(0, Box::new(io::empty()) as Box<dyn LogRead>);
        let mut opened = Self { name, id: file, first: Position::default(), len, is_last, reader };
        match opened.read_header(log)? {
            Ok(()) => Ok(Ok(opened)),
            Err(what) => opened.torn_at(0, None, what).map(Err),
        }
    }

    /// An object tells its first position by its name: there may be many, and few are read.
    fn of_object(first: Position, len: u64) -> Self {
        let reader = io::BufReader::with_capacity(0, Box::new(io::empty()) as Box<dyn LogRead>);
        let id = FileName { epoch: 0, sequence: first.0 };
        Self { name: LogName::Object(first), id, first, len, is_last: false, reader }
    }

    fn is_object(&self) -> bool {
        matches!(self.name, LogName::Object(_))
    }

    /// Opens what is opened late.
    fn load(&mut self, log: &dyn LogStore) -> Result<()> {
        match self.is_object().then(|| self.read_header(log)).transpose()? {
            Some(Err(what)) => self.torn_at(0, None, what).map(drop),
            _ => Ok(()),
        }
    }

    /// Opens the file and reads its header; says what is wrong with one that may be torn.
    fn read_header(&mut self, log: &dyn LogStore) -> Result<std::result::Result<(), &'static str>> {
        let name = self.name;
        let unreadable = |source| Error::io(format_args!("read wal/{name}"), source);
        let reader = log.open_read(&name.to_string()).map_err(unreadable)?;
        self.reader = io::BufReader::with_capacity(SCAN_BYTES, reader);
        let mut header = [0; FILE_HEADER_BYTES];
        if self.len < header.len() as u64 {
            return Ok(Err("its header is cut short"));
        }
        self.reader.read_exact(&mut header).map_err(unreadable)?;
        match frame::parse_file_header(name, &header) {
            Ok((id, first)) => {
                (self.id, self.first) = (id, first);
                Ok(Ok(()))
            }
            Err(BadHeader::Damaged(what)) => Ok(Err(what)),
            Err(BadHeader::Foreign(other)) => {
                Err(self.corrupted(0, &format!("its header is that of {other}")))
            }
            Err(BadHeader::Newer(format)) => {
                Err(Error::newer_format(format_args!("wal/{name}"), format, frame::FORMAT))
            }
        }
    }

    /// Hands out the records of the file and returns the last position in it.
    fn read(
        &mut self,
        from: Position,
        report: &mut ReplayReport,
        visit: &mut dyn FnMut(Position, Record) -> Result<()>,
    ) -> Result<Position> {
        let mut offset = FILE_HEADER_BYTES as u64;
        let mut expected = self.first;
        while offset < self.len {
            let (header, payload) = match self.frame_at(offset)? {
                Frame::Good { header, payload } => (header, payload),
                Frame::Bad(what) => {
                    report.torn = Some(self.torn_at(offset, Some(expected), what)?);
                    break;
                }
            };
            if header.position != expected {
                let what = format!("the frame has position {}, expected {expected}", header.position);
                return Err(self.corrupted(offset, &what));
            }
            if header.synced_offset > offset {
                let what = format!("the frame claims {} synced bytes before it", header.synced_offset);
                return Err(self.corrupted(offset, &what));
            }
            offset += FRAME_HEADER_BYTES as u64 + payload.len() as u64;
            expected = expected.next();
            let is_seal = payload.is_empty();
            if header.position >= from && !is_seal {
                let at = offset - payload.len() as u64 - FRAME_HEADER_BYTES as u64;
                let record = entry::decode(&payload).map_err(|what| self.corrupted(at, &what))?;
                report.frames += 1;
                report.rows += record.entries.iter().map(|entry| entry.batch.num_rows() as u64).sum::<u64>();
                visit(header.position, record)?;
            }
        }
        Ok(expected.previous())
    }

    /// Reads the frame at the reader's place, which is `offset`.
    fn frame_at(&mut self, offset: u64) -> Result<Frame> {
        let left = self.len - offset;
        if left < FRAME_HEADER_BYTES as u64 {
            return Ok(Frame::Bad("the frame is cut short"));
        }
        let name = self.name;
        let unreadable = |source| Error::io(format_args!("read wal/{name} at offset {offset}"), source);
        let mut header = [0; FRAME_HEADER_BYTES];
        self.reader.read_exact(&mut header).map_err(unreadable)?;
        let header = FrameHeader::parse(&header);
        let bytes = header.payload_bytes as usize;
        if bytes > FRAME_BYTES_MAX || bytes as u64 > left - FRAME_HEADER_BYTES as u64 {
            return Ok(Frame::Bad("the frame claims more bytes than there are"));
        }
        let mut payload = MutableBuffer::from_len_zeroed(bytes);
        self.reader.read_exact(&mut payload).map_err(unreadable)?;
        match crc32c::crc32c_append(header.checksum_seed(self.id), &payload) == header.checksum {
            true => Ok(Frame::Good { header, payload: payload.into() }),
            false => Ok(Frame::Bad("the checksum of the frame does not match")),
        }
    }

    /// Decides whether the bad frame (or header) at `offset` is a torn tail; if not, says what it is.
    ///
    /// `expected` is the position that the bad frame should have; `None` when even the header is bad.
    fn torn_at(&mut self, offset: u64, expected: Option<Position>, what: &str) -> Result<Torn> {
        if self.is_object() {
            return Err(self.corrupted(offset, &format!("{what}, and an object is whole or absent")));
        }
        if !self.is_last {
            return Err(self.corrupted(offset, &format!("{what}, and later files follow")));
        }
        let name = self.name;
        let later = self.synced_beyond(offset, expected);
        match later
            .map_err(|source| Error::io(format_args!("read wal/{name} behind offset {offset}"), source))?
        {
            Some(later) => Err(self.corrupted(
                offset,
                &format!("{what}, and the frame at offset {later} proves that it was durable"),
            )),
            None => Ok(Torn { file: self.name.to_string(), offset, bytes: self.len - offset }),
        }
    }

    /// Looks behind a bad place for a valid frame that claims it was synced. Every byte may begin one.
    fn synced_beyond(&mut self, bad: u64, expected: Option<Position>) -> io::Result<Option<u64>> {
        let mut window = Vec::with_capacity(SCAN_BYTES + FRAME_HEADER_BYTES);
        let mut start = bad + 1;
        while start + FRAME_HEADER_BYTES as u64 <= self.len {
            self.reader.seek(SeekFrom::Start(start))?;
            window.clear();
            let wanted = (SCAN_BYTES + FRAME_HEADER_BYTES - 1) as u64;
            (&mut self.reader).take(wanted).read_to_end(&mut window)?;
            if window.len() < FRAME_HEADER_BYTES {
                break;
            }
            for (index, header) in window.windows(FRAME_HEADER_BYTES).enumerate() {
                let offset = start + index as u64;
                let header = FrameHeader::parse(header.try_into().expect("a window of this length"));
                if self.could_prove(header, offset, bad, expected) && self.verify(header, offset)? {
                    return Ok(Some(offset));
                }
            }
            start += (window.len() - FRAME_HEADER_BYTES + 1) as u64;
        }
        Ok(None)
    }

    /// Whether a header is worth its checksum: nearly all bytes fail here.
    fn could_prove(&self, header: FrameHeader, offset: u64, bad: u64, expected: Option<Position>) -> bool {
        let frames_between = (offset - bad) / FRAME_HEADER_BYTES as u64 + 1;
        header.synced_offset > bad
            && header.synced_offset <= offset
            && header.payload_bytes as usize <= FRAME_BYTES_MAX
            && offset + FRAME_HEADER_BYTES as u64 + u64::from(header.payload_bytes) <= self.len
            && expected.is_none_or(|expected| {
                header.position >= expected && header.position.0 - expected.0 <= frames_between
            })
    }

    fn verify(&mut self, header: FrameHeader, offset: u64) -> io::Result<bool> {
        self.reader.seek(SeekFrom::Start(offset + FRAME_HEADER_BYTES as u64))?;
        let mut checksum = header.checksum_seed(self.id);
        let mut payload = (&mut self.reader).take(u64::from(header.payload_bytes));
        let mut chunk = vec![0; SCAN_BYTES.min(header.payload_bytes as usize)];
        loop {
            match payload.read(&mut chunk)? {
                0 => return Ok(checksum == header.checksum),
                read => checksum = crc32c::crc32c_append(checksum, &chunk[..read]),
            }
        }
    }

    fn corrupted(&self, offset: u64, what: &str) -> Error {
        Error::new(ErrorKind::Corrupted, format!("wal/{} is corrupted at offset {offset}: {what}", self.name))
    }
}

#[cfg(test)]
mod tests;
