//! What all connections of a server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use driftline::{Database, EmptyStatement, FileAccess, Role, Session, SessionSettings, TableFilter};
use tokio::runtime::Handle;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

use crate::access::{Access, Identity};
use crate::config::Settings;
use crate::encode::Types;
use crate::flight::{PreparedStatements, Running};
use crate::http::Metrics;
use crate::run::Admission;

/// With this header a caller asks for Arrow's own types: `driftline-types: arrow`.
const TYPES_HEADER: &str = "driftline-types";

/// Bytes of a statement, at most.
const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// One database behind all doors.
pub(crate) struct Service {
    pub(crate) database: Database,
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    pub(crate) prepared: PreparedStatements,
    pub(crate) running: Running,
    pub(crate) metrics: Metrics,
    pub(crate) admission: Admission,
    stopping: AtomicBool,
    /// Queries compute here, so that connections are answered while they do.
    pub(crate) queries: Handle,
}

impl Service {
    pub(crate) fn new(database: Database, settings: Settings, access: Access, queries: Handle) -> Self {
        Self {
            prepared: PreparedStatements::new(
                settings.prepared_statements_max,
                settings.prepared_statement_lifetime,
            ),
            running: Running::default(),
            metrics: Metrics::default(),
            admission: Admission::new(settings.connections_max),
            stopping: AtomicBool::new(false),
            database,
            settings,
            access,
            queries,
        }
    }

    /// Says from now on that this server is going.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> u64 {
        self.admission.open() as u64
    }

    /// The call that headers announce.
    ///
    /// # Errors
    /// `Unauthenticated` for a missing or wrong credential, `Unavailable` past the limit of connections, `InvalidArgument` for
    /// types that there are not.
    pub(crate) async fn call(
        self: &Arc<Self>,
        headers: &MetadataMap,
        extensions: &Extensions,
    ) -> Result<Call, Status> {
        Admission::check(extensions)?;
        let identity = self.access.identify(headers).await?;
        let session = self.database.session(self.session_settings(&identity));
        Ok(Call {
            service: Arc::clone(self),
            session,
            user: identity.user,
            role: identity.role,
            types: types(headers)?,
        })
    }
}

impl Service {
    /// What a caller may do and use: never the files of this machine.
    fn session_settings(&self, identity: &Identity) -> SessionSettings {
        SessionSettings {
            user: identity.user.clone(),
            role: identity.role,
            tables: identity.tables.clone().map(TableFilter::of),
            file_access: FileAccess::Refused,
            query_timeout: Some(self.settings.query_timeout),
            memory_bytes: Some(usize::try_from(self.settings.query_memory.as_u64()).unwrap_or(usize::MAX)),
            schema_alias: self.settings.schema_alias.clone(),
            // a version of Grafana checks a connection with one
            empty_statement: EmptyStatement::OneRow,
        }
    }
}

/// One call of a known caller.
pub(crate) struct Call {
    pub(crate) service: Arc<Service>,
    pub(crate) session: Session,
    pub(crate) user: Option<String>,
    pub(crate) role: Role,
    pub(crate) types: Types,
}

impl Call {
    /// Runs work of the database where it keeps no connection waiting.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        let work = AbortOnDrop(self.service.queries.spawn(work));
        work.await.map_err(|error| {
            tracing::error!(%error, "a call ended unexpectedly");
            Status::internal("the call ended unexpectedly: the log of the server says more")
        })?
    }
}

/// Refuses a statement that no hand has written.
pub(crate) fn check_length(sql: &str) -> Result<(), Status> {
    match sql.len() {
        0..=STATEMENT_BYTES_MAX => Ok(()),
        bytes => Err(Status::invalid_argument(format!(
            "a statement has at most {STATEMENT_BYTES_MAX} bytes, got {bytes}"
        ))),
    }
}

/// Refuses a statement inside of a transaction.
pub(crate) fn refuse_transaction(id: Option<&Bytes>) -> Result<(), Status> {
    match id {
        Some(id) if !id.is_empty() => {
            Err(Status::invalid_argument("transactions are not supported: every statement stands alone"))
        }
        _ => Ok(()),
    }
}

fn types(headers: &MetadataMap) -> Result<Types, Status> {
    match headers.get(TYPES_HEADER).map(|types| types.to_str()) {
        None | Some(Ok("plain")) => Ok(Types::Plain),
        Some(Ok("arrow")) => Ok(Types::Arrow),
        Some(_) => Err(Status::invalid_argument("the header driftline-types must be plain or arrow")),
    }
}

/// A task that ends with its handle.
pub(crate) struct AbortOnDrop<T>(pub(crate) tokio::task::JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
