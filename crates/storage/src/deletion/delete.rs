//! DELETE: rows of segments are marked as gone, in one version of the manifest.
//!
//! Rows in memory are flushed first, so that every row has a place that a vector can name. Until the deletion commits, no
//! segment is rewritten: its row numbers stay true. Rows that are appended meanwhile come after it and stay.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use super::DeletionVector;
use crate::{
    commit::PartitionChange,
    error::{Error, ErrorKind, Result},
    partition::TimeRange,
    segment::SegmentMeta,
    snapshot::{Snapshot, TableSnapshot},
    storage::{Core, Storage},
};

/// What a deletion did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeleteReport {
    /// Rows that are gone.
    pub rows: u64,
    /// Segments that lost some of their rows.
    pub segments: u64,
    /// Segments that lost all of their rows and are gone, too.
    pub segments_dropped: u64,
    /// The version of the manifest that shows it.
    pub version: u64,
}

/// A deletion under way: all of its rows go at [`commit`](Self::commit), or none. Dropping it deletes nothing.
#[derive(Debug)]
pub struct Deletion {
    core: Arc<Core>,
    snapshot: Snapshot,
    table: Arc<TableSnapshot>,
    rows: BTreeMap<String, DeletionVector>,
    _no_rewrites: OwnedMutexGuard<()>,
}

impl Storage {
    /// Starts to delete rows of a table: flushes it, and keeps its segments as they are until the deletion ends.
    ///
    /// # Errors
    /// `NotFound` for an unknown table; those of [`flush`](Self::flush).
    pub async fn delete(&self, table: &str) -> Result<Deletion> {
        self.flush(Some(table)).await?;
        let no_rewrites = Arc::clone(&self.core.rewrites).lock_owned().await;
        let snapshot = self.snapshot();
        let table = Arc::new(self.core.state().table(table)?.without_memory());
        Ok(Deletion {
            core: Arc::clone(&self.core),
            snapshot,
            table,
            rows: BTreeMap::new(),
            _no_rewrites: no_rewrites,
        })
    }
}

impl Deletion {
    /// The moment of the database that the deletion sees.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The rows of the table that can be deleted: those of its segments at that moment.
    pub fn table(&self) -> &Arc<TableSnapshot> {
        &self.table
    }

    /// Marks rows of a segment, by their numbers, counted from its first row.
    pub fn add(&mut self, segment: &str, rows: impl IntoIterator<Item = u32>) {
        match self.rows.get_mut(segment) {
            Some(vector) => vector.extend(rows),
            None => {
                let mut vector = DeletionVector::default();
                vector.extend(rows);
                self.rows.insert(segment.to_owned(), vector);
            }
        }
    }

    /// Makes the marked rows gone, for every snapshot from now on.
    ///
    /// # Errors
    /// `NotFound` when the table was dropped meanwhile; `Conflict`, `ResourceExhausted` and `Unavailable` as a flush. After
    /// an error no row is deleted.
    pub async fn commit(self) -> Result<DeleteReport> {
        self.core.check_writable()?;
        let touched: Vec<Arc<SegmentMeta>> = {
            let all = self.table.segments(TimeRange::ALL).await?;
            all.into_iter().filter(|segment| self.rows.contains_key(&segment.id)).collect()
        };
        // 1. what is deleted of each segment from now on
        let _unnamed = self.core.keep_unnamed();
        let (report, changes, content) = self.changes(&touched).await?;
        if changes.is_empty() {
            return Ok(DeleteReport { version: self.core.state().root().version, ..report });
        }
        // 2. the vectors are durable before anything names them
        if let Some((object, content)) = content {
            self.core.reading.put_deletions(&object, content).await?;
        }
        // 3. one version of the manifest names them
        let mut commit = self.core.begin().await?;
        if commit.root.table_by_id(self.table.id()).is_none() {
            let message = format!("table {:?} was dropped during the deletion", self.table.name());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        for (partition, change) in changes {
            commit.change_partition(self.table.id(), &partition, change).await?;
        }
        let version = commit.finish(Vec::new()).await?;
        Ok(DeleteReport { version, ..report })
    }

    /// The changes by partition, and the object with the vectors of all segments that keep some rows.
    async fn changes(&self, touched: &[Arc<SegmentMeta>]) -> Result<Changes> {
        let object = self.core.ids.next_id();
        let mut content = Vec::new();
        let mut report = DeleteReport::default();
        let mut changes: BTreeMap<String, PartitionChange> = BTreeMap::new();
        for segment in touched {
            let Some(rows) = self.rows.get(&segment.id) else { continue };
            let mut vector = match self.core.reading.deletions(segment).await? {
                Some(before) => before.as_ref().clone(),
                None => DeletionVector::default(),
            };
            let before = vector.rows();
            vector.merge(rows);
            if vector.rows() == before {
                continue;
            }
            report.rows += vector.rows() - before;
            let change = changes.entry(segment.partition.clone()).or_default();
            if vector.rows() >= segment.rows {
                report.segments_dropped += 1;
                change.removed.insert(segment.id.clone());
            } else {
                report.segments += 1;
                let found = vector.write(&object, &mut content)?;
                change.deletions.insert(segment.id.clone(), found);
            }
        }
        let content = (!content.is_empty()).then(|| (object, Bytes::from(content)));
        Ok((report, changes, content))
    }
}

type Changes = (DeleteReport, BTreeMap<String, PartitionChange>, Option<(String, Bytes)>);
