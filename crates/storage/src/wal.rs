//! The write-ahead log: what makes an acknowledged row durable before it lies in a segment.
//!
//! One log serves all tables. A [`Record`] is what one call appends, to one table or to several: it becomes one frame, so
//! it is replayed whole or not at all. One thread owns the log and commits in groups, in this order:
//!
//! 1. take everything that is queued (at most [`GROUP_BYTES_MAX`]),
//! 2. write a frame for each record,
//! 3. sync once, if a caller asked for it,
//! 4. deliver the group: the storage inserts it into its memtables and publishes them,
//! 5. acknowledge the callers.
//!
//! Delivery comes after the sync, so nobody reads what a crash could take back, and before the acknowledgement, so a
//! caller reads his own write. A write or sync that fails *poisons* the log: the state of the file is unknown, and after a
//! failed sync the kernel may have dropped the pages, so nothing may follow until the log is reopened and replayed.
//!
//! What the invariants of the files are, and why a torn tail can be told from a flipped byte, stands in [`frame`] and
//! [`replay()`].
//!
//! The log lies in files of a directory or in objects of a bucket ([`LogLayout`]). A directory is locked; in a bucket a new
//! writer puts a fence at the end of the log, see `fence.rs`.

mod bucket;
mod copied;
mod copy;
mod entry;
mod fence;
pub mod frame;
mod log;
mod replay;
mod writer;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use self::bucket::BucketLog;
pub(crate) use self::copied::CopiedLog;
pub(crate) use self::copy::{Copied, copy_behind};
pub(crate) use self::fence::take_over;
pub use self::log::{LocalLog, LogFile, LogLayout, LogRead, LogStore};
pub use self::replay::{LogSpan, ReplayReport, Torn, inspect, replay};
use crate::latencies::{Latencies, LatencyCounts};
use crate::{BatchId, Clock, Error, ErrorKind, Result};

/// The most bytes of frames that wait for the log thread; further callers wait for room.
pub const QUEUE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The most bytes of frames that share one sync. A group holds at least one record.
pub const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest frame payload: one record, encoded. It bounds the memory that replay needs.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The size after which a log file is closed and the next one begun.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a row written with [`Durability::Interval`] may wait for its sync.
pub const SYNC_INTERVAL: Duration = Duration::from_millis(200);

/// The number of a frame: strictly increasing over all files and epochs, starting at 1. Zero is "before every frame".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The position that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one; zero stays zero.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one call appends: all of it is replayed, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What the batches are called together, if they must not be appended twice.
    pub batch_id: Option<BatchId>,
    /// The batches, in order; several may name the same table.
    pub entries: Vec<Entry>,
}

/// A batch for one table, in its own narrow schema. Field metadata survives the log, and with it the column ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The stable id of the table.
    pub table_id: u64,
    /// The rows.
    pub batch: RecordBatch,
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The rows survive a power cut: their frame was synced. Calls that wait together share one sync.
    #[default]
    Durable,
    /// The rows survive a killed process at once and a power cut after [`SYNC_INTERVAL`]. With the log in a bucket they survive
    /// both after [`SYNC_INTERVAL`] only.
    Interval,
    /// The rows are visible, and are lost with the process unless they were flushed before: they are not in the log.
    Memory,
}

/// The sizes and times of a log. `Default` is production.
#[derive(Clone, Debug)]
pub struct WalOptions {
    /// The size after which a file is closed and the next one begun.
    pub file_bytes_max: u64,
    /// How long an [`Interval`](Durability::Interval) row may wait for its sync.
    pub sync_interval: Duration,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { file_bytes_max: FILE_BYTES_MAX, sync_interval: SYNC_INTERVAL }
    }
}

/// Records that became durable (or as durable as their callers asked for) together, in log order.
#[derive(Debug)]
pub struct CommittedGroup {
    /// The records, in the order of their positions.
    pub records: Vec<Committed>,
}

impl CommittedGroup {
    /// The number of rows in all records.
    pub(crate) fn rows(&self) -> u64 {
        let entries = self.records.iter().flat_map(|committed| &committed.record.entries);
        entries.map(|entry| entry.batch.num_rows() as u64).sum()
    }
}

/// One record of a [`CommittedGroup`].
#[derive(Debug)]
pub struct Committed {
    /// The position of the record's frame; for a [`Memory`](Durability::Memory) record, of the frame before it.
    pub position: Position,
    /// The record itself.
    pub record: Record,
}

