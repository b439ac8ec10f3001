//! The limits and components of a database: what `Database::builder` sets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use driftline_otel::RedactionRule;
use driftline_storage::{Clock, StorageOptions};

use crate::db::Database;
use crate::error::{Error, Result};

/// Memory of all running queries together, in bytes; sorts, joins and aggregations beyond it spill to disk.
pub const MEMORY_BYTES_DEFAULT: usize = 1024 * 1024 * 1024;

/// What each partition of a scan decodes at a time, about, in bytes.
pub const SCAN_BYTES_DEFAULT: usize = 32 * 1024 * 1024;

/// Memory of the cache of decoded columns, in bytes.
pub const CACHE_BYTES_DEFAULT: usize = 256 * 1024 * 1024;

/// Disk space of spilled rows, in bytes.
pub const SPILL_BYTES_DEFAULT: u64 = 32 * 1024 * 1024 * 1024;

/// Values of one group that exact drift functions keep.
pub const EXACT_MAX_ROWS_DEFAULT: usize = 50_000_000;

/// How long a query may run.
pub const QUERY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);

/// Queries that run at one time; further ones wait.
pub const QUERIES_MAX_DEFAULT: usize = 256;

/// Queries that wait; further ones are refused.
pub const QUERIES_QUEUED_MAX_DEFAULT: usize = 1024;

/// How long a query waits to run.
pub const QUEUE_WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// Rows in a batch of an answer.
pub const BATCH_ROWS_DEFAULT: usize = 8192;

/// Partitions that a query runs in, at most.
const TARGET_PARTITIONS_MAX: usize = 1024;

/// The most that may be set as the number of queries that run at one time.
const QUERIES_MAX_LIMIT: usize = 1_000_000;

/// Whether SQL may read and write files of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileAccess {
    /// `COPY`, `CREATE EXTERNAL TABLE` and `SELECT ... FROM 'file.parquet'` work: the caller is the owner of the machine.
    #[default]
    Allowed,
    /// They are refused: the caller is somebody else.
    Refused,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) memory_bytes: usize,
    pub(crate) cache_bytes: usize,
    pub(crate) scan_bytes: usize,
    pub(crate) spill_bytes: u64,
    pub(crate) spill_dir: Option<PathBuf>,
    pub(crate) query_timeout: Option<Duration>,
    pub(crate) queries_max: usize,
    pub(crate) queries_queued_max: usize,
    pub(crate) queue_wait: Duration,
    pub(crate) target_partitions: usize,
    pub(crate) batch_rows: usize,
    pub(crate) exact_max_rows: usize,
    pub(crate) file_access: FileAccess,
    pub(crate) redaction: Vec<RedactionRule>,
    pub(crate) redaction_hash_key: Option<String>,
}

impl Config {
    fn validate(&self) -> Result<()> {
        let checks = [
            ("memory_limit", self.memory_bytes, 1024 * 1024, usize::MAX),
            ("target_partitions", self.target_partitions, 1, TARGET_PARTITIONS_MAX),
            ("queries_max", self.queries_max, 1, QUERIES_MAX_LIMIT),
            ("batch_rows", self.batch_rows, 1, 1024 * 1024),
            ("scan_limit", self.scan_bytes, 1, usize::MAX),
        ];
        match checks.iter().find(|(_, value, min, max)| !(min..=max).contains(&value)) {
            Some((name, value, min, max)) => {
                Err(Error::invalid(format!("{name} must lie in [{min}, {max}], got {value}")))
            }
            None => Ok(()),
        }
    }
}

/// Opens a [`Database`] with other limits or components than the default ones.
///
/// # Example
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let dir = tempfile::tempdir().unwrap();
/// use driftline::Database;
/// use std::time::Duration;
/// let database = Database::builder(dir.path())
///     .memory_limit(256 * 1024 * 1024)
///     .query_timeout(Duration::from_secs(10))
///     .open()
///     .await?;
/// # database.close().await?;
/// # Ok::<(), driftline::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DatabaseBuilder {
    pub(crate) path: PathBuf,
    pub(crate) config: Config,
    pub(crate) storage: StorageOptions,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) seed: Option<u64>,
    pub(crate) read_only: bool,
    pub(crate) as_of_ns: Option<i64>,
    pub(crate) create_missing: bool,
}

