//! A caller's session: what it may do, how much it may use, and under whose name its queries are listed. The embedding process has
//! one that may do everything; a server gives every caller another.
//!
//! What is refused here is refused before a row is read. Three things are looked at: the role against the verb of the statement, the
//! filter of tables against every name in it, and the access to files wherever one is opened.

mod prepared;
mod rights;
mod state;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use driftline_otel::{Encoding, RemoteWrite, Signal};
use driftline_storage::{BulkLoad, Durability};

use crate::config::FileAccess;
use crate::context::QueryContext;
use crate::db::{Engine, IngestReport, RemoteWriteReport};
use crate::error::Result;
use crate::queries::Running;
use crate::sql::{CreateTable, Parameters, Roomy, Statement, check_takes_rows};
use crate::stream::QueryStream;

pub use prepared::{Parameter, Prepared, StatementKind};
pub use rights::{Role, TableFilter};

pub(crate) use state::session_state;

/// The statement that an empty one stands for, where it stands for one.
const EMPTY_STATEMENT: &str = "SELECT 1";

/// What a caller may do and use. The default is the embedding process itself: everything that the database allows.
///
/// # Example
/// ```
/// use driftline::{FileAccess, Role, SessionSettings, TableFilter};
/// let settings = SessionSettings {
///     user: Some("grafana".to_owned()),
///     role: Role::Read,
///     tables: Some(TableFilter::of(["llm_calls", "evaluations"])),
///     file_access: FileAccess::Refused,
///     ..SessionSettings::default()
/// };
/// # let _ = settings;
/// ```
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// Who is asking, as `driftline.queries` shows it.
    pub user: Option<String>,
    /// Which statements it may send (default: all).
    pub role: Role,
    /// The tables and views that it may name; no others can be seen (default: all).
    pub tables: Option<TableFilter>,
    /// Whether SQL may read and write files of this machine; where the database refuses it, no session may.
    pub file_access: FileAccess,
    /// How long a query may run; never longer than the database allows.
    pub query_timeout: Option<Duration>,
    /// Memory of one query, in bytes, beyond which it spills or fails; all of them together share that of the database.
    pub memory_bytes: Option<usize>,
    /// Another name of the schema `public`, as in `iox.spans`; in `information_schema`, too. The name of a schema that there is
    /// means that schema.
    pub schema_alias: Option<String>,
    /// What an empty statement answers.
    pub empty_statement: EmptyStatement,
}

/// What an empty statement answers: some clients send one to see whether anybody is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyStatement {
    /// An error, as any statement that cannot be parsed.
    #[default]
    Refused,
    /// One row with the number 1.
    OneRow,
}

