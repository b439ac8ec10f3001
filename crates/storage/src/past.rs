//! The database as it was: a version that is kept, instead of the newest.
//!
//! A version shows what was committed when it was made: rows that a flush or a load had moved into segments, and of these not what was deleted
//! by then. Rows that lay in memory at that time are in the version of their flush alone. Versions are kept for the grace period and
//! as long as somebody reads them; in a backup until it is pruned.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
    manifest::{Manifest, Root},
    recovery::LogTail,
    snapshot::{Reading, Snapshot},
    state::State,
    storage::{Access, Storage},
    wal::{self, CopiedLog, LogStore, Position},
    work::Work,
};

/// How often a version is looked for again because another process removed one that was looked at.
const ATTEMPTS_MAX: usize = 16;

impl Storage {
    /// Takes a snapshot of the newest version that was made at a time, in nanoseconds since 1970, or before.
    ///
    /// # Errors
    /// `NotFound` where none is kept that is so old: the message names the earliest; `Invalid` for a time that is still to come;
    /// `Corrupted` and `Unavailable` as reading meets them.
    pub async fn snapshot_at(&self, time_ns: i64) -> Result<Snapshot> {
        self.core.check_open()?;
        let core = &self.core;
        check(time_ns, core.clock.as_ref())?;
        if core.access == Access::Past && core.state().root().created_at <= time_ns {
            return Ok(self.snapshot());
        }
        // what is found is not removed before it is pinned
        let _no_collection = core.collections.lock().await;
        let root = core.reading.manifest.at(time_ns).await?;
        let state = state_of(&core.reading, root, core.work, core.clock.monotonic_ns()).await?;
        Ok(Snapshot::new(Arc::new(state)))
    }
}

impl Manifest {
    /// The newest root that was made at a time or before.
    pub(crate) async fn at(&self, time_ns: i64) -> Result<Root> {
        let mut attempts = 1..=ATTEMPTS_MAX;
        loop {
            let _ = attempts.next();
            match self.look_for(time_ns).await {
                // the writer has removed the oldest versions meanwhile
                Err(error) if error.kind() == ErrorKind::Corrupted && !attempts.is_empty() => {}
                found => return found,
            }
        }
    }

    /// Versions come in the order of time, or nearly so where a clock was set back: then it is one of those around.
    async fn look_for(&self, time_ns: i64) -> Result<Root> {
        let versions = self.versions().await?;
        let (mut found, mut from, mut to) = (None, 0, versions.len());
        while from < to {
            let middle = from + (to - from) / 2;
            let root = self.root(versions[middle]).await?;
            if root.created_at <= time_ns {
                found = Some(root);
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        match (found, versions.first()) {
            (Some(root), _) => Ok(root),
            (None, Some(oldest)) => {
                let earliest = self.root(*oldest).await?.created_at;
                let message = format!(
                    "no version of the database from {} is kept: the earliest is from {}",
                    shown(time_ns),
                    shown(earliest)
                );
                Err(Error::new(ErrorKind::NotFound, message))
            }
            (None, None) => Err(Error::new(ErrorKind::NotFound, "there is no version of the database")),
        }
    }
}

/// What a root alone shows: its segments, and the piece of a log that it names.
pub(crate) async fn state_of(reading: &Arc<Reading>, root: Root, work: Work, now_ns: u64) -> Result<State> {
    let root = Arc::new(root);
    let mut state = State::new(Arc::clone(&root), Position(root.flushed_max()), Arc::clone(reading));
    let log = reading.log_of(&root, no_log()).await?;
    let mut tail = LogTail::behind(&root, log, wal::inspect, work);
    while let Some(group) = tail.next().await {
        state = state.delivered(group, now_ns);
    }
    tail.end().await?;
    Ok(state)
}

/// A log without files.
pub(crate) fn no_log() -> Arc<dyn LogStore> {
    Arc::new(CopiedLog::before(0, Vec::new(), None))
}

/// Refuses a time of which nothing can be known.
pub(crate) fn check(time_ns: i64, clock: &dyn Clock) -> Result<()> {
    if time_ns > clock.now_ns() {
        return Err(Error::invalid(format!("{} is still to come", shown(time_ns))));
    }
    Ok(())
}

/// A time as it may be given again.
fn shown(time_ns: i64) -> String {
    let duration = Duration::from_nanos(time_ns.unsigned_abs());
    let time = match time_ns < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(duration),
        false => SystemTime::UNIX_EPOCH.checked_add(duration),
    };
    match time.filter(|time| *time >= SystemTime::UNIX_EPOCH) {
        Some(time) => humantime::format_rfc3339_nanos(time).to_string(),
        None => format!("{time_ns} ns since 1970"),
    }
}

#[cfg(test)]
mod tests;
