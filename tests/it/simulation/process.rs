//! One process: an opened database, and what a caller of it may be told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use driftline_storage::{
    Error, ErrorKind, Result, Snapshot, Storage, StorageOptions,
    testing::{ManualClock, SimDisk},
};

use super::{
    ledger::{Bounds, Ledger, Survives},
    rows::{self, Seen},
    schedule::{Kind, Process, Schedule},
    store::{SlowLog, SlowStore, Written},
};

/// What all processes of a world share.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) schedule: Schedule,
    pub(super) clock: Arc<ManualClock>,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) written: Written,
    pub(super) processes: AtomicU64,
    /// How often something was removed that readers in other processes may need.
    pub(super) removals: AtomicU64,
    /// How many purges are under way.
    pub(super) purges: AtomicU64,
    pub(super) options: StorageOptions,
}

/// A process that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) scene: Arc<Scene>,
    pub(super) process: Process,
    pub(super) disk: SimDisk,
    pub(super) store: SlowStore,
    pub(super) log: SlowLog,
    pub(super) storage: Storage,
    /// The first version of the writer that took its place; zero before.
    pub(super) replaced_by: AtomicU64,
    /// Another writer is coming.
    pub(super) is_challenged: AtomicBool,
    pub(super) is_closing: AtomicBool,
    /// Its operations may have failed.
    pub(super) was_faulty: AtomicBool,
    /// Snapshots that were read, and what they showed.
    pub(super) kept: Mutex<Vec<(Snapshot, Seen)>>,
}

impl Scene {
    pub(super) fn next_process(&self) -> Process {
        self.processes.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Opens a database on a disk.
    pub(super) async fn open(
        &self,
        disk: &SimDisk,
        read_only: bool,
    ) -> (Process, SlowStore, SlowLog, Result<Storage>) {
        let process = self.next_process();
        let store = SlowStore::new(disk, &self.schedule, process, &self.written);
        let log = SlowLog::new(disk, &self.schedule, process);
        let builder = Storage::builder("simulated").options(self.options.clone()).seed(1).work_on_tasks(true);
        let builder = builder.clock(Arc::clone(&self.clock) as _).read_only(read_only);
        let opened = builder.object_store(Arc::new(store.clone())).log(Arc::new(log.clone())).open().await;
        (process, store, log, opened)
    }

    pub(super) fn compare(&self, what: &str, bounds: &Bounds, seen: &Seen) {
        for problem in bounds.problems(seen) {
            self.schedule.violated(format!("{what}: {problem}"));
        }
    }

    /// Reads all rows of a snapshot.
    pub(super) async fn read(&self, what: &str, snapshot: &Snapshot) -> Result<Seen> {
        let mut problems = Vec::new();
        let written = |number| self.ledger.lock().unwrap().row(number);
        let seen = rows::read(snapshot, written, &mut problems).await;
        for problem in problems {
            self.schedule.violated(format!("{what}: {problem}"));
        }
        seen
    }
}

impl Writer {
    /// Waits for a turn; says whether there is any point in going on.
    pub(super) async fn turn(&self, what: &str) -> bool {
        self.scene.schedule.pass(self.process, Kind::Turn, what).await;
        !self.disk.is_stopped()
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.scene.ledger.lock().unwrap().bounds(Survives::Life)
    }

    /// Whether another writer has taken its place, as far as anybody knows.
    pub(super) fn is_replaced(&self) -> bool {
        self.replaced_by.load(Ordering::SeqCst) > 0
    }

    /// Whether a version is one of the writer that took its place.
    pub(super) fn is_replaced_at(&self, version: u64) -> bool {
        self.is_replaced() && version >= self.replaced_by.load(Ordering::SeqCst)
    }

    pub(super) fn is_challenged(&self) -> bool {
        self.is_challenged.load(Ordering::SeqCst)
    }

    pub(super) fn violated(&self, what: String) {
        self.scene.schedule.violated(format!("process {}: {what}", self.process));
    }

    /// Takes note that a call made a version of the manifest, which only the present writer may.
    pub(super) fn committed(&self, what: &str, version: u64) {
        let replaced_by = self.replaced_by.load(Ordering::SeqCst);
        if replaced_by > 0 && version >= replaced_by {
            self.violated(format!(
                "{what} made version {version}, another writer has come with {replaced_by}"
            ));
        }
    }

    /// Looks whether a call may fail in this way.
    pub(super) fn failed(&self, what: &str, error: &Error) {
        self.scene.schedule.note(&format!("{}: {what} failed: {:?} {error}", self.process, error.kind()));
        let is_weak = self.disk.is_stopped() || self.was_faulty.load(Ordering::SeqCst);
        let is_allowed = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::ResourceExhausted => is_weak || self.is_replaced(),
            ErrorKind::Conflict => {
                self.is_challenged() || error.message().contains("while they were compacted")
            }
            ErrorKind::Closed => self.is_closing.load(Ordering::SeqCst),
            _ => false,
        };
        if !is_allowed {
            self.violated(format!("{what} must not fail so: {error:?}"));
        }
    }

    /// Reads a snapshot, unless the store does not answer.
    pub(super) async fn read(&self, what: &str, snapshot: &Snapshot) -> Option<Seen> {
        match self.scene.read(what, snapshot).await {
            Ok(seen) => Some(seen),
            Err(error) => {
                // snapshots of a writer that was replaced are nobody's concern: the next one does not know them
                if !self.is_replaced() {
                    self.failed(what, &error);
                }
                None
            }
        }
    }
}
