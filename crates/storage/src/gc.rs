//! Garbage collection: objects that no version needs any more are removed.
//!
//! A version is needed while it is the newest, while a snapshot of this process holds it, and for a grace period after another took its
//! place: so long may a query of another process read it. What no needed version names is
//! removed, unless it is younger than work under way that may be about to name it, or was made under a later writer. Roots go before what
//! they name, so that no root ever names what is missing.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore, path::Path};

use crate::{
    error::{Error, ErrorKind, Result},
    ids::Birth,
    manifest::{Manifest, Root},
    paths,
    pins::Pin,
    storage::{Core, Storage},
};

/// How often all tables are flushed until the log is free of what was there before. A table that had nothing to flush at first has at the
/// second time.
const FLUSHES_MAX: usize = 4;

/// What a collection removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Versions that can no longer be read.
    pub versions: u64,
    /// Objects that were removed: segments, deletion vectors, day lists, named objects.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// The oldest version that is still there.
    pub oldest_version: u64,
    /// Whether something stays only because a snapshot of this process holds it, or work under way might.
    pub is_held: bool,
    /// Objects that no version names, and that stay because a later writer seems to have made them.
    pub later: u64,
}

impl GcReport {
    /// The report of a purge after which nothing is left but what the newest version names.
    ///
    /// # Errors
    /// `Unavailable` where something reads or writes that it may need; `Conflict` where a later writer seems to have made it.
    pub fn complete(self) -> Result<Self> {
        if self.later > 0 {
            let message = format!(
                "{} files that no version names stay, for a later writer made them: it takes over this database, or they are older than writers in names, and only an import into a new database leaves them behind",
                self.later
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if self.is_held {
            let message = "queries that began earlier still read older versions, or rows are being written: files of older versions stay; purge again when they are over";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        Ok(self)
    }
}

impl Storage {
    /// Removes what no version needs that the grace period or a snapshot keeps.
    ///
    /// # Errors
    /// `Corrupted` and `Unavailable` as reading and removing meet them. What is removed stays removed; the next collection goes on.
    pub async fn collect_garbage(&self) -> Result<GcReport> {
        self.core.check_writable()?;
        self.core.collect_garbage(self.core.options.grace_period).await
    }

    /// Removes at once what no version needs but the newest: whatever was deleted and compacted away is then nowhere any more, neither
    /// in segments nor in the log. Queries of other processes that read an older version fail. What a snapshot of this process holds
    /// stays, and the report says so: [`GcReport::complete`] makes an error of it.
    ///
    /// # Errors
    /// As [`collect_garbage`](Self::collect_garbage), and those of a flush; `Unavailable` where the log keeps rows from before, for appends
    /// come too fast.
    pub async fn purge(&self) -> Result<GcReport> {
        self.core.check_writable()?;
        // 1. no file of the log that is still needed holds a row from before
        let before = self.core.wal()?.rotate().await?;
        for _ in 0..FLUSHES_MAX {
            self.flush(None).await?;
            if self.core.state().root().log_flushed >= before.0 {
                break;
            }
            // where there was nothing to flush no root says so yet
            self.core.begin().await?.finish(Vec::new()).await?;
        }
        if self.core.state().root().log_flushed < before.0 {
            let message = "the log still needs rows from before: purge again when fewer rows are appended";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        self.core.wal()?.remove_before(before.next()).await?;
        // 2. no object either
        self.core.collect_garbage(Duration::ZERO).await
    }
}

impl Core {
    /// Keeps objects that are written from now on, until they are named or given up.
    pub(crate) fn keep_unnamed(&self) -> Pin {
        self.unnamed.pin(ms(self.ids.now_ms()))
    }

    /// Removes what no version needs that was replaced less than `grace` ago or is held.
    pub(crate) async fn collect_garbage(&self, grace: Duration) -> Result<GcReport> {
        let _one_at_a_time = self.collections.lock().await;
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        // 1. nothing that is written from here on is looked at
        let old_ms = ms(self.ids.tick()).saturating_sub(grace_ms);
        let unnamed_ms = self.unnamed.lowest().unwrap_or(i64::MAX);
        // 2. the versions that are needed, and all that they name
        let (newest, versions) = self.versions_of_ours().await?;
        let (is_held, roots) = self.needed(newest, &versions, grace_ms).await?;
        let oldest = roots.last().map_or(0, |root| root.version);
        let named = named_by(&self.reading.manifest, &roots).await?;
        // 3. the other versions go, the oldest first
        let mut report = GcReport { oldest_version: oldest, is_held, ..GcReport::default() };
        for version in versions.into_iter().filter(|version| *version < oldest) {
            self.reading.manifest.remove(version).await?;
            report.versions += 1;
        }
        // 4. then what only they named
        for directory in paths::OBJECT_DIRS {
            let mut going = Vec::new();
            let mut found = self.reading.store.list(Some(&Path::from(directory)));
            while let Some(object) =
                found.try_next().await.map_err(|error| Error::object("list objects", error))?
            {
                let Some(birth) = birth(&object).filter(|birth| birth.ms <= old_ms) else { continue };
                if named.contains(object.location.as_ref()) {
                    continue;
                }
                if birth.is_after(self.epoch) {
                    // not ours to judge: it takes over while we are at work, and its clock may be behind
                    report.later += 1;
                } else if birth.ms >= unnamed_ms {
                    report.is_held = true;
                } else {
                    report.objects += 1;
                    report.bytes += object.size;
                    going.push(object.location);
                }
            }
            remove(&self.reading.store, going).await?;
        }
        self.maintenance.collected(&report);
        if report.versions + report.objects > 0 {
            let GcReport { versions, objects, bytes, oldest_version, .. } = report;
            tracing::debug!(versions, objects, bytes, oldest_version, "garbage collected");
        }
        Ok(report)
    }

    /// The newest root and the numbers of all, if none of them is another writer's: what that one needs is unknown here.
    async fn versions_of_ours(&self) -> Result<(Arc<Root>, Vec<u64>)> {
        // a root is published before the next commit begins
        let _turn = self.commits.lock().await;
        self.check_poison()?;
        let versions = self.reading.manifest.versions().await?;
        let newest = Arc::clone(self.state().root());
        match versions.last() {
            Some(last) if *last > newest.version => {
                let message =
                    format!("version {last} is of another writer, which has taken over this database");
                Err(self.stop(Error::new(ErrorKind::Conflict, message)))
            }
            _ => Ok((newest, versions)),
        }
    }

    /// The roots of the versions that are needed, the newest first, and whether some are for the sake of snapshots alone.
    async fn needed(
        &self,
        newest: Arc<Root>,
        versions: &[u64],
        grace_ms: i64,
    ) -> Result<(bool, Vec<Arc<Root>>)> {
        let held = self.reading.versions.lowest();
        // versions say when they were made by the clock as it was
        let in_grace_ms = (self.clock.now_ns() / 1_000_000).saturating_sub(grace_ms);
        let (mut held_alone, before) = (false, newest.version);
        let mut replaced_ms = newest.created_at / 1_000_000;
        let mut roots = vec![newest];
        for version in versions.iter().rev().filter(|version| **version < before) {
            let is_held = held.is_some_and(|held| held <= *version as i64);
            let in_grace = replaced_ms > in_grace_ms;
            if !is_held && !in_grace {
                break;
            }
            held_alone |= !in_grace;
            let root = match self.reading.manifest.root(*version).await {
                Ok(root) => Arc::new(root),
                // the writer before was still about to remove it
                Err(_) if !self.reading.manifest.exists(*version).await? => break,
                Err(error) => return Err(error),
            };
            replaced_ms = root.created_at / 1_000_000;
            roots.push(root);
        }
        Ok((held_alone, roots))
    }
}

/// The paths of all objects that some roots name.
pub(crate) async fn named_by(manifest: &Manifest, roots: &[Arc<Root>]) -> Result<HashSet<String>> {
    let mut named = HashSet::new();
    let mut lists = BTreeMap::new();
    for root in roots {
        named.extend(root.named_objects().map(|object| object.path()));
        for table in &root.tables {
            named.extend(table.id_filters.iter().map(|filter| filter.path()));
            lists.extend(table.partitions.iter().map(|entry| (&entry.list, (table.id, entry))));
        }
    }
    for (list, (table, entry)) in lists {
        named.insert(paths::day_list(list));
        for segment in &manifest.day_list(table, entry).await?.segments {
            named.insert(segment.path.clone());
            named.extend(segment.deletions.as_ref().map(|found| found.path()));
        }
    }
    Ok(named)
}

/// Removes objects, as many with a request as the store allows; one that is gone already is no error.
pub(crate) async fn remove(store: &Arc<dyn ObjectStore>, locations: Vec<Path>) -> Result<()> {
    let locations = futures::stream::iter(locations.into_iter().map(Ok)).boxed();
    let mut removed = store.delete_stream(locations);
    while let Some(removed) = removed.next().await {
        match removed {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(Error::object("remove objects", error)),
        }
    }
    Ok(())
}

fn ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// When an object of ours was made, by its name; `None` for what is not ours.
pub(crate) fn birth(object: &ObjectMeta) -> Option<Birth> {
    Birth::of(object.location.filename()?.split('.').next()?)
}

#[cfg(test)]
mod tests;
