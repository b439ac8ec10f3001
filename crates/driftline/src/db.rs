//! The database: one directory or bucket, one writer, any number of readers and queries.

mod copies;
mod ingest;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use datafusion::execution::SessionState;
use driftline_storage::{
    BulkLoad, Clock, Durability, FlushReport, Location, Storage, SystemClock, TableChange, TableSpec,
};
use tokio::sync::Mutex;

use crate::alert::AlertStore;
use crate::baseline::Baselines;
use crate::catalog::{BUILT_IN_TABLES, ExternalTables};
use crate::config::{Config, DatabaseBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::prices::{self, Prices, PricesReport};
use crate::queries::{Admission, Queries, QueryCounts, QueryRecord};
use crate::scan::{CacheStatus, ColumnCache};
use crate::session::{Session, SessionSettings, session_state};
use crate::slo::SloStore;
use crate::sql::{CreateTable, check_takes_rows};
use crate::stream::QueryStream;

pub(crate) use ingest::{Ingest, IngestStats};
pub use ingest::{IngestCount, IngestReport, Moved, Redacted, Rejected, RemoteWriteReport};

/// The directory of spilled rows, below the database.
const SPILL_DIRECTORY: &str = "spill";

/// An open database. Clones share it; the last one that goes leaves unflushed rows to the log, where the next opening finds them.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Arc<Engine>,
}

