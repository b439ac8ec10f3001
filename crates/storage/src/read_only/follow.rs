//! A reader follows the writer: it looks now and then whether there is a newer root, or more in the log, and shows what it finds.
//!
//! What is shown is always one whole moment, read as the first one was. Snapshots that were taken before stay what they are.

use std::sync::{Arc, Weak};

use tokio::time::MissedTickBehavior;

use super::Moment;
use crate::{
    error::{Error, Result},
    places::LogId,
    recovery::LogTail,
    storage::Core,
    wal::{self, LogStore, Position},
};

/// The task of a reader that follows. It does not keep the storage open: when the last handle goes, it ends.
pub(super) struct Follower {
    core: Weak<Core>,
    log: Arc<dyn LogStore>,
    log_id: Option<LogId>,
    rows_bytes_max: u64,
    /// The files of the log and their sizes, when it was read last.
    seen: Vec<(String, u64)>,
}

impl Follower {
    pub(super) fn new(
        core: &Arc<Core>,
        log: Arc<dyn LogStore>,
        log_id: Option<LogId>,
        rows_bytes_max: u64,
    ) -> Self {
        Self { core: Arc::downgrade(core), log, log_id, rows_bytes_max, seen: Vec::new() }
    }

    /// Works until the storage is closed or dropped.
    pub(super) async fn run(mut self) {
        let Some(interval) = self.core.upgrade().map(|core| core.options.follow_interval) else { return };
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(core) = self.core.upgrade().filter(|core| core.check_open().is_ok()) else { return };
            if let Err(error) = self.look(&core).await {
                tracing::warn!(%error, "the reader stays at version {}", core.state().root().version);
            }
        }
    }

    pub(super) async fn look(&mut self, core: &Arc<Core>) -> Result<()> {
        let files = self.files().await?;
        let version = core.reading.manifest.newest_version().await?.unwrap_or(0);
        let shown = core.state();
        if files == self.seen && version == shown.root().version {
            return Ok(());
        }
        if version == shown.root().version {
            self.read_on(core, shown.last()).await?;
        } else {
            let now_ns = core.clock.monotonic_ns();
            let (reading, work, rows_bytes_max) = (&core.reading, core.work, self.rows_bytes_max);
            let (log, log_id) = (&self.log, self.log_id.as_ref());
            let moment = Moment { reading, log, log_id, work, now_ns, rows_bytes_max };
            let (state, _) = moment.settled(version).await?;
            core.ids.enter(state.root().writer_epoch);
            core.publish(|_| (state, ()));
        }
        self.seen = files;
        Ok(())
    }

    /// Adds what the log has behind a position, under the same root.
    async fn read_on(&self, core: &Arc<Core>, last: Position) -> Result<()> {
        let root = Arc::clone(core.state().root());
        let mut tail = LogTail::from(&root, last.next(), Arc::clone(&self.log), wal::inspect, core.work);
        let mut state = core.state().as_ref().clone();
        while let Some(group) = tail.next().await {
            state = state.delivered(group, core.clock.monotonic_ns());
            if state.memory_bytes() as u64 > self.rows_bytes_max {
                return Err(super::too_many_rows(self.rows_bytes_max));
            }
        }
        tail.end().await?;
        core.publish(|_| (state, ()));
        Ok(())
    }

    async fn files(&self) -> Result<Vec<(String, u64)>> {
        let log = Arc::clone(&self.log);
        let listed = tokio::task::spawn_blocking(move || {
            log.sizes().map(|mut files| {
                files.sort_unstable();
                files
            })
        });
        let listed = listed.await.map_err(|error| Error::internal("a reader stopped").with_source(error))?;
        listed.map_err(|source| Error::io("list the log", source))
    }
}
