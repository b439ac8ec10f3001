//! Backups: a copy of one version of the database, which is a database itself and can be read where it lies.
//!
//! All that a version names is immutable, so a backup copies what is not there yet, and the next one goes on from there. Rows that lie in the
//! log alone are copied as objects, too. The root is written last, when everything that it names is durable and was read back: a backup
//! that is cut off leaves the one before it as it was.
//!
//! A database that is open for writing in this process flushes first, and keeps what is copied by a snapshot. Beside a writer in another
//! process nothing keeps it: when something is gone because the writer went on, the backup goes on with the newer version.

mod copy;
mod destination;
mod lease;
mod moment;
mod note;
mod plan;

use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::Root,
    storage::{Access, Storage},
    wal::LogLayout,
};

use destination::Destination;
use moment::Moment;
use plan::Item;

pub use destination::BackupTarget;
pub(crate) use note::refuse_unfinished;

/// How often a backup begins again because the writer went on.
const ATTEMPTS_MAX: usize = 32;
/// Objects that are copied at the same time.
const COPIES_AT_ONCE: usize = 4;

/// What a backup is asked to do.
#[derive(Clone, Copy)]
pub struct BackupOptions<'a> {
    /// Whether to remove what only earlier backups in the same place need.
    pub prune: bool,
    /// Told how many bytes are copied, of how many in all.
    pub progress: &'a (dyn Fn(u64, u64) + Send + Sync),
    /// Asked between all steps whether to stop. Who drops a backup that is under way stops it, too, but then a bucket stays taken for
    /// minutes.
    pub is_cancelled: &'a (dyn Fn() -> bool + Send + Sync),
}

impl BackupOptions<'_> {
    fn check_cancelled(&self) -> Result<()> {
        match (self.is_cancelled)() {
            false => Ok(()),
            true => Err(Error::new(
                ErrorKind::Cancelled,
                "the copy was cancelled; the next one goes on from what is there",
            )),
        }
    }
}

impl Default for BackupOptions<'_> {
    fn default() -> Self {
        Self { prune: false, progress: &|_, _| {}, is_cancelled: &|| false }
    }
}

/// What a backup did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The version of the database that the copy holds.
    pub version: u64,
    /// Objects that were copied, and read back.
    pub copied: u64,
    /// Bytes of these objects.
    pub copied_bytes: u64,
    /// Objects that were there already.
    pub present: u64,
    /// Rows that lay in the log alone, and are in the copy.
    pub log_rows: u64,
    /// Objects that were removed because only earlier backups needed them.
    pub removed: u64,
    /// Bytes of these objects.
    pub removed_bytes: u64,
    /// Whether the copy held this version before.
    pub is_unchanged: bool,
}

/// What a copy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be kept, and added to.
    Backup,
    /// To be opened for writing.
    Restore,
}

impl Storage {
    /// Copies the database to a place that is empty or holds a backup of it: all rows that were acknowledged before, of one moment. What is
    /// there already is not copied again. Earlier backups stay readable in the same place, unless they are pruned.
    ///
    /// # Errors
    /// `Invalid` for a place in the database itself, and for a reader that was not given the log directory of the database;
    /// `AlreadyExists` for a place that holds something else; `Conflict` where another process writes there, or what it holds is newer
    /// than this database; `Cancelled` where the options say so; `Corrupted`, naming the object, where bytes to be copied are not those
    /// that were written; `Unavailable` and `ResourceExhausted` as reading and writing meet them. After an error the backup before is as
    /// it was.
    pub async fn backup(&self, target: BackupTarget, options: BackupOptions<'_>) -> Result<BackupReport> {
        self.core.check_open()?;
        self.check_log_at_hand()?;
        // 1. rows in memory become part of what can be copied
        if !self.is_read_only() {
            self.flush(None).await?;
        }
        self.copy_to(target, Purpose::Backup, options).await
    }