impl Database {
    /// Opens the database in a directory, and makes it when there is none. A URL names a bucket: `s3://bucket/prefix`, `gs://`, `az://`;
    /// `memory://` keeps it in the memory of this process, as long as it is open.
    ///
    /// # Errors
    /// `Conflict` when another process has it open for writing (a bucket goes to the writer that opens it last, and the one before gets
    /// the `Conflict`), `Corrupted` for a damaged log or manifest, `Unavailable` when the directory or bucket cannot be used,
    /// `Invalid` for a URL of another kind.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use driftline::Database;
    /// let database = Database::open("memory://").await?;
    /// assert!(database.sql("SELECT count(*) FROM spans").await.is_ok());
    /// # database.close().await?;
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(path).open().await
    }

    /// Opens the database in a directory or bucket for reading only, beside a process that writes it; see [`DatabaseBuilder::read_only`].
    ///
    /// # Errors
    /// As [`open`](Self::open), and `NotFound` where there is no database.
    pub async fn open_read_only(path: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(path).read_only(true).open().await
    }

    /// Starts to open a database with other limits or components.
    pub fn builder(path: impl Into<PathBuf>) -> DatabaseBuilder {
        DatabaseBuilder::new(path)
    }

    pub(crate) async fn open_with(builder: DatabaseBuilder) -> Result<Self> {
        let clock = builder.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let mut storage = Storage::builder(builder.path.clone())
            .options(builder.storage)
            .clock(Arc::clone(&clock))
            .read_only(builder.read_only)
            .create_missing(builder.create_missing);
        if let Some(seed) = builder.seed {
            storage = storage.seed(seed);
        }
        if let Some(time_ns) = builder.as_of_ns {
            storage = storage.as_of(time_ns);
        }
        let ingest = Ingest::new(&builder.config)?;
        let location = Location::parse(&builder.path)?;
        let storage = storage.open().await?;
        if !storage.is_read_only() {
            make_built_in_tables(&storage).await?;
        }
        let mut config = builder.config;
        if config.spill_dir.is_none()
            && !storage.is_read_only()
            && let Some(directory) = location.directory()
        {
            config.spill_dir = Some(empty_spill_directory(directory)?);
        }
        let session = session_state(&config)?;
        let memory = Arc::clone(&session.runtime_env().memory_pool);
        let engine = Engine {
            session,
            queries: Queries::new(Arc::clone(&clock), builder.seed, memory),
            admission: Admission::new(config.queries_max, config.queries_queued_max, config.queue_wait),
            cache: Arc::new(ColumnCache::new(config.cache_bytes, config.scan_bytes)),
            config,
            storage,
            clock,
            ingest,
            external: ExternalTables::default(),
            baselines: Baselines::default(),
            prices: Prices::default(),
            slos: SloStore::default(),
            alerts: AlertStore::default(),
            ddl: Mutex::new(()),
            closed: AtomicBool::new(false),
        };
        Ok(Self { engine: Arc::new(engine) })
    }

    /// Runs one statement and answers its rows as a stream.
    ///
    /// The statement sees every row acknowledged before it began, and none after: all its tables come from one snapshot.
    ///
    /// # Errors
    /// `Invalid` for a statement that cannot be parsed or planned, or that writes where the database is open for reading only, `NotFound` for an unknown table or column (the message names the
    /// nearest), `AlreadyExists`, `PermissionDenied` for files where they may not be touched, `ResourceExhausted` past the memory limit, `DeadlineExceeded` past the time limit, `Closed` after [`close`](Self::close).
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::Database;
    /// let database = Database::open(dir.path()).await?;
    /// database.sql("CREATE TABLE predictions (time TIMESTAMP NOT NULL, model TEXT, confidence DOUBLE)").await?;
    /// database.sql("INSERT INTO predictions VALUES ('2026-08-31T12:00:00Z', 'a', 0.9)").await?;
    /// let batches = database.sql("SELECT model, confidence FROM predictions").await?.collect().await?;
    /// assert_eq!(batches[0].num_rows(), 1);
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn sql(&self, sql: &str) -> Result<QueryStream> {
        self.session(SessionSettings::default()).sql(sql).await
    }

    /// A caller's own session: what it may do, how much it may use, under whose name its queries are listed. It costs nothing; the
    /// default settings are those of [`sql`](Self::sql) itself.
    pub fn session(&self, settings: SessionSettings) -> Session {
        Session::new(Arc::clone(&self.engine), settings)
    }

    /// Stops a query that runs or waits; its stream ends with `Cancelled`. False where there is none of this id.
    pub fn cancel_query(&self, query_id: &str) -> bool {
        self.engine.queries.cancel(query_id, &SessionSettings::default())
    }

    /// The queries that run and the last 256 that are done, the newest first: what `driftline.queries` shows.
    pub fn queries(&self) -> Vec<QueryRecord> {
        self.engine.queries.visible(&SessionSettings::default())
    }

    /// How many queries wait, run and were done since the database was opened.
    pub fn query_counts(&self) -> QueryCounts {
        self.engine.queries.counts()
    }

    /// Appends a batch to a table and returns once its rows are durable and visible. Columns are matched by name; nullable ones may
    /// be missing.
    ///
    /// # Errors
    /// `NotFound` for an unknown table, `Invalid` for an unknown column, another type or a missing value in a NOT NULL column,
    /// `ResourceExhausted` for a full disk: then no row of the batch is visible.
    pub async fn append(&self, table: &str, batch: RecordBatch) -> Result<u64> {
        self.append_with(table, batch, Durability::Durable).await
    }

    /// Appends a batch and waits for no more than the given durability.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn append_with(&self, table: &str, batch: RecordBatch, durability: Durability) -> Result<u64> {
        check_takes_rows(table)?;
        Ok(self.engine.storage.append(table, batch, durability).await?.rows as u64)
    }

    /// Starts to load many rows at once: segments are written directly and become visible together when it is committed.
    ///
    /// # Errors
    /// `NotFound` for an unknown table.
    pub fn bulk_load(&self, table: &str) -> Result<BulkLoad> {
        check_takes_rows(table)?;
        Ok(self.engine.storage.bulk_load(table)?)
    }

    /// Starts to load many rows into a new table, given by a `CREATE TABLE` without a query. Table and rows become visible together
    /// when the load is committed; a load that is dropped leaves no table behind.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, `Invalid` for another statement or a declaration that breaks a rule.
    pub fn bulk_create(&self, create_table: &str) -> Result<BulkLoad> {
        self.session(SessionSettings::default()).bulk_create(create_table)
    }

    /// Brings the table `prices` up to a list in the form of LiteLLM's `model_prices_and_context_window.json`. Prices hold from `from` on
    /// (nanoseconds since 1970). Without it a model that had no price has it since 1970, so that its earlier calls cost something too, and
    /// a price that has changed holds from now on. All rows become visible together.
    ///
    /// # Errors
    /// `Invalid` where it is no such list; otherwise as [`append`](Self::append).
    pub async fn import_prices(&self, litellm_json: &[u8], from: Option<i64>) -> Result<PricesReport> {
        prices::import(&self.engine, litellm_json, from).await
    }

    /// Writes what lies in memory into segments.
    ///
    /// # Errors
    /// `Unavailable` or `ResourceExhausted` when the store fails; the rows stay in memory and in the log.
    pub async fn flush(&self) -> Result<FlushReport> {
        Ok(self.engine.storage.flush(None).await?)
    }

    /// Flushes and closes. Every later call, on every clone, fails with `Closed`.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn close(&self) -> Result<()> {
        if !self.engine.closed.swap(true, Ordering::SeqCst) && !self.engine.storage.is_read_only() {
            self.engine.slos.save(&self.engine).await;
        }
        Ok(self.engine.storage.close().await?)
    }

    /// The storage below, for checks and reports.
    pub fn storage(&self) -> &Storage {
        &self.engine.storage
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What the cache of decoded columns holds and how often it helped.
    pub fn cache_status(&self) -> CacheStatus {
        self.engine.cache.status()
    }
}

