//! Commits: the one way in which the manifest changes.
//!
//! One commit at a time. It starts from the newest root, changes a copy, creates it under the next number and then
//! publishes it together with what leaves memory. A failed create whose outcome is unknown stops the writer: to go on
//! would mean to guess which version is the truth.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use crate::{
    deletion::DeletionRef,
    error::{Error, ErrorKind, Result},
    manifest::{DayList, Root},
    pins::Pin,
    segment::SegmentMeta,
    state::{Frozen, State},
    storage::Core,
};

/// What changes in the segments of one partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionChange {
    pub(crate) added: Vec<Arc<SegmentMeta>>,
    /// Segments that leave, by their ids.
    pub(crate) removed: BTreeSet<String>,
    /// Segments that stay with fewer rows: what is deleted of them from now on.
    pub(crate) deletions: BTreeMap<String, DeletionRef>,
}

impl PartitionChange {
    pub(crate) fn add(added: Vec<Arc<SegmentMeta>>) -> Self {
        Self { added, ..Self::default() }
    }

    /// The segments of the partition afterwards.
    fn apply(mut self, before: &[Arc<SegmentMeta>]) -> Vec<Arc<SegmentMeta>> {
        // what comes in the place of others keeps their place: rows of equal keys keep the order of their commits
        let place =
            before.iter().position(|segment| self.removed.contains(&segment.id)).unwrap_or(before.len());
        let stay = before.iter().filter(|segment| !self.removed.contains(&segment.id));
        let mut after: Vec<Arc<SegmentMeta>> = stay
            .map(|segment| match self.deletions.remove(&segment.id) {
                Some(found) => Arc::new(SegmentMeta { deletions: Some(found), ..segment.as_ref().clone() }),
                None => Arc::clone(segment),
            })
            .collect();
        after.splice(place..place, self.added.drain(..));
        after
    }
}

/// A change of the manifest under way. Dropping it changes nothing.
pub(crate) struct Commit {
    core: Arc<Core>,
    pub(crate) root: Root,
    /// Keeps what is written and not named yet.
    _unnamed: Pin,
    _one_at_a_time: OwnedMutexGuard<()>,
}