/// A caller's session, from [`Database::session`](crate::Database::session). Clones are the same session; it ends with the last.
#[derive(Clone, Debug)]
pub struct Session {
    engine: Arc<Engine>,
    settings: Arc<SessionSettings>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, settings: SessionSettings) -> Self {
        Self { engine, settings: Arc::new(settings) }
    }

    /// What this session may do and use.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Runs one statement and answers its rows as a stream; see [`Database::sql`](crate::Database::sql).
    ///
    /// # Errors
    /// As there, and `PermissionDenied` for what the session may not do or name, `Unavailable` when too many queries run already,
    /// `Cancelled` when somebody [cancelled](Self::cancel) it.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::{Database, ErrorKind, Role, SessionSettings};
    /// let database = Database::open(dir.path()).await?;
    /// let reader = database.session(SessionSettings { role: Role::Read, ..SessionSettings::default() });
    /// assert!(reader.sql("SELECT count(*) FROM spans").await.is_ok());
    /// let error = reader.sql("DROP TABLE spans").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    /// assert_eq!(error.to_string(), "DROP needs the role admin, this session has read");
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn sql(&self, sql: &str) -> Result<QueryStream> {
        self.run(sql, Parameters::default()).await
    }

    /// Plans one statement without running it: which columns it answers, which parameters it takes, whether it changes anything.
    ///
    /// # Errors
    /// As [`sql`](Self::sql), as far as planning finds out.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::{Database, ScalarValue, SessionSettings, StatementKind};
    /// let database = Database::open(dir.path()).await?;
    /// let session = database.session(SessionSettings::default());
    /// let prepared = session.prepare("SELECT count(*) AS calls FROM llm_calls WHERE model = ?").await?;
    /// assert_eq!(prepared.kind(), StatementKind::Query);
    /// assert_eq!(prepared.schema().field(0).name(), "calls");
    /// assert_eq!(prepared.parameters().len(), 1);
    /// let batches = prepared.run(&[ScalarValue::from("gpt")]).await?.collect().await?;
    /// assert_eq!(batches[0].num_rows(), 1);
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn prepare(&self, sql: &str) -> Result<Prepared> {
        Prepared::plan(self, sql, None).await
    }

    /// Appends a batch to a table; see [`Database::append`](crate::Database::append).
    ///
    /// # Errors
    /// As there, and `PermissionDenied` without the role [`Role::Write`] or for a table that the session may not name.
    pub async fn append(&self, table: &str, batch: RecordBatch) -> Result<u64> {
        self.settings.permit_role(Role::Write, "appending rows")?;
        self.settings.permit_name(table)?;
        check_takes_rows(table)?;
        self.engine.check_open()?;
        Ok(self.engine.storage().append(table, batch, Durability::Durable).await?.rows as u64)
    }

    /// Fails where [`ingest_otlp`](Self::ingest_otlp) of this signal would be refused: to be known before a body is read.
    ///
    /// # Errors
    /// `PermissionDenied` without the role [`Role::Write`] or for a signal whose table the session may not name.
    pub fn permit_otlp(&self, signal: Signal) -> Result<()> {
        self.settings.permit_role(Role::Write, "exporting telemetry")?;
        self.settings.permit_name(signal.table())
    }

    /// Appends the items of an OTLP body; see [`Database::ingest_otlp`](crate::Database::ingest_otlp).
    ///
    /// # Errors
    /// As there, and as [`permit_otlp`](Self::permit_otlp).
    pub async fn ingest_otlp(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<IngestReport> {
        self.permit_otlp(signal)?;
        self.engine.check_open()?;
        self.engine.ingest_otlp(signal, encoding, body).await
    }

    /// Appends the samples of a body of Prometheus remote write; see [`Database::ingest_remote_write`](crate::Database::ingest_remote_write).
    ///
    /// # Errors
    /// As there, and as [`permit_otlp`](Self::permit_otlp) for metrics.
    pub async fn ingest_remote_write(&self, version: RemoteWrite, body: &[u8]) -> Result<RemoteWriteReport> {
        self.permit_otlp(Signal::Metrics)?;
        self.engine.check_open()?;
        self.engine.ingest_remote_write(version, body).await
    }

    /// Starts to load many rows at once; see [`Database::bulk_load`](crate::Database::bulk_load).
    ///
    /// # Errors
    /// As there, and `PermissionDenied` without the role [`Role::Write`] or for a table that the session may not name.
    pub fn bulk_load(&self, table: &str) -> Result<BulkLoad> {
        self.settings.permit_role(Role::Write, "loading rows")?;
        self.settings.permit_name(table)?;
        check_takes_rows(table)?;
        self.engine.check_open()?;
        Ok(self.engine.storage().bulk_load(table)?)
    }

    /// Starts to load many rows into a new table; see [`Database::bulk_create`](crate::Database::bulk_create).
    ///
    /// # Errors
    /// As there, and `PermissionDenied` without the role [`Role::Admin`] or for a name that the session may not use.
    pub fn bulk_create(&self, create_table: &str) -> Result<BulkLoad> {
        self.settings.permit_role(Role::Admin, "CREATE TABLE")?;
        self.engine.check_open()?;
        CreateTable::begin_load(create_table, &QueryContext::begin(&self.engine, &self.settings))
    }

    /// Stops a query that runs or waits; its stream ends with `Cancelled`. False where there is none of this id, or it is another
    /// user's and the role is not [`Role::Admin`].
    pub fn cancel(&self, query_id: &str) -> bool {
        self.engine.queries().cancel(query_id, &self.settings)
    }

    /// Runs a statement under an id, from its first character to the end of its answer.
    async fn run(&self, sql: &str, parameters: Parameters) -> Result<QueryStream> {
        self.engine.check_open()?;
        let mut running = self.engine.queries().begin(sql, &self.settings);
        let query = Arc::clone(running.query());
        let answer = query.unless_cancelled(Roomy::new(self.answer(sql, parameters, &mut running))).await;
        running.answered(answer)
    }

    async fn answer(&self, sql: &str, parameters: Parameters, running: &mut Running) -> Result<QueryStream> {
        let statement = self.parse(sql)?;
        match statement.is_urgent() {
            true => running.admit_at_once(),
            false => running.admit(self.engine.admission()).await?,
        }
        let _alone = match statement.changes_catalog() {
            true => Some(self.engine.ddl().lock().await),
            false => None,
        };
        let context = QueryContext::begin(&self.engine, &self.settings)
            .with_parameters(parameters)
            .with_query(Arc::clone(running.query()));
        statement.run(context).await
    }

    /// Parses a statement that this session may send.
    fn parse(&self, sql: &str) -> Result<Statement> {
        let statement = match self.settings.empty_statement {
            EmptyStatement::OneRow if Statement::is_empty(sql)? => Statement::parse(EMPTY_STATEMENT)?,
            _ => Statement::parse(sql)?,
        };
        self.settings.permit(&statement)?;
        if statement.writes() {
            self.engine.storage().check_writable()?;
        }
        Ok(statement)
    }
}