/// What all clones of a database share.
pub(crate) struct Engine {
    storage: Storage,
    session: SessionState,
    queries: Arc<Queries>,
    admission: Admission,
    cache: Arc<ColumnCache>,
    config: Config,
    clock: Arc<dyn Clock>,
    ingest: Ingest,
    external: ExternalTables,
    baselines: Baselines,
    prices: Prices,
    slos: SloStore,
    alerts: AlertStore,
    /// Held by the one statement that changes the catalog.
    ddl: Mutex<()>,
    closed: AtomicBool,
}

impl Engine {
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorKind::Closed, "the database is closed")),
            false => Ok(()),
        }
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) fn session(&self) -> &SessionState {
        &self.session
    }

    pub(crate) fn cache(&self) -> &Arc<ColumnCache> {
        &self.cache
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn ingest(&self) -> &Ingest {
        &self.ingest
    }

    pub(crate) fn queries(&self) -> &Arc<Queries> {
        &self.queries
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(crate) fn ddl(&self) -> &Mutex<()> {
        &self.ddl
    }

    pub(crate) fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    pub(crate) fn prices(&self) -> &Prices {
        &self.prices
    }

    pub(crate) fn slos(&self) -> &SloStore {
        &self.slos
    }

    pub(crate) fn alerts(&self) -> &AlertStore {
        &self.alerts
    }

    pub(crate) fn external(&self) -> &ExternalTables {
        &self.external
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Where rows spill to by default: on the disk of the database, because a system's directory for temporary files often is memory.
/// What a killed process left there goes.
fn empty_spill_directory(database: &Path) -> Result<PathBuf> {
    let directory = database.join(SPILL_DIRECTORY);
    match std::fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("cannot empty {}: {error}", directory.display());
            Err(Error::new(ErrorKind::Unavailable, message).with_source(error))
        }
        _ => Ok(directory),
    }
}

/// Makes the built-in tables, and gives those of an older program the columns that are new since.
async fn make_built_in_tables(storage: &Storage) -> Result<()> {
    for ddl in BUILT_IN_TABLES {
        let spec: TableSpec = CreateTable::parse_ddl(ddl)?;
        let snapshot = storage.snapshot();
        let Some(table) = snapshot.table(&spec.name) else {
            storage.create_table(spec).await?;
            continue;
        };
        for column in spec.columns {
            if table.schema().column(&column.name).is_none() {
                storage.alter_table(&spec.name, TableChange::AddColumn(column)).await?;
            }
        }
    }
    Ok(())
}
