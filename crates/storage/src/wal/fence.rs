//! Taking over a log in a bucket, where nothing is locked: the writer of before must not acknowledge what nobody will read.
//!
//! An object of the log is named by its first position and created by put-if-absent, so all writers append to one line: the
//! next name of a writer follows from the last object that he wrote. A new writer, whose root exists already, puts a *fence*
//! under the first free name. The writer of before wants that name next; it is taken, so he fails and acknowledges nothing
//! any more. Whatever he acknowledged lies before the fence, and is read afterwards.
//!
//! - A fence that went away with the rest of the log would let a writer pass who slept meanwhile. So it stays, for ever,
//!   unless the log ended with the mark of a clean close: that writer appends nothing any more.
//! - A new writer who slept between his root and his fence may put it where another has passed already. So he looks again
//!   afterwards whether his root is the newest, and gives up if it is not (`recovery.rs`).
//! - Epochs rise along the line: who finds a later one gives up before he disturbs anybody.

use super::frame::{self, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FileName, LogName};
use super::replay::{end_of_object, log_files};
use super::{LogLayout, LogStore, Position};
use crate::{Error, ErrorKind, Result};

/// How often a new writer tries to get behind one that goes on appending.
const ATTEMPTS_MAX: usize = 256;

/// An object of empty frames alone. How many says what it means, so that a list tells it by the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The writer closed the log.
    End,
    /// Another writer took over, from one that had closed.
    Fence,
    /// Another writer took over, from one that may still be there.
    FenceThatStays,
}

impl Mark {
    fn frames(self) -> usize {
        match self {
            Self::End => 1,
            Self::Fence => 2,
            Self::FenceThatStays => 3,
        }
    }

    /// What an object of this size is; `None` for one with records.
    pub(super) fn of_bytes(bytes: u64) -> Option<Self> {
        let marks = [Self::End, Self::Fence, Self::FenceThatStays];
        marks
            .into_iter()
            .find(|mark| bytes == (FILE_HEADER_BYTES + mark.frames() * FRAME_HEADER_BYTES) as u64)
    }

    fn object(self, epoch: u64, first: Position) -> Vec<u8> {
        let id = FileName { epoch, sequence: first.0 };
        let mut bytes = frame::file_header(id, first).to_vec();
        for position in (first.0..).take(self.frames()) {
            let mut seal = [0; FRAME_HEADER_BYTES];
            frame::complete(&mut seal, id, Position(position), 0);
            bytes.extend_from_slice(&seal);
        }
        bytes
    }
}

/// Ends the line of every writer before, where the log lies in a bucket. The root of `epoch` exists already; `flushed` is the
/// last position that the root before it had passed, `None` where there was none.
///
/// # Errors
/// `Conflict` for a writer that was replaced himself, `Unavailable` when the store does not answer or another writer appends
/// all the time, `Corrupted` for a damaged last object.
pub(crate) fn take_over(log: &dyn LogStore, epoch: u64, flushed: Option<Position>) -> Result<()> {
    if log.layout() == LogLayout::Files {
        return Ok(());
    }
    for _ in 0..ATTEMPTS_MAX {
        let newest = match log_files(log)?.last() {
            Some((LogName::Object(first), bytes)) => match end_of_object(log, *first, *bytes) {
                // the writer of before has just removed it
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                end => Some((end?, Mark::of_bytes(*bytes))),
            },
            _ => None,
        };
        if newest.is_some_and(|((by, _), _)| by > epoch) {
            let message = "another writer has taken over this database while it was opened";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let passed = flushed.unwrap_or_default();
        let (last, mark) = match newest {
            Some(((_, last), mark)) if last > passed => (last, mark),
            _ => (passed, None),
        };
        let fence = match mark {
            Some(Mark::End) => Mark::Fence,
            _ if flushed.is_none() => Mark::Fence,
            _ => Mark::FenceThatStays,
        };
        let name = LogName::Object(last.next()).to_string();
        let put = log.create(&name).and_then(|mut object| {
            object.append(&fence.object(epoch, last.next()))?;
            object.sync()
        });
        match put {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            put => {
                return put.map_err(|source| Error::io(format_args!("write the fence wal/{name}"), source));
            }
        }
    }
    let message = "another writer goes on appending to this database: stop it, or try again";
    Err(Error::new(ErrorKind::Unavailable, message))
}
