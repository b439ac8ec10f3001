//! Settings of the storage engine. Most numbers of the engine are constants beside the code they rule;
//! here stand those that depend on the machine or on the load.

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
    /// Day lists of the manifest kept in memory.
    pub day_list_cache_bytes: ByteSize,
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
            day_list_cache_bytes: ByteSize::mib(32),
            promote_attributes: true,
        }
    }
}

impl StorageOptions {
    /// Checks that every setting lies in its range.
    ///
    /// # Errors
    /// `Invalid`, naming the setting and what is allowed.
    pub fn validate(&self) -> Result<()> {
        for (name, value, least) in [
            ("memtable_bytes", self.memtable_bytes, ByteSize::kib(64)),
            ("bulk_bytes", self.bulk_bytes, ByteSize::kib(64)),
        ] {
            if value < least {
                return Err(Error::invalid(format!("{name} must be at least {least}, got {value}")));
            }
        }
        if self.flush_age.is_zero() {
            return Err(Error::invalid("flush_age must be longer than 0s"));
        }
        Ok(())
    }
}
