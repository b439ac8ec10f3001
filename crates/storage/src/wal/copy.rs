//! Copying what lies in a log alone, while a writer may be at work on it.

use bytes::Bytes;

use super::frame::{self, FRAME_HEADER_BYTES, FileName};
use super::{FILE_BYTES_MAX, LogStore, Position, inspect};
use crate::{Error, ErrorKind, Result};

/// The most bytes of a copy: it is held in memory whoever reads it.
const COPY_BYTES_MAX: u64 = 1 << 30;

/// Records of a log, as files of a log of their own.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// The files, in order; none without such records.
    pub(crate) files: Vec<Bytes>,
    /// The last position of the log.
    pub(crate) last: Position,
    /// Their rows.
    pub(crate) rows: u64,
}

/// Copies the rows from a position on that lie in no segment, in their places. `flushed` says of each table up to where its rows do, and
/// `reached` how far the log was used at least. A torn tail is left out.
///
/// # Errors
/// As [`inspect`]; `ResourceExhausted` for more than [`COPY_BYTES_MAX`].
pub(crate) fn copy_behind(
    log: &dyn LogStore,
    from: Position,
    epoch: u64,
    flushed: &[(u64, u64)],
    reached: Position,
) -> Result<Copied> {
    let mut files = Files { epoch, next: from, done: Vec::new(), open: None, bytes: 0 };
    let mut rows = 0;
    let report = inspect(log, from, &mut |position, mut record| {
        let is_needed = |table: u64| flushed.iter().any(|(id, upto)| *id == table && position.0 > *upto);
        record.entries.retain(|entry| is_needed(entry.table_id));
        if record.entries.is_empty() {
            return Ok(());
        }
        rows += record.entries.iter().map(|entry| entry.batch.num_rows() as u64).sum::<u64>();
        files.fill(position)?;
        files.add(frame::blank(&record)?)
    })?;
    let last = report.last.max(reached);
    if rows > 0 {
        // who goes on behind it begins where the log ended
        files.fill(last.next())?;
    }
    Ok(Copied { files: files.finish(), last, rows })
}

struct Files {
    epoch: u64,
    next: Position,
    done: Vec<Bytes>,
    open: Option<Vec<u8>>,
    bytes: u64,
}

impl Files {
    fn add(&mut self, mut frame: Vec<u8>) -> Result<()> {
        let name = FileName { epoch: self.epoch, sequence: self.done.len() as u64 + 1 };
        let mut file = self.open.take().unwrap_or_else(|| frame::file_header(name, self.next).to_vec());
        frame::complete(&mut frame, name, self.next, file.len() as u64);
        file.extend_from_slice(&frame);
        self.bytes += frame.len() as u64;
        self.next = self.next.next();
        if self.bytes > COPY_BYTES_MAX {
            let message =
                format!("more than {COPY_BYTES_MAX} bytes of rows lie in the log alone: flush them first");
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        match file.len() as u64 >= FILE_BYTES_MAX {
            true => self.done.push(file.into()),
            false => self.open = Some(file),
        }
        Ok(())
    }

    /// Positions have no gap: an empty frame is a seal.
    fn fill(&mut self, upto: Position) -> Result<()> {
        while self.next < upto {
            self.add(vec![0; FRAME_HEADER_BYTES])?;
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.done.extend(self.open.map(Bytes::from));
        self.done
    }
}
