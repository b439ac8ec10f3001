//! What one statement sees: one snapshot of all tables, the catalog over it, a session state and a deadline.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::CreateExternalTable;
use driftline_storage::{ErrorKind, Snapshot, TableSnapshot};
use tokio::time::{Instant, timeout_at};

use crate::catalog::{
    Catalogs, DEFAULT_CATALOG, INFORMATION_SCHEMA, PUBLIC_SCHEMA, Relations, SYSTEM_SCHEMA,
};
use crate::config::FileAccess;
use crate::db::Engine;
use crate::error::{Error, Result, nearest};
use crate::queries::Query;
use crate::session::{Role, SessionSettings};
use crate::sql::Parameters;
use crate::stream::Deadline;
use crate::{slo, sql, system_tables};

/// How long the query of an alert may run.
const ALERT_TIMEOUT: Duration = Duration::from_secs(30);

/// One statement's view of the database; it never changes while the statement runs.
pub(crate) struct QueryContext {
    relations: Arc<Relations>,
    state: SessionState,
    deadline: Option<Deadline>,
    parameters: Parameters,
    /// What it is counted as; a plan that is not to run belongs to none.
    query: Option<Arc<Query>>,
}

impl QueryContext {
    /// Takes a snapshot and starts the clock of the deadline.
    pub(crate) fn begin(engine: &Arc<Engine>, settings: &Arc<SessionSettings>) -> Self {
        let snapshot = engine.storage().snapshot();
        let relations = Relations::new(Arc::clone(engine), snapshot, Arc::clone(settings));
        let limits = [engine.config().query_timeout, settings.query_timeout];
        let deadline = limits
            .into_iter()
            .flatten()
            .min()
            .and_then(|given| Some(Deadline { at: Instant::now().checked_add(given)?, given }));
        Self::over(relations, deadline)
    }

    /// What the query of an alert sees, as of a time or now: all tables and views, no files.
    pub(crate) fn for_alerts(engine: &Arc<Engine>, as_of_ns: Option<i64>) -> Self {
        let settings = SessionSettings {
            role: Role::Read,
            file_access: FileAccess::Refused,
            query_timeout: Some(ALERT_TIMEOUT),
            ..SessionSettings::default()
        };
        let context = Self::begin(engine, &Arc::new(settings));
        match as_of_ns {
            Some(as_of_ns) => Self::over(Arc::new(context.relations.as_of(as_of_ns)), context.deadline),
            None => context,
        }
    }

    /// The same view without files.
    pub(crate) fn without_files(&self) -> Self {
        Self::over(Arc::new(self.relations.without_files()), self.deadline)
    }

    /// The same view, for planning a view inside of it.
    pub(crate) fn over(relations: Arc<Relations>, deadline: Option<Deadline>) -> Self {
        let mut state = relations.engine().session().clone();
        state.register_catalog_list(Arc::new(Catalogs::new(Arc::clone(&relations))));
        let now = DateTime::from_timestamp_nanos(relations.now_ns());
        let properties = state.execution_props().clone().with_query_execution_start_time(now);
        *state.execution_props_mut() = properties;
        slo::register(&mut state, &relations);
        Self { relations, state, deadline, parameters: Parameters::default(), query: None }
    }

    /// Puts values in the places of `$1`, `$2`, ...
    pub(crate) fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Counts what runs here as this query.
    pub(crate) fn with_query(mut self, query: Arc<Query>) -> Self {
        self.query = Some(query);
        self
    }

    /// The same view of the database, for the query of a view that is to be made.
    pub(crate) fn inside(&self, view: &str) -> Self {
        Self::over(Arc::new(self.relations.inside(view)), self.deadline)
    }

    /// The same at another moment of the database.
    pub(crate) fn at(&self, snapshot: &Snapshot) -> Self {
        self.with_relations(self.relations.at(snapshot))
    }

    /// The same, where the rows of a table have their places as columns.
    pub(crate) fn with_places(&self, table: &TableSnapshot) -> Self {
        self.with_relations(self.relations.with_places(table.clone()))
    }

    /// The same, with the relations of earlier versions.
    pub(crate) fn with_past(&self, past: HashMap<String, Arc<Relations>>) -> Self {
        self.with_relations(self.relations.with_past(past))
    }

    fn with_relations(&self, relations: Relations) -> Self {
        let (parameters, query) = (self.parameters.clone(), self.query.clone());
        Self { parameters, query, ..Self::over(Arc::new(relations), self.deadline) }
    }

