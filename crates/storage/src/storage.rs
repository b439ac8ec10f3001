//! The storage engine as its users see it, and what its parts share.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use object_store::ObjectStore;
use tokio::sync::{Notify, mpsc};

use crate::{
    batches::Batches,
    clock::Clock,
    error::{Error, Result},
    flush,
    ids::Ids,
    latencies::{Latencies, LatencyCounts},
    lock::Lock,
    maintenance::{MaintenanceCounter, MaintenanceCounts},
    object::{RequestCounts, Requests},
    options::StorageOptions,
    pins::Pins,
    read_only,
    recovery::{self, RecoveryReport},
    snapshot::{Reading, Snapshot},
    state::State,
    wal::{LogStore, Wal},
    work::Work,
};

/// Durable time-ordered tables in one directory or bucket, open for writing or for reading only. Cheap to clone; all clones are one
/// database.
///
/// [`close`](Self::close) it: dropping the last clone ends the background work, but does not wait for it.
#[derive(Debug, Clone)]
pub struct Storage {
    pub(crate) core: Arc<Core>,
    _handle: Arc<Handle>,
}

/// What all clones of a storage share and its background work does not: with the last of them it stops.
#[derive(Debug)]
struct Handle {
    stopped: Arc<AtomicBool>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// How to open a [`Storage`].
#[derive(Debug)]
pub struct StorageBuilder {
    pub(crate) path: PathBuf,
    pub(crate) options: StorageOptions,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) seed: Option<u64>,
    pub(crate) store: Option<Arc<dyn ObjectStore>>,
    pub(crate) log: Option<Arc<dyn LogStore>>,
    pub(crate) access: Access,
    pub(crate) as_of_ns: i64,
    pub(crate) create_missing: bool,
    pub(crate) work: Work,
}

/// What the storage is doing.
#[derive(Debug, Clone)]
pub struct Status {
    /// Bytes of rows in memory.
    pub memtable_bytes: u64,
    /// Rows in memory.
    pub memtable_rows: u64,
    /// Bytes of all log files.
    pub wal_bytes: u64,
    /// The version of the manifest.
    pub manifest_version: u64,
    /// The last log position that queries see.
    pub position: u64,
    /// Why nothing can be written until the storage is opened again.
    pub poisoned: Option<Error>,
    /// Why the last flush failed; it is tried again.
    pub flush_error: Option<Error>,
    /// How long the syncs of the log took.
    pub wal_syncs: LatencyCounts,
    /// Bytes that wait for the log.
    pub wal_queued_bytes: u64,
    /// How long the flushes took that moved rows.
    pub flushes: LatencyCounts,
    /// Segments of all tables in the newest version.
    pub segments: u64,
    /// Bytes of these segments.
    pub segment_bytes: u64,
    /// What maintenance has done.
    pub maintenance: MaintenanceCounts,
    /// Requests to the object store.
    pub requests: RequestCounts,
}

/// What a database is open for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The one writer: holds the lock, owns the log, makes roots.
    Write,
    /// One of many readers: follows the writer and changes nothing.
    Read,
    /// A reader that stays at a version.
    Past,
}

/// What all clones of a storage and its background work share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: StorageOptions,
    pub(crate) access: Access,
    pub(crate) work: Work,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) reading: Arc<Reading>,
    /// The directory, where something of the database lies in one.
    pub(crate) path: Option<PathBuf>,
    /// The files of the log, for reading them.
    pub(crate) log: Arc<dyn LogStore>,
    pub(crate) requests: Arc<Requests>,
    /// The number of this writer; a reader has that of the last one.
    pub(crate) epoch: u64,
    pub(crate) state: RwLock<Arc<State>>,
    pub(crate) batches: Batches,
    /// Held for the length of a commit.
    pub(crate) commits: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever replaces segments by others, or goes by the numbers of their rows.
    pub(crate) rewrites: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever merges segments.
    pub(crate) compactions: tokio::sync::Mutex<()>,
    /// Held by whoever removes what no version needs.
    pub(crate) collections: tokio::sync::Mutex<()>,
    /// Since when objects may have been written that nothing names yet, in milliseconds since 1970.
    pub(crate) unnamed: Pins,
    /// No result of long work is wanted any more.
    pub(crate) stopped: Arc<AtomicBool>,
    pub(crate) flusher: mpsc::Sender<flush::Message>,
    pub(crate) flushes: Latencies,
    pub(crate) maintenance: MaintenanceCounter,
    /// Told after every attempt to flush.
    pub(crate) flushed: Notify,
    wal: OnceLock<Wal>,
    recovery: OnceLock<RecoveryReport>,
    poison: OnceLock<Error>,
    flush_error: Mutex<Option<Error>>,
    /// Nothing new is admitted.
    closed: AtomicBool,
    /// The last flush is done: no commit begins any more.
    ended: AtomicBool,
    /// Given back by the close, or with the last clone. Declared behind the log: its thread has ended by then.
    lock: Mutex<Option<Lock>>,
}