    /// Makes a database of a backup that this one is open on: in an empty place, where it can be opened for writing.
    ///
    /// # Errors
    /// `Invalid` where this is no backup, but a database; otherwise as [`backup`](Self::backup).
    pub async fn restore(&self, target: BackupTarget, options: BackupOptions<'_>) -> Result<BackupReport> {
        self.core.check_open()?;
        if self.core.state().root().backup_of.is_none() {
            let message = "this is no backup but a database: restore copies backups, backup copies databases";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.copy_to(target, Purpose::Restore, BackupOptions { prune: false, ..options }).await
    }

    /// Refuses a copy that would lack the rows that lie in the log alone, where that is a directory beside the bucket and the reader was
    /// not given it. A version of the past has no log.
    fn check_log_at_hand(&self) -> Result<()> {
        let core = &self.core;
        // a log directory was compared with the root; who has none looks for objects in the bucket
        let is_beside = core.path.is_none() && core.log.layout() == LogLayout::Files;
        match &core.state().root().log {
            Some(log) if core.access == Access::Read && !is_beside => {
                let message = format!(
                    "rows of this database may lie in its log directory alone, whose file ID says {log}: pass it as --log-dir \
                     (log_directory), for without it they would not be in the backup"
                );
                Err(Error::new(ErrorKind::Invalid, message))
            }
            _ => Ok(()),
        }
    }

    async fn copy_to(
        &self,
        target: BackupTarget,
        purpose: Purpose,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport> {
        let database = self.core.state().root().database.clone();
        // 2. the place is ours alone
        let mut destination = Destination::open(&self.core, target, purpose, database).await?;
        let outcome = self.copy_moment(&mut destination, purpose, options).await;
        destination.release().await;
        outcome
    }

    async fn copy_moment(
        &self,
        destination: &mut Destination,
        purpose: Purpose,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport> {
        for left in (0..ATTEMPTS_MAX).rev() {
            match self.attempt(destination, purpose, options).await {
                Ok(report) => return destination.finish(&self.core, report, options).await,
                Err((version, error)) => {
                    // what is missing may have been removed since, and not be needed any more
                    let newest = self.core.reading.manifest.newest_version().await?;
                    let is_missing = error.kind() == ErrorKind::Corrupted;
                    if !is_missing || left == 0 || newest.is_none_or(|newest| newest <= version) {
                        return Err(error);
                    }
                    tracing::debug!(%error, version, "the backup goes on with a newer version");
                }
            }
        }
        Err(Error::internal("a backup has at least one attempt"))
    }

    /// Copies one moment; an error comes with the version that could not be copied.
    async fn attempt(
        &self,
        destination: &mut Destination,
        purpose: Purpose,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport, (u64, Error)> {
        // 3. one moment: a version, and the log behind it
        let moment = Moment::take(self).await?;
        let version = moment.root.version;
        let at = |error| (version, error);
        // 4. what it names is copied and read back, unless it is there
        let root = destination.root_for(&moment, purpose).await.map_err(at)?;
        let report = self.copy_items(destination, &moment.root, options).await.map_err(at)?;
        let report = BackupReport { version, log_rows: moment.log.rows, ..report };
        // 5. the root names it
        match root {
            Some(root) => destination.commit(&self.core, root, moment).await.map_err(at)?,
            None => return Ok(BackupReport { is_unchanged: true, ..report }),
        }
        Ok(report)
    }

    async fn copy_items(
        &self,
        destination: &mut Destination,
        root: &Root,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport> {
        let reading = &self.core.reading;
        let items = plan::items(&reading.manifest, root).await?;
        let (present, missing): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| destination.has(item));
        let all = missing.iter().map(Item::bytes).sum();
        let done = AtomicU64::new(0);
        (options.progress)(0, all);
        let copies: Vec<_> = missing
            .iter()
            .map(async |item: &Item| {
                let heard = async || {
                    options.check_cancelled()?;
                    destination.keep(&self.core).await
                };
                heard().await?;
                let bytes = copy::copy(item, reading, &destination.places, &heard).await?;
                let so_far = done.fetch_add(item.bytes(), Ordering::Relaxed) + item.bytes();
                (options.progress)(so_far, all);
                Ok::<_, Error>((item.path(), bytes))
            })
            .collect();
        let mut copies = stream::iter(copies).buffer_unordered(COPIES_AT_ONCE);
        let mut report = BackupReport { present: present.len() as u64, ..BackupReport::default() };
        let mut copied = Vec::new();
        let outcome = loop {
            match copies.try_next().await {
                Ok(Some((path, bytes))) => {
                    report.copied += 1;
                    report.copied_bytes += bytes;
                    copied.push((path, bytes));
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(copies);
        destination.add(copied);
        outcome.map(|()| report)
    }
}

#[cfg(test)]
mod tests;
