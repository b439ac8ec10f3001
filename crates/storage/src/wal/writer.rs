//! The log thread: the only writer of log files.
//!
//! What it guarantees to replay: a file is begun only after its predecessor was synced to the end; the header of a file is
//! synced before its first frame; the synced offset in a frame never exceeds what really was synced. In a bucket a sync
//! makes an object and ends it; while one is under way the next group gathers, so a slow store makes larger groups.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::frame::{self, FRAME_HEADER_BYTES, FileName, LogName};
use super::{
    Answer, Committed, CommittedGroup, Durability, GROUP_BYTES_MAX, LogFile, LogLayout, LogSpan, LogStore,
    Message, Position, ReplayReport, Request, Shared, WalOptions,
};
use crate::{Clock, Error, ErrorKind, Result};

pub(super) struct Writer {
    log: Arc<dyn LogStore>,
    epoch: u64,
    sequence: u64,
    options: WalOptions,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    /// The position of the next frame.
    next: Position,
    /// The file being written; `None` until the next append needs one.
    current: Option<Current>,
    /// The files before it, oldest first.
    closed: Vec<LogSpan>,
    /// When the oldest frame was written that no sync has covered.
    unsynced_since_ns: Option<u64>,
}

struct Current {
    name: LogName,
    /// What its frames belong to.
    id: FileName,
    file: Box<dyn LogFile>,
    first: Position,
    written: u64,
    synced: u64,
}

impl Writer {
    pub(super) fn new(
        log: Arc<dyn LogStore>,
        epoch: u64,
        replayed: &ReplayReport,
        options: WalOptions,
        clock: Arc<dyn Clock>,
        shared: Arc<Shared>,
    ) -> Self {
        let writer = Self {
            log,
            epoch,
            sequence: 0,
            options,
            clock,
            shared,
            next: replayed.last.next(),
            current: None,
            closed: replayed.files.iter().filter(|file| !file.stays).cloned().collect(),
            unsynced_since_ns: None,
        };
        writer.report_bytes();
        writer
    }

    /// Serves messages until the log is closed or nobody is left to send any.
    pub(super) fn run(mut self, queue: &Receiver<Message>, mut deliver: impl FnMut(CommittedGroup)) {
        let mut carried = None;
        loop {
            let message = match carried.take() {
                Some(message) => message,
                None => self.wait(queue),
            };
            match message {
                Message::Append(first) => {
                    let (group, next) = gather(first, queue);
                    carried = next;
                    self.commit(group, &mut deliver);
                }
                Message::Sync(answer) => answer.send(self.guarded(Self::sync)),
                Message::Rotate(answer) => answer.send(self.guarded(Self::rotate)),
                Message::RemoveBefore(position, answer) => answer.send(self.remove_before(position)),
                Message::Close(answer) => return self.close(answer),
                Message::Stop => {
                    // nobody waits for the result; what is not synced was not promised
                    drop(self.guarded(Self::sync));
                    return;
                }
            }
        }
    }

    /// Waits for a message, and syncs meanwhile what has waited long enough.
    fn wait(&mut self, queue: &Receiver<Message>) -> Message {
        loop {
            let Some(remaining) = self.until_sync() else {
                return queue.recv().unwrap_or(Message::Stop);
            };
            if remaining.is_zero() {
                // the next caller learns of a failure; the rows that it concerns were not promised durable
                drop(self.guarded(Self::sync));
                continue;
            }
            match queue.recv_timeout(remaining) {
                Ok(message) => return message,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Message::Stop,
            }
        }
    }

    /// How long the oldest unsynced frame may still wait; `None` when there is none.
    fn until_sync(&self) -> Option<Duration> {
        let since = self.unsynced_since_ns?;
        let waited = Duration::from_nanos(self.clock.monotonic_ns().saturating_sub(since));
        Some(self.options.sync_interval.saturating_sub(waited))
    }