impl Storage {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let handle = Arc::new(Handle { stopped: Arc::clone(&core.stopped) });
        Self { core, _handle: handle }
    }

    /// Opens the database in a directory or bucket (see [`Location`](crate::Location)) with production settings, making it where there
    /// is none.
    ///
    /// # Errors
    /// As [`StorageBuilder::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(path).open().await
    }

    /// Starts to say how to open the database in a directory or bucket (see [`Location`](crate::Location)).
    pub fn builder(path: impl Into<PathBuf>) -> StorageBuilder {
        let options = StorageOptions::default();
        let (access, work) = (Access::Write, Work::default());
        StorageBuilder {
            path: path.into(),
            options,
            clock: None,
            seed: None,
            store: None,
            log: None,
            access,
            as_of_ns: i64::MAX,
            create_missing: true,
            work,
        }
    }

    /// Says what the open found and repaired.
    pub fn recovery(&self) -> &RecoveryReport {
        self.core.recovery.get().expect("a storage is handed out after its recovery")
    }

    /// Takes a snapshot of all tables: every acknowledged row, and no later change.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.core.state())
    }

    /// Says what the storage is doing.
    pub fn status(&self) -> Status {
        let state = self.core.state();
        let wal = self.core.wal.get();
        let partitions = || state.root().tables.iter().flat_map(|table| &table.partitions);
        Status {
            memtable_bytes: state.memory_bytes() as u64,
            memtable_rows: state.tables().map(|table| table.memory_rows() as u64).sum(),
            wal_bytes: wal.map_or(self.recovery().log_bytes, Wal::bytes),
            manifest_version: state.root().version,
            position: state.last().0,
            poisoned: self.core.poison.get().cloned().or_else(|| wal.and_then(Wal::poisoned)),
            flush_error: self.core.flush_error(),
            wal_syncs: wal.map(Wal::syncs).unwrap_or_default(),
            wal_queued_bytes: wal.map_or(0, Wal::queued_bytes),
            flushes: self.core.flushes.counts(),
            segments: partitions().map(|partition| partition.segments).sum(),
            segment_bytes: partitions().map(|partition| partition.bytes).sum(),
            maintenance: self.core.maintenance.counts(),
            requests: self.core.requests.counts(),
        }
    }

    /// Says whether the database is open for reading only.
    pub fn is_read_only(&self) -> bool {
        self.core.access != Access::Write
    }

    /// Fails where nothing can be written: for work that is better not begun.
    ///
    /// # Errors
    /// `Closed` after [`close`](Self::close), `Invalid` where the database is open for reading only, and the cause where
    /// only opening again helps.
    pub fn check_writable(&self) -> Result<()> {
        self.core.check_writable()
    }

    /// Flushes all rows, ends the background work and gives the database free. Snapshots stay readable; every later
    /// write fails with `Closed`. Closing twice is no error.
    ///
    /// # Errors
    /// Those of a flush. The database is closed all the same, and its acknowledged rows are in the log.
    pub async fn close(&self) -> Result<()> {
        if self.core.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.core.stopped.store(true, Ordering::Relaxed);
        if self.is_read_only() {
            return Ok(());
        }
        // 1. no append is admitted any more; those under way end in the log and in memory
        let synced = self.core.wal()?.sync().await;
        // 2. the flush task moves all rows into segments and ends
        let flushed = self.core.ask_flusher(|reply| flush::Message::Stop { reply }).await;
        // 3. in a bucket the root passes all of the log, so that what is left of it can go
        let cleared = match flushed {
            Ok(_) => self.core.clear_log_objects().await,
            Err(_) => Ok(()),
        };
        // 4. commits of others that are under way end, and no other begins
        let turn = self.core.commits.lock().await;
        self.core.ended.store(true, Ordering::SeqCst);
        drop(turn);
        // 5. the log is sealed
        let sealed = self.core.wal()?.close().await;
        // 6. the next writer may come
        drop(self.core.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        synced.and(flushed.map(drop)).and(cleared).and(sealed)
    }
}

