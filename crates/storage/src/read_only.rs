//! Opening a database for reading only: beside a writer in another process, and without changing a byte.
//!
//! A reader takes no lock and makes no root. It pins the newest root and reads the log behind it into memory, so it sees
//! every row that was acknowledged before. The log is read as it lies: rows of an append under way may be among them, and
//! an unfinished record at its end stays for the next writer to cut off.
//!
//! The writer works on meanwhile, and removes log files once a newer root has passed them. A root is always there before
//! anything goes, so an error that has such a cause is told from damage by a newer root: then the reader begins again,
//! from that one. A log that is empty may have such a cause, too.

mod follow;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    ids::Ids,
    location::Location,
    past,
    places::{LogId, Places},
    recovery::{LogTail, RecoveryReport},
    snapshot::Reading,
    state::State,
    storage::{Access, Core, Parts, Storage, StorageBuilder},
    wal::{self, LogStore, Position, ReplayReport},
    work::Work,
};

use follow::Follower;

/// How often a reader begins again before it gives up on a database that changes all the time.
const ATTEMPTS_MAX: usize = 16;
/// Rows that lie in no segment, as a multiple of `memtable_bytes`: the writer, which may have larger settings, keeps
/// two of its own.
const MEMTABLES_MAX: u64 = 64;

/// Opens a database for reading, in protocol order.
pub(crate) async fn open(builder: StorageBuilder) -> Result<Storage> {
    builder.options.validate()?;
    let clock: Arc<dyn Clock> = builder.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()));
    let started_ns = clock.monotonic_ns();
    let missing = || Error::missing(&builder.path);
    // 1. the places as they lie
    let location = Location::parse(&builder.path)?;
    if builder.store.is_none() && location.directory().is_some_and(|path| !path.is_dir()) {
        return Err(missing());
    }
    let mut places = Places::existing(&builder)?;
    let reading = Reading::new(Arc::clone(&places.store), &builder.options);
    let reading = Arc::new(reading.with_cache(places.cached.clone()));
    // 2. one moment: the newest root, and the log behind it
    let newest = reading.manifest.newest_version().await?.ok_or_else(missing)?;
    let access = builder.access;
    let rows_bytes_max = builder.options.memtable_bytes.as_u64().saturating_mul(MEMTABLES_MAX);
    let work = builder.work;
    let (state, read) = match access {
        Access::Past => {
            past::check(builder.as_of_ns, clock.as_ref())?;
            places.log = past::no_log();
            let root = reading.manifest.at(builder.as_of_ns).await?;
            places.log_id.as_ref().map_or(Ok(()), |log_id| log_id.check(&root))?;
            (past::state_of(&reading, root, work, started_ns).await?, ReplayReport::nothing())
        }
        Access::Read | Access::Write => {
            let (log_id, now_ns) = (places.log_id.as_ref(), started_ns);
            let moment = Moment { reading: &reading, log: &places.log, log_id, work, now_ns, rows_bytes_max };
            moment.settled(newest).await?
        }
    };
    // 3. it is served as it is: no log to write, no flush in the background
    let version = state.root().version;
    let epoch = state.root().writer_epoch;
    let (flusher, _nobody_listens) = mpsc::channel(1);
    let ids = Arc::new(Ids::new(Arc::clone(&clock), builder.seed, epoch));
    let elapsed = Duration::from_nanos(clock.monotonic_ns().saturating_sub(started_ns));
    let (options, path, log, requests) =
        (builder.options, places.path, Arc::clone(&places.log), places.requests);
    let parts = Parts {
        options,
        access,
        work,
        clock,
        ids,
        reading,
        requests,
        epoch,
        state,
        flusher,
        lock: None,
        path,
        log,
    };
    let core = Core::new(parts);
    core.serve(None, RecoveryReport::new(read, elapsed, version));
    let core = Arc::new(core);
    // 4. what the writer does from now on
    if access == Access::Read && !core.options.follow_interval.is_zero() {
        tokio::spawn(Follower::new(&core, places.log, places.log_id, rows_bytes_max).run());
    }
    Ok(Storage::new(core))
}

/// Reads one moment of a database that may change meanwhile.
struct Moment<'a> {
    reading: &'a Arc<Reading>,
    log: &'a Arc<dyn LogStore>,
    log_id: Option<&'a LogId>,
    work: Work,
    now_ns: u64,
    rows_bytes_max: u64,
}

impl Moment<'_> {
    /// Reads a moment whose root and log belong together.
    async fn settled(&self, mut version: u64) -> Result<(State, ReplayReport)> {
        for left in (0..ATTEMPTS_MAX).rev() {
            let read = self.read(version).await;
            // of a log without files it cannot be told whether there was anything in it when the root was the newest
            if read.as_ref().is_ok_and(|(_, read)| !read.files.is_empty()) {
                return read;
            }
            match self.reading.manifest.newest_version().await? {
                Some(newest) if newest > version && left > 0 => version = newest,
                Some(newest) if newest > version && read.is_ok() => break,
                _ => return read,
            }
        }
        let message = format!("the database changed {ATTEMPTS_MAX} times while it was opened: try again");
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    async fn read(&self, version: u64) -> Result<(State, ReplayReport)> {
        let root = Arc::new(self.reading.manifest.root(version).await?);
        // without a log directory a reader sees what is flushed; with another one's he would see rows of another database
        self.log_id.map_or(Ok(()), |log_id| log_id.check(&root))?;
        let last = Position(root.flushed_max());
        let mut state = State::new(Arc::clone(&root), last, Arc::clone(self.reading));
        let log = self.reading.log_of(&root, Arc::clone(self.log)).await?;
        let mut tail = LogTail::behind(&root, log, wal::inspect, self.work);
        let mut rows = 0;
        while let Some(group) = tail.next().await {
            rows += group.rows();
            state = state.delivered(group, self.now_ns);
            if state.memory_bytes() as u64 > self.rows_bytes_max {
                return Err(too_many_rows(self.rows_bytes_max));
            }
        }
        Ok((state, ReplayReport { rows, ..tail.end().await? }))
    }
}

fn too_many_rows(bytes_max: u64) -> Error {
    let message = format!(
        "more than {bytes_max} bytes of rows lie in the log alone: a reader cannot hold them, flush them first"
    );
    Error::new(ErrorKind::ResourceExhausted, message)
}

#[cfg(test)]
mod tests;