impl DatabaseBuilder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            path: path.into(),
            config: Config {
                memory_bytes: MEMORY_BYTES_DEFAULT,
                cache_bytes: CACHE_BYTES_DEFAULT,
                scan_bytes: SCAN_BYTES_DEFAULT,
                spill_bytes: SPILL_BYTES_DEFAULT,
                spill_dir: None,
                query_timeout: Some(QUERY_TIMEOUT_DEFAULT),
                queries_max: QUERIES_MAX_DEFAULT,
                queries_queued_max: QUERIES_QUEUED_MAX_DEFAULT,
                queue_wait: QUEUE_WAIT_DEFAULT,
                target_partitions: cores.min(TARGET_PARTITIONS_MAX),
                batch_rows: BATCH_ROWS_DEFAULT,
                exact_max_rows: EXACT_MAX_ROWS_DEFAULT,
                file_access: FileAccess::default(),
                redaction: vec![],
                redaction_hash_key: None,
            },
            storage: StorageOptions::default(),
            clock: None,
            seed: None,
            read_only: false,
            as_of_ns: None,
            create_missing: true,
        }
    }

    /// Memory of all running queries together, in bytes (default [`MEMORY_BYTES_DEFAULT`]).
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.config.memory_bytes = bytes;
        self
    }

    /// What is dropped, hashed or masked of all telemetry before anything is stored (default: nothing). Hashes need a key, which no
    /// database keeps: with another one the same value has another hash.
    pub fn redact(mut self, rules: Vec<RedactionRule>, hash_key: Option<String>) -> Self {
        (self.config.redaction, self.config.redaction_hash_key) = (rules, hash_key);
        self
    }

    /// Memory of the cache of decoded columns, in bytes (default [`CACHE_BYTES_DEFAULT`]); 0 switches it off.
    pub fn cache_limit(mut self, bytes: usize) -> Self {
        self.config.cache_bytes = bytes;
        self
    }

    /// What each partition of a scan decodes at a time, about, in bytes (default [`SCAN_BYTES_DEFAULT`]): a row group whose columns take
    /// more is read in pieces of some thousand rows, which the cache does not keep.
    pub fn scan_limit(mut self, bytes: usize) -> Self {
        self.config.scan_bytes = bytes;
        self
    }

    /// Disk space of spilled rows, in bytes (default [`SPILL_BYTES_DEFAULT`]).
    pub fn spill_limit(mut self, bytes: u64) -> Self {
        self.config.spill_bytes = bytes;
        self
    }

    /// Where rows spill to (default: `spill` in the directory of the database; the system's directory for
    /// temporary files where the database is in a bucket or open for reading only).
    pub fn spill_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.spill_dir = Some(path.into());
        self
    }

    /// How long a query may run (default [`QUERY_TIMEOUT_DEFAULT`]).
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.config.query_timeout = Some(timeout);
        self
    }

    /// Lets queries run for ever.
    pub fn without_query_timeout(mut self) -> Self {
        self.config.query_timeout = None;
        self
    }

    /// How many queries run at one time (default [`QUERIES_MAX_DEFAULT`]). A query runs until its answer is read or dropped.
    pub fn queries_max(mut self, queries: usize) -> Self {
        self.config.queries_max = queries;
        self
    }

    /// How many queries wait to run (default [`QUERIES_QUEUED_MAX_DEFAULT`]); further ones fail with `Unavailable`.
    pub fn queries_queued_max(mut self, queries: usize) -> Self {
        self.config.queries_queued_max = queries;
        self
    }

    /// How long a query waits to run (default [`QUEUE_WAIT_DEFAULT`]) before it fails with `Unavailable`.
    pub fn queue_wait(mut self, wait: Duration) -> Self {
        self.config.queue_wait = wait;
        self
    }

    /// In how many partitions a query runs (default: the number of cores).
    pub fn target_partitions(mut self, partitions: usize) -> Self {
        self.config.target_partitions = partitions;
        self
    }

    /// How many rows a batch of an answer has at most (default [`BATCH_ROWS_DEFAULT`]). Where memory is small for the partitions of a query it
    /// has fewer: a row for each 32 KiB of memory and partition.
    pub fn batch_rows(mut self, rows: usize) -> Self {
        self.config.batch_rows = rows;
        self
    }

    /// How many values of one group, reference and current together, drift functions keep to be exact, 8 bytes each (default
    /// [`EXACT_MAX_ROWS_DEFAULT`]). A larger group is not sampled: bins at quantiles move to the nearest ends of buckets, `ks_test`
    /// answers with bounds, and what would have to be estimated fails with `ResourceExhausted`. Functions name this limit
    /// `drift.exact_max_rows`.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::Database;
    /// use driftline::arrow::array::AsArray;
    /// let database = Database::builder(dir.path()).exact_max_rows(1000).open().await?;
    /// let sql = "SELECT psi_detail(value, value > 5000)['method'] AS method FROM range(10000)";
    /// let answer = database.sql(sql).await?.collect().await?;
    /// assert_eq!(answer[0].column(0).as_string::<i32>().value(0), "buckets");
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub fn exact_max_rows(mut self, rows: usize) -> Self {
        self.config.exact_max_rows = rows;
        self
    }

    /// Whether SQL may read and write files of this machine (default: it may).
    pub fn file_access(mut self, access: FileAccess) -> Self {
        self.config.file_access = access;
        self
    }

    /// Settings of the storage below.
    pub fn storage(mut self, options: StorageOptions) -> Self {
        self.storage = options;
        self
    }

    /// Where the log of a database in a bucket lies on this machine (default: in the bucket). Settled when the database is made.
    pub fn log_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.storage.log_directory = Some(path.into());
        self
    }

    /// Keeps segments of a bucket on a disk of this machine, in a directory of its own and so many bytes (default: it does not).
    pub fn disk_cache(mut self, path: impl Into<PathBuf>, bytes_max: u64) -> Self {
        self.storage = self.storage.with_disk_cache(path, bytes_max);
        self
    }

    /// Whether a database is made where there is none (default: it is); otherwise that is `NotFound`.
    pub fn create_missing(mut self, create_missing: bool) -> Self {
        self.create_missing = create_missing;
        self
    }

    /// The clock that stamps files and locks.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The seed of the names of files, for runs that must repeat.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Opens for reading only, also while another process writes: nothing on the disk is changed, and there must be a database. A query
    /// sees every row that was acknowledged up to half a second before it began (`StorageOptions::follow_interval`), and none that comes
    /// while it runs; statements that write fail with `Invalid`.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::Database;
    /// let writer = Database::open(dir.path()).await?;
    /// let reader = Database::builder(dir.path()).read_only(true).open().await?;
    /// assert!(reader.sql("SELECT count(*) FROM spans").await.is_ok());
    /// let error = reader.sql("CREATE TABLE t (time TIMESTAMP NOT NULL)").await.unwrap_err();
    /// assert_eq!(error.to_string(), "the database is open for reading only");
    /// # writer.close().await?;
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens for reading only, at the newest version that was made at a time, in nanoseconds since 1970, or before: as the database was then,
    /// without rows that lay in memory. Versions are kept for the grace period (`StorageOptions::grace_period`) of the writer, in a backup
    /// until it is pruned. The open fails with `NotFound` where none is kept that is so old; the message names the earliest.
    pub fn as_of(mut self, time_ns: i64) -> Self {
        self.read_only = true;
        self.as_of_ns = Some(time_ns);
        self
    }

    /// Opens the database, and makes it when there is none.
    ///
    /// # Errors
    /// `Invalid` for a limit out of its range, or a URL of another kind, `Conflict` when another process has it open for writing, too, `NotFound` when there is
    /// none to read, `Corrupted` for a damaged log or manifest, `Unavailable` when the directory cannot be used.
    pub async fn open(self) -> Result<Database> {
        self.config.validate()?;
        Database::open_with(self).await
    }
}