    pub(crate) fn relations(&self) -> &Relations {
        &self.relations
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        self.relations.engine()
    }

    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        self.relations.snapshot()
    }

    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    /// The state to plan a statement in that names these relations, out of one that knows what stands in it. A statement that reads all
    /// views does not fail for the one that another statement left without its table.
    pub(crate) fn state_for<'a>(
        &self,
        references: &[TableReference],
        state: &'a SessionState,
    ) -> Cow<'a, SessionState> {
        if !references.iter().any(|reference| reference.schema() == Some(INFORMATION_SCHEMA)) {
            return Cow::Borrowed(state);
        }
        let mut state = state.clone();
        state
            .register_catalog_list(Arc::new(Catalogs::new(Arc::new(self.relations.skipping_broken_views()))));
        Cow::Owned(state)
    }

    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub(crate) fn query(&self) -> Option<&Arc<Query>> {
        self.query.as_ref()
    }

    /// What a plan runs in: with the memory of its query.
    pub(crate) fn task(&self) -> Arc<TaskContext> {
        let Some(query) = &self.query else { return self.state.task_ctx() };
        let memory_pool = Arc::clone(query.memory()) as _;
        let runtime = RuntimeEnv { memory_pool, ..self.state.runtime_env().as_ref().clone() };
        Arc::new(TaskContext::from(&self.state).with_runtime(Arc::new(runtime)))
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Runs the first part of a query, before its stream exists, under the deadline.
    pub(crate) async fn within_deadline<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.deadline {
            None => work.await,
            Some(deadline) => {
                timeout_at(deadline.at, work).await.unwrap_or_else(|_| Err(deadline.exceeded()))
            }
        }
    }

    /// Whether a table or view of this name exists.
    pub(crate) fn has_relation(&self, name: &str) -> bool {
        self.relations.contains(name)
    }

    /// A suggestion for a name that does not exist.
    pub(crate) fn nearest_relation(&self, name: &str) -> String {
        let names = self.relations.candidates();
        nearest(name, names.iter().map(String::as_str))
    }

    /// The error for a table that does not exist, or is a view.
    pub(crate) fn no_table(&self, name: &str) -> Error {
        if self.has_relation(name) {
            return Error::invalid(format!("\"{name}\" is not a table of the database"));
        }
        let hint = self.nearest_relation(name);
        Error::new(ErrorKind::NotFound, format!("table \"{name}\" does not exist{hint}"))
    }

    /// Fails for a relation that does not exist, naming the nearest one.
    pub(crate) fn check_exists(&self, reference: &TableReference) -> Result<()> {
        let not_found = |hint: String| {
            let shown = sql::shown(reference);
            Err(Error::new(ErrorKind::NotFound, format!("table \"{shown}\" does not exist{hint}")))
        };
        if reference.catalog().is_some_and(|catalog| catalog != DEFAULT_CATALOG) {
            return not_found(String::new());
        }
        let name = reference.table();
        match reference.schema().unwrap_or(PUBLIC_SCHEMA) {
            schema if self.is_public(Some(schema)) => self.check_public(name),
            SYSTEM_SCHEMA if system_tables::NAMES.contains(&name) => Ok(()),
            SYSTEM_SCHEMA => not_found(nearest(name, system_tables::NAMES)),
            INFORMATION_SCHEMA => Ok(()),
            schema => match self.relations.past(schema) {
                Some(past) if !past.allows(name) => past.settings().permit_name(name),
                Some(past) if past.contains(name) => Ok(()),
                Some(past) => {
                    let names = past.candidates();
                    not_found(nearest(name, names.iter().map(String::as_str)))
                }
                None => not_found(String::new()),
            },
        }
    }

    /// Fails for a name in the schema of tables that does not exist, or that the session may not use.
    fn check_public(&self, name: &str) -> Result<()> {
        if Relations::is_file(name) && !self.has_relation(name) {
            return self.permit_files("reading files");
        }
        if self.state.table_functions().contains_key(name) {
            return Ok(());
        }
        if !self.relations.allows(name) {
            return self.relations.settings().permit_name(name);
        }
        match self.has_relation(name) {
            true => Ok(()),
            false => {
                let hint = self.nearest_relation(name);
                Err(Error::new(ErrorKind::NotFound, format!("table \"{name}\" does not exist{hint}")))
            }
        }
    }

    /// Whether a schema, as it is written, is that of tables and views.
    pub(crate) fn is_public(&self, schema: Option<&str>) -> bool {
        schema.is_none_or(|schema| self.relations.is_public(schema))
    }

    /// Finds a relation.
    pub(crate) async fn relation(&self, reference: &TableReference) -> Result<Arc<dyn TableProvider>> {
        self.check_exists(reference)?;
        let schema = self.state.schema_for_ref(reference.clone())?;
        match schema.table(reference.table()).await? {
            Some(provider) => Ok(provider),
            None => Err(self.no_table(reference.table())),
        }
    }

    /// Fails for a name that this session may not use.
    pub(crate) fn permit_relation(&self, name: &str) -> Result<()> {
        self.relations.settings().permit_name(name)
    }

    /// Fails where this session may not touch files.
    pub(crate) fn permit_files(&self, what: &str) -> Result<()> {
        match self.relations.file_access() {
            FileAccess::Allowed => Ok(()),
            FileAccess::Refused => {
                Err(Error::new(ErrorKind::PermissionDenied, format!("{what} is not allowed in this session")))
            }
        }
    }

    /// Fails where this session may not write files, or make tables of them.
    pub(crate) fn permit_writing_files(&self) -> Result<()> {
        const WHAT: &str = "COPY and CREATE EXTERNAL TABLE";
        self.permit_files(WHAT)?;
        self.relations.settings().permit_role(Role::Admin, WHAT)
    }

    /// Registers an external table for the life of the database handle.
    pub(crate) async fn create_external(&self, command: &CreateExternalTable) -> Result<()> {
        let name = command.name.table();
        if self.has_relation(name) {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("\"{name}\" exists already")));
        }
        let format = command.file_type.to_uppercase();
        let factory = self.state.table_factories().get(&format);
        let factory =
            factory.ok_or_else(|| Error::invalid(format!("files of format \"{format}\" cannot be read")))?;
        let provider = factory.create(&self.state, command).await?;
        self.engine().external().insert(name.to_owned(), provider);
        Ok(())
    }

    /// Forgets an external table; false where there is none.
    pub(crate) fn drop_external(&self, name: &str) -> bool {
        self.relations.file_access() == FileAccess::Allowed && self.engine().external().remove(name)
    }
}
