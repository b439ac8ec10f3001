//! What all connections of a server share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driftline::{
    Database, EmptyStatement, FileAccess, QUEUE_WAIT_DEFAULT, Role, Session, SessionSettings, TableFilter,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

use crate::access::{Access, Identity};
use crate::alerts::Deliveries;
use crate::config::Settings;
use crate::encode::Types;
use crate::flight::{PreparedStatements, Running};
use crate::http::Metrics;
use crate::otlp::Room;
use crate::run::Admission;

/// With this header a caller asks for Arrow's own types: `driftline-types: arrow`.
const TYPES_HEADER: &str = "driftline-types";

/// Bytes of a statement, at most.
const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// How much later than the database this server ends what is over its time: a query that pauses now and then is ended by the database,
/// which lists it as such, and only one that computes without a pause is left to us.
const LATENESS: Duration = Duration::from_secs(1);

/// One database behind all doors.
pub(crate) struct Service {
    pub(crate) database: Database,
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    pub(crate) prepared: PreparedStatements,
    pub(crate) running: Running,
    pub(crate) metrics: Metrics,
    /// What became of notifications of alerts.
    pub(crate) deliveries: Deliveries,
    pub(crate) admission: Admission,
    /// Memory for exports under way.
    pub(crate) otlp: Room,
    phase: watch::Sender<Phase>,
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
            deliveries: Deliveries::default(),
            admission: Admission::new(settings.connections_max),
            otlp: Room::new(settings.otlp_memory.as_u64(), settings.otlp_request_max.as_u64()),
            phase: watch::Sender::new(Phase::Open),
            database,
            settings,
            access,
            queries,
        }
    }

    /// Takes the next step to the end.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Whether this server is going.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.phase.borrow() >= Phase::Stopping
    }

    /// Waits until the server is so far.
    pub(crate) fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.phase.subscribe();
        async move {
            // without a sender it is over, too
            let _ = told.wait_for(|now| *now >= phase).await;
        }
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
        Admission::check(extensions.get())?;
        let identity = self.access.identify(headers).await?;
        let session = self.session(&identity);
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
    /// A session of a caller.
    pub(crate) fn session(&self, identity: &Identity) -> Session {
        self.database.session(self.session_settings(identity))
    }

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

/// How far a server is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// No more calls are taken; those that run may end.
    Stopping,
    /// Calls that still run are cut short.
    Ending,
}

/// What a caller hears whose call the end of the server cuts short.
pub(crate) fn stopping() -> Status {
    Status::unavailable("the server is stopping")
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
    /// Plans: work that waits for no place among the queries.
    ///
    /// # Errors
    /// What the work fails with, `DeadlineExceeded` past `query_timeout`, `Unavailable` when the server ends.
    pub(crate) async fn plan<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        self.within(Duration::ZERO, work).await
    }

    /// Runs a statement, which can wait for its place among the queries first.
    ///
    /// # Errors
    /// As [`plan`](Self::plan); the time of waiting does not count.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        let is_full =
            self.service.database.query_counts().running >= self.service.settings.queries_max as u64;
        self.within(if is_full { QUEUE_WAIT_DEFAULT } else { Duration::ZERO }, work).await
    }

    /// Loads rows, which takes as long as the client sends some.
    ///
    /// # Errors
    /// What the work fails with, `Unavailable` when the server ends.
    pub(crate) async fn load<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        // here it keeps no connection waiting, and can be left behind while it computes
        let work = AbortOnDrop(self.service.queries.spawn(work));
        tokio::select! {
            outcome = work => outcome.map_err(|error| {
                if error.is_cancelled() && self.service.is_stopping() {
                    return stopping();
                }
                tracing::error!(%error, "a call ended unexpectedly");
                Status::internal("the call ended unexpectedly: the log of the server says more")
            })?,
            () = self.service.reached(Phase::Ending) => Err(stopping()),
        }
    }

    async fn within<T: Send + 'static>(
        &self,
        waiting: Duration,
        work: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        let given = self.service.settings.query_timeout;
        let at_most = given.saturating_add(waiting).saturating_add(LATENESS);
        timeout(at_most, self.load(work)).await.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!(
                "the statement took longer than its limit of {given:?}: make it simpler, or raise query_timeout"
            )))
        })
    }

    /// Counts a statement that answers no rows by how it ends. One that nobody waits for until then was cancelled.
    pub(crate) async fn counted<T>(
        &self,
        statement: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let pending = self.service.metrics.pending();
        let outcome = statement.await;
        pending.ended(&outcome);
        outcome
    }

    /// Counts a statement that is planned, if that is its end: one that goes on to run is counted then.
    pub(crate) async fn counted_unless_planned<T>(
        &self,
        planning: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let pending = self.service.metrics.pending();
        let outcome = planning.await;
        match &outcome {
            Ok(_) => pending.goes_on(),
            Err(_) => pending.ended(&outcome),
        }
        outcome
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

#[cfg(test)]
mod tests;