    /// Commits a group, in the order of the protocol.
    fn commit(&mut self, mut group: Vec<Request>, deliver: &mut impl FnMut(CommittedGroup)) {
        let positions = match self.guarded(|writer| writer.write(&mut group)) {
            Ok(positions) => positions,
            Err(error) => {
                group.into_iter().for_each(|request| request.answer.send(Err(error.clone())));
                return;
            }
        };
        let (records, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .zip(&positions)
            .map(|(request, position)| {
                (Committed { position: *position, record: request.record }, request.answer)
            })
            .unzip();
        deliver(CommittedGroup { records });
        for (answer, position) in answers.into_iter().zip(positions) {
            answer.send(Ok(position));
        }
    }

    /// Writes the frames of a group and syncs them if one of them demands it.
    fn write(&mut self, group: &mut [Request]) -> Result<Vec<Position>> {
        let mut positions = Vec::with_capacity(group.len());
        for request in &mut *group {
            if let Some(mut frame) = request.frame.take() {
                self.write_frame(&mut frame)?;
            }
            positions.push(self.next.previous());
        }
        let demanded = group.iter().any(|request| request.durability == Durability::Durable);
        if demanded || self.until_sync().is_some_and(|remaining| remaining.is_zero()) {
            self.sync()?;
        }
        Ok(positions)
    }

    fn write_frame(&mut self, frame: &mut [u8]) -> Result<()> {
        if self.current.as_ref().is_some_and(|current| current.written >= self.options.file_bytes_max) {
            self.rotate()?;
        }
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                self.sequence += 1;
                let id = FileName { epoch: self.epoch, sequence: self.sequence };
                self.current.insert(Current::create(&*self.log, id, self.next)?)
            }
        };
        frame::complete(frame, current.id, self.next, current.synced);
        current.file.append(frame).map_err(|source| failed("write", current.name, source))?;
        current.written += frame.len() as u64;
        self.next = self.next.next();
        self.unsynced_since_ns.get_or_insert_with(|| self.clock.monotonic_ns());
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        if let Some(current) = &mut self.current
            && current.synced < current.written
        {
            let started_ns = self.clock.monotonic_ns();
            current.file.sync().map_err(|source| failed("sync", current.name, source))?;
            self.shared.syncs.record(self.clock.monotonic_ns().saturating_sub(started_ns));
            current.synced = current.written;
        }
        self.unsynced_since_ns = None;
        if self.log.layout() == LogLayout::Objects {
            self.let_go();
        }
        Ok(())
    }

    /// Syncs before it lets go of the file: only the last file of a log may have an unsynced tail.
    fn rotate(&mut self) -> Result<Position> {
        self.sync()?;
        self.let_go();
        Ok(self.next.previous())
    }

    fn let_go(&mut self) {
        if let Some(current) = self.current.take() {
            self.closed.push(LogSpan {
                name: current.name.to_string(),
                first: current.first,
                last: self.next.previous(),
                bytes: current.written,
                stays: false,
            });
        }
    }

    /// Removes oldest first. A file that could not be removed stays the oldest, so that no gap arises.
    fn remove_before(&mut self, position: Position) -> Result<usize> {
        self.shared.check()?;
        if self.next.previous() < position {
            // nothing in the present file is needed either
            self.guarded(Self::rotate)?;
        }
        let old = self.closed.iter().take_while(|file| file.last < position);
        let names: Vec<&str> = old.map(|file| file.name.as_str()).collect();
        let (gone, removed) = self.log.remove_all(&names);
        let removed = removed.map_err(|source| Error::io(format_args!("remove wal/{}", names[gone]), source));
        self.closed.drain(..gone);
        self.report_bytes();
        removed.map(|()| gone)
    }

    fn close(mut self, answer: Answer<()>) {
        let result = self.guarded(|writer| {
            writer.sync()?;
            // in a bucket it also says to the next writer that nobody follows
            if writer.current.is_some() || writer.log.layout() == LogLayout::Objects {
                writer.write_frame(&mut [0; FRAME_HEADER_BYTES])?;
                writer.sync()?;
            }
            Ok(())
        });
        self.shared.closed.store(true, Ordering::Release);
        answer.send(result);
    }

    /// Runs a step that writes, unless an earlier one failed; a failure poisons the log.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.shared.check()?;
        let result = step(self);
        self.report_bytes();
        result.map_err(|error| {
            let message = format!("{error}; reopen the database to write again");
            let poison = Error::new(error.kind(), message).with_source(error);
            tracing::error!(%poison, "the write-ahead log stopped");
            // an unsynced tail is nobody's promise any more
            self.unsynced_since_ns = None;
            self.shared.poison.get_or_init(|| poison).clone()
        })
    }

    /// Says how large the log is, before anybody learns of the step that changed it.
    fn report_bytes(&self) {
        let closed: u64 = self.closed.iter().map(|file| file.bytes).sum();
        let current = self.current.as_ref().map_or(0, |current| current.written);
        self.shared.bytes.store(closed + current, Ordering::Relaxed);
    }
}

impl Current {
    /// Begins a file: its header is durable before a frame can follow. An object becomes durable with its frames.
    fn create(log: &dyn LogStore, id: FileName, first: Position) -> Result<Self> {
        let (name, id) = match log.layout() {
            LogLayout::Files => (LogName::File(id), id),
            LogLayout::Objects => (LogName::Object(first), FileName { sequence: first.0, ..id }),
        };
        let header = frame::file_header(id, first);
        let mut file = log.create(&name.to_string()).map_err(|source| failed("create", name, source))?;
        file.append(&header).map_err(|source| failed("write", name, source))?;
        let written = header.len() as u64;
        let synced = match log.layout() {
            LogLayout::Files => {
                file.sync().map_err(|source| failed("sync", name, source))?;
                written
            }
            LogLayout::Objects => 0,
        };
        Ok(Self { name, id, file, first, written, synced })
    }
}

/// Takes what is queued behind the first request: a group ends at its size, or at a message that is no append.
fn gather(first: Request, queue: &mpsc::Receiver<Message>) -> (Vec<Request>, Option<Message>) {
    let size = |request: &Request| request.frame.as_ref().map_or(0, Vec::len);
    let mut bytes = size(&first);
    let mut group = vec![first];
    while bytes < GROUP_BYTES_MAX {
        match queue.try_recv() {
            Ok(Message::Append(request)) => {
                bytes += size(&request);
                group.push(request);
            }
            Ok(other) => return (group, Some(other)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    (group, None)
}

fn failed(doing: &str, name: LogName, source: std::io::Error) -> Error {
    if matches!(name, LogName::Object(_)) && source.kind() == std::io::ErrorKind::AlreadyExists {
        let message = format!("wal/{name} exists already: another writer has taken over this database");
        return Error::new(ErrorKind::Conflict, message).with_source(source);
    }
    Error::io(format_args!("{doing} wal/{name}"), source)
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("epoch", &self.epoch).field("next", &self.next).finish_non_exhaustive()
    }
}
