//! The disk: files of the log with a live and a durable length, objects that are durable when their put returns.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use object_store::memory::InMemory;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{SimLog, SimStore};

/// The unit that a device writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A simulated disk that holds a log and an object store. Clones are handles on the same disk.
///
/// The process under test gets [`log`](Self::log) and [`store`](Self::store). The test decides what fails, and when all
/// is over, what a [crash](Self::crash) left.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    objects: Arc<InMemory>,
}

/// The two kinds of operations, counted separately: only writes make a difference to what a crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Opening, reading, listing, asking for lengths.
    Read,
    /// Everything that changes the disk, and every sync.
    Write,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device reports an error.
    Io,
    /// The device is full.
    DiskFull,
    /// It happens, but the answer is lost on the way.
    Unanswered,
}

/// On which side of an operation the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The operation does not happen.
    Before,
    /// It happens, but the process does not learn of it.
    After,
}

/// What takes the process down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// `kill -9`: the kernel lives, and every byte written is still there, synced or not.
    Killed,
    /// The power goes: every byte since the last sync is lost.
    Lost,
    /// The power goes while the device writes: some of the bytes since the last sync are there, some are not.
    Torn,
}

/// An operation that may happen now.
pub(super) struct Begun {
    operation: Operation,
    number: u64,
    is_unanswered: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) files: BTreeMap<String, SimFile>,
    reads: u64,
    writes: u64,
    stop: Option<(u64, Stop)>,
    stopped: bool,
    faults: Vec<(Operation, u64, Fault)>,
}

/// A log file.
#[derive(Clone, Debug, Default)]
pub(super) struct SimFile {
    /// What the process sees.
    pub(super) bytes: Vec<u8>,
    /// How much of it a power cut leaves.
    pub(super) synced: usize,
    /// A sync failed: the kernel has dropped what was unsynced then, and later syncs succeed without writing it.
    pub(super) sync_failed: bool,
}

impl SimDisk {
    /// Makes an empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The log on this disk.
    pub fn log(&self) -> Arc<SimLog> {
        Arc::new(SimLog::new(self.clone()))
    }

    /// The object store on this disk.
    pub fn store(&self) -> Arc<SimStore> {
        Arc::new(SimStore::new(self.clone(), Arc::clone(&self.objects)))
    }

    /// How many operations of a kind were asked for so far.
    pub fn operations(&self, operation: Operation) -> u64 {
        let state = self.lock();
        match operation {
            Operation::Read => state.reads,
            Operation::Write => state.writes,
        }
    }

    /// Lets the process die at write number `n`, counted from 1: everything after it fails.
    pub fn stop_at_write(&self, n: u64, stop: Stop) {
        self.lock().stop = Some((n, stop));
    }

    /// Whether the process has died.
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Lets operation number `n` of a kind, counted from 1, fail once. Later ones work again.
    pub fn fail(&self, operation: Operation, n: u64, fault: Fault) {
        self.lock().faults.push((operation, n, fault));
    }

    /// Takes the process down, and returns the disk that the next one finds. This one fails from now on.
    ///
    /// The same `seed` leaves the same bytes.
    #[must_use]
    pub fn crash(&self, crash: Crash, seed: u64) -> Self {
        let mut state = self.lock();
        state.stopped = true;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let files = state.files.iter().map(|(name, file)| (name.clone(), file.after(crash, &mut rng)));
        let state = State { files: files.collect(), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), objects: Arc::new(self.objects.fork()) }
    }

    /// The log files as the process sees them, by name.
    pub fn log_files(&self) -> Vec<(String, Vec<u8>)> {
        self.lock().files.iter().map(|(name, file)| (name.clone(), file.bytes.clone())).collect()
    }

    /// How many bytes of a log file a power cut leaves.
    pub fn synced_bytes(&self, name: &str) -> Option<usize> {
        self.lock().files.get(name).map(|file| file.synced)
    }

    /// Replaces the bytes of a log file behind the back of the process, durably.
    pub fn set_log_file(&self, name: &str, bytes: Vec<u8>) {
        let file = SimFile { synced: bytes.len(), bytes, sync_failed: false };
        self.lock().files.insert(name.to_owned(), file);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no operation panics while it holds the disk")
    }
}

impl State {
    /// Counts an operation; fails when it is the one to fail, or when the process is dead. On success, the operation may
    /// happen, and ends with [`finish`](Self::finish).
    pub(super) fn begin(&mut self, operation: Operation, doing: &dyn fmt::Display) -> io::Result<Begun> {
        let counter = match operation {
            Operation::Read => &mut self.reads,
            Operation::Write => &mut self.writes,
        };
        *counter += 1;
        let number = *counter;
        if operation == Operation::Write && self.stop == Some((number, Stop::Before)) {
            self.stopped = true;
        }
        if self.stopped {
            return Err(dead(doing));
        }
        match self.faults.iter().find(|(kind, n, _)| (*kind, *n) == (operation, number)) {
            Some((_, _, Fault::Unanswered)) => Ok(Begun { operation, number, is_unanswered: true }),
            Some((_, _, fault)) => Err(fault.error(doing)),
            None => Ok(Begun { operation, number, is_unanswered: false }),
        }
    }

    /// Whether a failed operation failed for its own sake, and not because the process is dead.
    pub(super) fn is_alive(&self) -> bool {
        !self.stopped
    }

    /// Ends an operation that was begun.
    pub(super) fn finish(&mut self, begun: Begun, doing: &dyn fmt::Display) -> io::Result<()> {
        if begun.operation == Operation::Write && self.stop == Some((begun.number, Stop::After)) {
            self.stopped = true;
            return Err(dead(doing));
        }
        match begun.is_unanswered {
            true => Err(Fault::Unanswered.error(doing)),
            false => Ok(()),
        }
    }
}

impl SimFile {
    /// What the next process finds of the file.
    fn after(&self, crash: Crash, rng: &mut impl Rng) -> Self {
        let mut bytes = self.bytes.clone();
        match crash {
            Crash::Killed => return self.clone(),
            Crash::Lost => bytes.truncate(self.synced),
            Crash::Torn if self.synced < bytes.len() => {
                // the length may have reached the device without all of the sectors, or a part of the bytes alone
                bytes.truncate(rng.random_range(self.synced..=bytes.len()));
                if rng.random_bool(0.5) {
                    let hole = rng.random_range(self.synced / SECTOR_BYTES..=bytes.len() / SECTOR_BYTES);
                    let start = (hole * SECTOR_BYTES).clamp(self.synced, bytes.len());
                    let end = ((hole + 1) * SECTOR_BYTES).clamp(self.synced, bytes.len());
                    bytes[start..end].fill(0);
                }
            }
            Crash::Torn => {}
        }
        Self { synced: bytes.len(), bytes, sync_failed: false }
    }
}

impl Fault {
    fn error(self, doing: &dyn fmt::Display) -> io::Error {
        match self {
            Self::Io => io::Error::other(format!("simulated input/output error: {doing}")),
            Self::DiskFull => {
                io::Error::new(io::ErrorKind::StorageFull, format!("simulated full device: {doing}"))
            }
            Self::Unanswered => io::Error::other(format!("simulated lost answer: {doing}")),
        }
    }
}

fn dead(doing: &dyn fmt::Display) -> io::Error {
    io::Error::other(format!("the simulated process is dead: {doing}"))
}