impl StorageBuilder {
    /// Sets the settings.
    #[must_use]
    pub fn options(self, options: StorageOptions) -> Self {
        Self { options, ..self }
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Makes the names of objects repeatable.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Keeps manifest and segments in another store than the directory. With the URL of a bucket as path the log lies in it, too.
    #[must_use]
    pub fn object_store(self, store: Arc<dyn ObjectStore>) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Keeps the log elsewhere than in the directory.
    #[must_use]
    pub fn log(self, log: Arc<dyn LogStore>) -> Self {
        Self { log: Some(log), ..self }
    }

    /// Opens for reading only: beside a writer in another process, and without changing a byte. The storage shows every
    /// row that was acknowledged before the open began (of rows with `Durability::Memory`, those that are flushed), and follows
    /// the writer from then on, every [`follow_interval`](StorageOptions::follow_interval). A snapshot stays what it is; its files are
    /// there for the grace period of the writer. Whatever would write fails with `Invalid`.
    #[must_use]
    pub fn read_only(self, read_only: bool) -> Self {
        let access = match (read_only, self.access) {
            (true, Access::Past) => Access::Past,
            (true, _) => Access::Read,
            (false, _) => Access::Write,
        };
        Self { access, ..self }
    }

    /// Opens for reading only, at the newest version that was made at a time, in nanoseconds since 1970, or before; rows that lay in memory
    /// then are not part of it. Its files are there for the grace period of the writer, in a backup until it is pruned. The open fails with
    /// `NotFound` where no version is kept that is so old, and the message names the earliest.
    #[must_use]
    pub fn as_of(self, time_ns: i64) -> Self {
        Self { access: Access::Past, as_of_ns: time_ns, ..self }
    }

    /// Whether a database is made where there is none (the default). Otherwise that fails with `NotFound`, as it does for a reader.
    #[must_use]
    pub fn create_missing(self, create_missing: bool) -> Self {
        Self { create_missing, ..self }
    }

    /// Encodes, merges and reads the log on the tasks of the runtime instead of threads of their own, where that is asked for: a
    /// simulation on one thread then meets the same order each time. The thread of the log stays.
    #[must_use]
    pub fn work_on_tasks(self, on_tasks: bool) -> Self {
        Self { work: if on_tasks { Work::Tasks } else { Work::Threads }, ..self }
    }

    /// Opens the database: for writing it takes the lock (in a bucket it fences the log) and the next writer epoch, then replays the
    /// log.
    ///
    /// # Errors
    /// `Conflict` when another process has it open for writing, too (in a bucket: when it comes later); `NotFound` when there is none
    /// to read; `Corrupted`,
    /// naming the object, when its bytes are not those that were written; `Invalid` for a setting out of range;
    /// `ResourceExhausted` when a reader would have to hold too many rows that lie in no segment.
    pub async fn open(self) -> Result<Storage> {
        match self.access {
            Access::Write => recovery::open(self).await,
            Access::Read | Access::Past => read_only::open(self).await,
        }
    }
}

/// What [`Core`] is made of, before the log is replayed.
pub(crate) struct Parts {
    pub(crate) options: StorageOptions,
    pub(crate) access: Access,
    pub(crate) work: Work,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) reading: Arc<Reading>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) epoch: u64,
    pub(crate) state: State,
    pub(crate) flusher: mpsc::Sender<flush::Message>,
    pub(crate) lock: Option<Lock>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) log: Arc<dyn LogStore>,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            options: parts.options,
            access: parts.access,
            work: parts.work,
            clock: parts.clock,
            ids: parts.ids,
            reading: parts.reading,
            path: parts.path,
            log: parts.log,
            requests: parts.requests,
            epoch: parts.epoch,
            state: RwLock::new(Arc::new(parts.state)),
            batches: Batches::default(),
            commits: Arc::default(),
            rewrites: Arc::default(),
            compactions: tokio::sync::Mutex::default(),
            collections: tokio::sync::Mutex::default(),
            unnamed: Pins::default(),
            stopped: Arc::default(),
            flusher: parts.flusher,
            flushes: Latencies::default(),
            maintenance: MaintenanceCounter::default(),
            flushed: Notify::new(),
            wal: OnceLock::new(),
            recovery: OnceLock::new(),
            poison: OnceLock::new(),
            flush_error: Mutex::new(None),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            lock: Mutex::new(parts.lock),
        }
    }

    /// Starts to serve: sets what is known once the log is read. A reader has no log to write.
    pub(crate) fn serve(&self, wal: Option<Wal>, report: RecoveryReport) {
        let fresh = wal.is_none_or(|wal| self.wal.set(wal).is_ok()) && self.recovery.set(report).is_ok();
        debug_assert!(fresh, "a storage starts to serve once");
    }

    pub(crate) fn wal(&self) -> Result<&Wal> {
        self.wal.get().ok_or_else(|| Error::internal("the log is not open yet"))
    }

    /// Syncs the log; while it is replayed there is nothing to sync.
    pub(crate) async fn sync_log(&self) -> Result<()> {
        match self.wal.get() {
            Some(wal) => wal.sync().await,
            None => Ok(()),
        }
    }

    /// Refuses work after the close and after a failure that only a reopen repairs.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        self.check_poison()
    }

    /// Refuses what only the open writer may do.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        match self.access {
            Access::Write => Ok(()),
            Access::Read | Access::Past => Err(Error::invalid("the database is open for reading only")),
        }
    }

    pub(crate) fn check_poison(&self) -> Result<()> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        self.poison.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Stops all writing for good; the first cause stays. Returns the error for its caller.
    pub(crate) fn stop(&self, error: Error) -> Error {
        tracing::error!(%error, "the writer stops until the database is opened again");
        self.poison.get_or_init(|| error.clone());
        error
    }

    pub(crate) fn flush_error(&self) -> Option<Error> {
        self.flush_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_flush_error(&self, error: Option<Error>) {
        *self.flush_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

#[cfg(test)]
mod tests;