/// The writing end of the log: a handle on the thread that owns it.
///
/// Dropping it without [`close`](Self::close) stops the thread after what is queued, and waits for it.
#[derive(Debug)]
pub struct Wal {
    layout: LogLayout,
    shared: Arc<Shared>,
    messages: mpsc::Sender<Message>,
    /// Bounds what is queued, in bytes: every message but `Stop` holds a permit, so the channel itself needs no limit.
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread tells the handle.
#[derive(Debug, Default)]
struct Shared {
    poison: OnceLock<Error>,
    closed: AtomicBool,
    bytes: AtomicU64,
    syncs: Latencies,
}

/// A duty of the log thread. Every variant with an answer holds its share of the queue until it is answered.
#[derive(Debug)]
enum Message {
    Append(Request),
    Sync(Answer<()>),
    Rotate(Answer<Position>),
    RemoveBefore(Position, Answer<usize>),
    Close(Answer<()>),
    Stop,
}

#[derive(Debug)]
struct Answer<T> {
    reply: oneshot::Sender<Result<T>>,
    _room: OwnedSemaphorePermit,
}

impl<T> Answer<T> {
    /// Answers; a caller who no longer waits loses nothing but the answer.
    fn send(self, result: Result<T>) {
        drop(self.reply.send(result));
    }
}

#[derive(Debug)]
struct Request {
    record: Record,
    /// The frame with its header still blank; `None` for a record that stays out of the log.
    frame: Option<Vec<u8>>,
    durability: Durability,
    answer: Answer<Position>,
}

impl Wal {
    /// Starts the log thread behind what was replayed. The first append creates the first file of `epoch`.
    ///
    /// `deliver` runs on the log thread, once a group, in log order, after the sync and before the acknowledgements. It
    /// must not wait for this log.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start(
        log: Arc<dyn LogStore>,
        epoch: u64,
        replayed: &ReplayReport,
        options: WalOptions,
        clock: Arc<dyn Clock>,
        deliver: impl FnMut(CommittedGroup) + Send + 'static,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let layout = log.layout();
        let (messages, queue) = mpsc::channel();
        let writer = writer::Writer::new(log, epoch, replayed, options, clock, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("driftline-wal".to_owned())
            .spawn(move || writer.run(&queue, deliver))
            .map_err(|source| Error::io("start the log thread", source))?;
        Ok(Self {
            layout,
            shared,
            messages,
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            thread: Some(thread),
        })
    }

    /// Appends a record; returns its position once it is as durable as asked for, delivered, and thus visible.
    ///
    /// A caller who stops waiting does not take the record back: it may still be committed.
    ///
    /// # Errors
    /// `Invalid` for a record without entries or larger than [`FRAME_BYTES_MAX`]; `ResourceExhausted` for a full disk and
    /// `Unavailable` for any other failed write, both of which poison the log; `Closed` after [`close`](Self::close).
    pub async fn append(&self, record: Record, durability: Durability) -> Result<Position> {
        if record.entries.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "a log record needs at least one batch"));
        }
        let (frame, bytes) = match durability {
            Durability::Durable | Durability::Interval => {
                let frame = frame::blank(&record)?;
                let bytes = frame.len();
                (Some(frame), bytes)
            }
            Durability::Memory => {
                (None, record.entries.iter().map(|entry| entry.batch.get_array_memory_size()).sum())
            }
        };
        self.ask(bytes, |answer| Message::Append(Request { record, frame, durability, answer })).await
    }

    /// Syncs everything appended before.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn sync(&self) -> Result<()> {
        self.ask(1, Message::Sync).await
    }

    /// Syncs and closes the current file; the next append begins a new one. Returns the last position of the log.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn rotate(&self) -> Result<Position> {
        self.ask(1, Message::Rotate).await
    }

    /// Removes the files whose frames all lie before `position`, oldest first; returns how many. The present file goes too
    /// when nothing in it is needed; the next append begins another.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be removed. That does not poison the log: an old file too many is harmless.
    pub async fn remove_before(&self, position: Position) -> Result<usize> {
        self.ask(1, |answer| Message::RemoveBefore(position, answer)).await
    }

    /// Syncs and seals the log, and stops its thread. Later calls fail with `Closed`.
    ///
    /// The seal is an empty frame that says that everything before it was synced, so that a byte that flips afterwards is
    /// never taken for a torn tail.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn close(&self) -> Result<()> {
        self.ask(1, Message::Close).await
    }

    /// How the log is kept.
    pub(crate) fn layout(&self) -> LogLayout {
        self.layout
    }

    /// The error that poisoned the log, if one did.
    pub fn poisoned(&self) -> Option<Error> {
        self.shared.poison.get().cloned()
    }

    /// How long the syncs of log files took.
    pub(crate) fn syncs(&self) -> LatencyCounts {
        self.shared.syncs.counts()
    }

    /// Bytes that wait for the log thread, or are in its hands.
    pub(crate) fn queued_bytes(&self) -> u64 {
        (QUEUE_BYTES_MAX - self.room.available_permits()) as u64
    }

    /// The size of all log files.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    async fn ask<T>(&self, bytes: usize, message: impl FnOnce(Answer<T>) -> Message) -> Result<T> {
        self.shared.check()?;
        let share = u32::try_from(bytes.clamp(1, QUEUE_BYTES_MAX)).expect("QUEUE_BYTES_MAX fits u32");
        let room = Arc::clone(&self.room).acquire_many_owned(share).await;
        let (reply, answered) = oneshot::channel();
        let answer = Answer { reply, _room: room.expect("the semaphore is never closed") };
        self.messages.send(message(answer)).map_err(|_| self.shared.stopped())?;
        answered.await.unwrap_or_else(|_| Err(self.shared.stopped()))
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // fails only when the thread has stopped already
        drop(self.messages.send(Message::Stop));
        // the last owner may be the delivery itself, on the log thread: that one cannot wait for itself
        if thread.thread().id() != std::thread::current().id() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn check(&self) -> Result<()> {
        match self.poison.get() {
            Some(poison) => Err(poison.clone()),
            None if self.closed.load(Ordering::Acquire) => Err(self.stopped()),
            None => Ok(()),
        }
    }

    /// Why the thread does not answer.
    fn stopped(&self) -> Error {
        match self.poison.get() {
            Some(poison) => poison.clone(),
            None if self.closed.load(Ordering::Acquire) => Error::new(ErrorKind::Closed, "the log is closed"),
            None => Error::new(ErrorKind::Internal, "the log thread stopped unexpectedly"),
        }
    }
}

#[cfg(test)]
mod tests;