impl Core {
    /// Waits for its turn and starts from the newest root.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<Commit> {
        let turn = Arc::clone(&self.commits).lock_owned().await;
        self.check_poison()?;
        Ok(Commit {
            core: Arc::clone(self),
            root: self.state().root().as_ref().clone(),
            _unnamed: self.keep_unnamed(),
            _one_at_a_time: turn,
        })
    }

    /// Replaces the state; what `next` builds is visible at once and whole.
    pub(crate) fn publish<T>(&self, next: impl FnOnce(&State) -> (State, T)) -> T {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let (next, value) = next(&state);
        *state = Arc::new(next);
        value
    }

    /// Returns the present state.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Commit {
    /// Changes the segments of a partition. Writes the new day list; the root names it from [`finish`](Self::finish) on. A
    /// partition without segments is none.
    pub(crate) async fn change_partition(
        &mut self,
        table: u64,
        partition: &str,
        change: PartitionChange,
    ) -> Result<()> {
        let manifest = &self.core.reading.manifest;
        let Some(record) = self.root.table_by_id(table) else { return Ok(()) };
        let before = record.partition(partition);
        // what only loses is still known by where it came from
        let origin = before.filter(|_| change.added.is_empty()).map(|entry| entry.origin().to_owned());
        let segments = match before {
            Some(entry) => match manifest.day_list(table, entry).await {
                Ok(list) => change.apply(&list.segments),
                Err(error) => return Err(self.core.judge_unreadable(self.root.version, error).await),
            },
            None => change.apply(&[]),
        };
        let entry = match segments.is_empty() {
            true => None,
            false => {
                let (id, partition) = (self.core.ids.next_id(), partition.to_owned());
                Some(manifest.put_day_list(DayList { id, origin, table, partition, segments }).await?)
            }
        };
        if let Some(record) = self.root.table_mut(table) {
            match entry {
                Some(entry) => record.set_partition(entry),
                None => record.partitions.retain(|entry| entry.key != partition),
            }
        }
        Ok(())
    }

    /// Creates the new root and publishes it without the rows that it moved into segments. Returns its version.
    ///
    /// # Errors
    /// `Conflict` when another writer created the version first. Every error but that of a root that certainly was
    /// not created stops the writer until the storage is opened again.
    pub(crate) async fn finish(mut self, flushed: Vec<Frozen>) -> Result<u64> {
        let before = self.core.state();
        // a root must not name a position that a loss of power could take back and give to another record
        self.core.sync_log().await?;
        self.root.version += 1;
        self.root.writer_epoch = self.core.epoch;
        self.root.created_at = self.core.clock.now_ns();
        self.move_positions(&before, &flushed);
        self.remember_filters();
        self.core.remember_batches(&mut self.root).await?;
        // a caller who stops waiting must not leave a root that was created and not published
        let task = tokio::spawn(self.create_and_publish(flushed));
        task.await.unwrap_or_else(|error| Err(Error::internal("a commit stopped").with_source(error)))
    }

    /// Says how much of the log each table has behind it, and the whole database.
    fn move_positions(&mut self, before: &State, flushed: &[Frozen]) {
        for frozen in flushed {
            if let Some(record) = self.root.table_mut(frozen.table.id()) {
                record.flushed = frozen.position.0;
            }
        }
        for table in before.tables().filter(|table| table.memory_rows() == 0) {
            // nothing of it in memory: all that the log has of it so far lies in segments
            if let Some(record) = self.root.table_mut(table.id()) {
                record.flushed = record.flushed.max(before.last().0);
            }
        }
        self.root.log_flushed =
            self.root.tables.iter().map(|table| table.flushed).min().unwrap_or(before.last().0);
        let log_flushed = self.root.log_flushed;
        self.root.log_copy = self.root.log_copy.take().filter(|copy| copy.last > log_flushed);
    }

    /// What queries filter by is known to the next process, too.
    fn remember_filters(&mut self) {
        let filters = &self.core.reading.filters;
        let ids: Vec<u64> = self.root.tables.iter().map(|table| table.id).collect();
        filters.retain(|table| ids.contains(&table));
        for id in ids {
            let often = filters.often(id);
            let is_news = self.root.table_by_id(id).is_some_and(|record| !often.is_subset(&record.filtered));
            if is_news && let Some(record) = self.root.table_mut(id) {
                record.filtered.extend(often);
            }
        }
    }

    async fn create_and_publish(self, flushed: Vec<Frozen>) -> Result<u64> {
        let version = self.root.version;
        if let Err(error) = self.core.reading.manifest.create(&self.root).await {
            self.core.batches.forgotten();
            return Err(self.core.judge_failed_create(version, error).await);
        }
        self.core.check_follows(version).await?;
        let root = Arc::new(self.root);
        self.core.publish(|state| (state.committed(root, &flushed), ()));
        Ok(version)
    }
}

impl Core {
    /// Makes sure that a version that was created follows the one before. Its number may have been taken once, and be free again:
    /// another writer came, went on, and has removed what it needs no more, in the order of the numbers.
    async fn check_follows(&self, version: u64) -> Result<()> {
        match self.reading.manifest.exists(version - 1).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                if let Err(error) = self.reading.manifest.remove(version).await {
                    tracing::warn!(%error, version, "a version that nobody reads stays");
                }
                Err(self.replaced(version - 1))
            }
            Err(error) => Err(self.unknown(version, error)),
        }
    }

    /// What cannot be read may have been removed by another writer, and with it the version that named it.
    pub(crate) async fn judge_unreadable(&self, version: u64, error: Error) -> Error {
        match self.reading.manifest.exists(version).await {
            Ok(false) => self.replaced(version).with_source(error),
            _ => error,
        }
    }

    /// Nobody but another writer removes the newest version that this one knows.
    fn replaced(&self, version: u64) -> Error {
        let message = format!("version {version} is gone: another writer has taken over this database");
        self.stop(Error::new(ErrorKind::Conflict, message))
    }

    /// A create that failed and certainly left nothing may be tried again; any other stops the writer.
    async fn judge_failed_create(&self, version: u64, error: Error) -> Error {
        if error.kind() == ErrorKind::Conflict {
            return self.stop(error);
        }
        if let Ok(false) = self.reading.manifest.exists(version).await {
            return error;
        }
        self.unknown(version, error)
    }

    /// To go on would mean to guess.
    fn unknown(&self, version: u64, error: Error) -> Error {
        let message = format!("it is unknown whether version {version} was committed: reopen the database");
        self.stop(Error::new(ErrorKind::Unavailable, message).with_source(error))
    }
}
