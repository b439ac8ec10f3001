//! Retention: a table keeps so much of the past. Whole partitions leave it, once all of their time is older.

use std::{sync::Arc, time::Duration};

use crate::{
    ddl,
    error::Result,
    manifest::TableRecord,
    partition::PartitionKey,
    storage::{Core, Storage},
};

/// What left the tables of a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Partitions that left.
    pub partitions: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of their segments, which are removed after the grace period.
    pub bytes: u64,
    /// The version of the manifest afterwards.
    pub version: u64,
}

impl Storage {
    /// Takes every partition out of its table whose last moment is longer ago than the table keeps its rows. Happens by itself
    /// while the database is open.
    ///
    /// # Errors
    /// Those of a commit. After an error nothing has left.
    pub async fn apply_retention(&self) -> Result<RetentionReport> {
        self.core.check_writable()?;
        self.core.apply_retention().await
    }
}

impl Core {
    pub(crate) async fn apply_retention(self: &Arc<Self>) -> Result<RetentionReport> {
        let now_ns = self.clock.now_ns();
        let mut report =
            RetentionReport { version: self.state().root().version, ..RetentionReport::default() };
        if !self.state().root().tables.iter().any(|table| expired(table, now_ns) > 0) {
            return Ok(report);
        }
        let mut commit = self.begin().await?;
        let tables: Vec<u64> = commit.root.tables.iter().map(|table| table.id).collect();
        for id in tables {
            let Some(table) = commit.root.table_by_id(id) else { continue };
            let count = expired(table, now_ns);
            if count == 0 {
                continue;
            }
            let Some(table) = commit.root.table_mut(id) else { continue };
            let gone: Vec<_> = table.partitions.drain(..count).collect();
            report.partitions += gone.len() as u64;
            report.rows += gone.iter().map(|entry| entry.rows).sum::<u64>();
            report.bytes += gone.iter().map(|entry| entry.bytes).sum::<u64>();
            tracing::info!(table = table.name, partitions = gone.len(), "retired");
        }
        report.version = commit.finish(Vec::new()).await?;
        Ok(report)
    }
}

/// How many of the first partitions of a table are past its retention.
fn expired(table: &TableRecord, now_ns: i64) -> usize {
    let Some(retention) = table.retention else { return 0 };
    let kept_ns = i64::try_from(retention.as_nanos()).unwrap_or(i64::MAX);
    let cutoff_ns = now_ns.saturating_sub(kept_ns);
    let partitioning = table.schema.partitioning();
    let is_past = |min_time: i64| PartitionKey::of(min_time, partitioning).end_ns(partitioning) <= cutoff_ns;
    table.partitions.partition_point(|entry| is_past(entry.min_time))
}

impl Storage {
    /// Sets how long a table keeps its rows; `None` keeps them for ever.
    ///
    /// # Errors
    /// `NotFound` for an unknown table.
    pub async fn set_retention(&self, table: &str, retention: Option<Duration>) -> Result<()> {
        self.core.check_writable()?;
        let mut commit = self.core.begin().await?;
        let id = ddl::find(&commit.root, table)?.id;
        if let Some(table) = commit.root.table_mut(id) {
            table.retention = retention;
        }
        commit.finish(Vec::new()).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
