//! Settings of the storage engine. Most numbers of the engine are constants beside the code they rule;
//! here stand those that depend on the machine or on the load.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Settings of a [`Storage`](crate::Storage). `Default` is for production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageOptions {
    /// Unflushed rows kept in memory over all tables before a flush starts; at twice this size appends wait.
    pub memtable_bytes: ByteSize,
    /// The oldest unflushed row of a table is flushed after this time.
    #[serde(with = "humantime_serde")]
    pub flush_age: Duration,
    /// Rows that one bulk load holds in memory before it writes segments.
    pub bulk_bytes: ByteSize,
    /// Footers of segments kept in memory.
    pub footer_cache_bytes: ByteSize,
    /// Directories of the indexes of segments kept in memory.
    pub index_cache_bytes: ByteSize,
    /// Day lists of the manifest kept in memory.
    pub day_list_cache_bytes: ByteSize,
    /// Whether segments are compacted by themselves while the database is open.
    pub compaction: bool,
    /// How large a compacted segment is.
    pub compaction_target: ByteSize,
    /// What a compaction holds in memory: of the segments that it reads, two row groups that it writes, and the index that it builds. With
    /// less it merges fewer segments at a time, cuts row groups smaller, and gives the index up of columns with many values.
    pub compaction_memory: ByteSize,
    /// A day to which nothing was added for so long is compacted for good.
    #[serde(with = "humantime_serde")]
    pub compaction_quiet: Duration,
    /// So long a version can be read by queries in other processes after another took its place.
    #[serde(with = "humantime_serde")]
    pub grace_period: Duration,
    /// How often it is looked what is to be done in the background.
    #[serde(with = "humantime_serde")]
    pub maintenance_interval: Duration,
    /// How often a database that is open for reading only looks for what its writer did; zero stays at the moment of the open.
    #[serde(with = "humantime_serde")]
    pub follow_interval: Duration,
    /// Where the log of a database in a bucket lies on this machine: a directory of its own. Without it the log lies in the
    /// bucket. Rows that are in no segment yet are lost with the directory, and no other machine can read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_directory: Option<PathBuf>,
    /// Where blocks of segments of a bucket are kept on this machine, so that what is read again comes from there. Without it they
    /// are read from the bucket each time that they are not in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_cache: Option<PathBuf>,
    /// How large that is, at most.
    pub disk_cache_bytes: ByteSize,
    /// Whether a flush makes columns of attributes that have become common, in tables that ask for it.
    pub promote_attributes: bool,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            memtable_bytes: ByteSize::mib(64),
            flush_age: Duration::from_secs(300),
            bulk_bytes: ByteSize::mib(128),
            footer_cache_bytes: ByteSize::mib(64),
            index_cache_bytes: ByteSize::mib(64),
            day_list_cache_bytes: ByteSize::mib(32),
            compaction: true,
            compaction_target: ByteSize::mib(256),
            compaction_memory: ByteSize::mib(320),
            compaction_quiet: Duration::from_secs(3_600),
            grace_period: Duration::from_secs(3_600),
            maintenance_interval: Duration::from_secs(30),
            follow_interval: Duration::from_millis(500),
            log_directory: None,
            disk_cache: None,
            disk_cache_bytes: ByteSize::gib(1),
            promote_attributes: true,
        }
    }
}

impl StorageOptions {
    /// Keeps blocks of segments of a bucket in a directory of this machine, so many bytes.
    #[must_use]
    pub fn with_disk_cache(mut self, directory: impl Into<PathBuf>, bytes_max: u64) -> Self {
        self.disk_cache = Some(directory.into());
        self.disk_cache_bytes = ByteSize::b(bytes_max);
        self
    }

    /// Checks that every setting lies in its range.
    ///
    /// # Errors
    /// `Invalid`, naming the setting and what is allowed.
    pub fn validate(&self) -> Result<()> {
        for (name, value, least) in [
            ("memtable_bytes", self.memtable_bytes, ByteSize::kib(64)),
            ("bulk_bytes", self.bulk_bytes, ByteSize::kib(64)),
            ("compaction_target", self.compaction_target, ByteSize::kib(64)),
            ("compaction_memory", self.compaction_memory, ByteSize::mib(64)),
        ] {
            if value < least {
                return Err(Error::invalid(format!("{name} must be at least {least}, got {value}")));
            }
        }
        for (name, value) in
            [("flush_age", self.flush_age), ("maintenance_interval", self.maintenance_interval)]
        {
            if value.is_zero() {
                return Err(Error::invalid(format!("{name} must be longer than 0s")));
            }
        }
        Ok(())
    }
}
