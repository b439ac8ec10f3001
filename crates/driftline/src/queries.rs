//! The queries of a database: those that run, by their ids, and the last ones that are done. A query is here from the first character of
//! its statement to the end of its answer, whatever that end is.

mod admission;
mod memory;
mod record;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_plan::ExecutionPlan;
use driftline_storage::{Clock, Ids};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::error::{Error, ErrorKind, Result};
use crate::session::{Role, SessionSettings};
use crate::stream::QueryStream;

pub(crate) use admission::Admission;
pub(crate) use memory::CONSUMERS_NAMED;
pub(crate) use memory::QueryMemory;
pub use record::{QueryCounts, QueryRecord, QueryState};

/// Queries that are done and still listed.
const RECENT_MAX: usize = 256;
/// Bytes of a statement that are kept.
const SQL_BYTES_MAX: usize = 4096;
/// The stream of names of queries from the seed of a database: no epoch of a writer has this number.
const IDS_STREAM: u64 = u64::MAX;

/// The queries of one open database.
#[derive(Debug)]
pub(crate) struct Queries {
    clock: Arc<dyn Clock>,
    ids: Ids,
    memory: Arc<dyn MemoryPool>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    running: BTreeMap<String, Arc<Query>>,
    recent: VecDeque<QueryRecord>,
    done: QueryCounts,
}

impl Queries {
    pub(crate) fn new(clock: Arc<dyn Clock>, seed: Option<u64>, memory: Arc<dyn MemoryPool>) -> Arc<Self> {
        let ids = Ids::new(Arc::clone(&clock), seed, IDS_STREAM);
        Arc::new(Self { clock, ids, memory, inner: Mutex::default() })
    }

    /// Lists a query that begins.
    pub(crate) fn begin(self: &Arc<Self>, sql: &str, settings: &SessionSettings) -> Running {
        let query = Arc::new(Query {
            id: self.ids.next_id(),
            user: settings.user.clone(),
            sql: sql[..sql.floor_char_boundary(SQL_BYTES_MAX)].to_owned(),
            started_at_ns: self.clock.now_ns(),
            started_ns: self.clock.monotonic_ns(),
            admitted: AtomicBool::new(false),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            memory: Arc::new(QueryMemory::new(Arc::clone(&self.memory), settings.memory_bytes)),
            plans: Mutex::default(),
            cancelled: watch::Sender::new(false),
        });
        self.lock().running.insert(query.id.clone(), Arc::clone(&query));
        Running { query, queries: Arc::clone(self), permit: None, is_done: false }
    }

    /// Stops a query; see `Session::cancel`.
    pub(crate) fn cancel(&self, id: &str, settings: &SessionSettings) -> bool {
        let query = self.lock().running.get(id).filter(|query| may_see(settings, &query.user)).cloned();
        query.is_some_and(|query| !query.cancelled.send_replace(true))
    }

    /// What a session may see of the queries that run and the last ones that are done, the newest first.
    pub(crate) fn visible(&self, settings: &SessionSettings) -> Vec<QueryRecord> {
        let now_ns = self.clock.monotonic_ns();
        let inner = self.lock();
        let running = inner.running.values().map(|query| query.record(now_ns, query.state(), None));
        let all = running.chain(inner.recent.iter().cloned());
        let mut records: Vec<QueryRecord> = all.filter(|record| may_see(settings, &record.user)).collect();
        records.sort_by(|a, b| (b.started_at_ns, &b.query_id).cmp(&(a.started_at_ns, &a.query_id)));
        records
    }

    /// How many queries run, wait and are done.
    pub(crate) fn counts(&self) -> QueryCounts {
        let inner = self.lock();
        let queued =
            inner.running.values().filter(|query| query.state() == QueryState::Queued).count() as u64;
        QueryCounts { queued, running: inner.running.len() as u64 - queued, ..inner.done }
    }

    fn finish(&self, query: &Query, state: QueryState, error: Option<String>) {
        let record = query.record(self.clock.monotonic_ns(), state, error);
        query.plans.lock().unwrap_or_else(PoisonError::into_inner).clear();
        record.log();
        let mut inner = self.lock();
        inner.running.remove(&query.id);
        match state {
            QueryState::Finished => inner.done.finished += 1,
            QueryState::Failed => inner.done.failed += 1,
            QueryState::Cancelled | QueryState::Queued | QueryState::Running => inner.done.cancelled += 1,
        }
        if inner.recent.len() >= RECENT_MAX {
            inner.recent.pop_front();
        }
        inner.recent.push_back(record);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a session may see and stop the queries of a user: its own, or everybody's.
fn may_see(settings: &SessionSettings, user: &Option<String>) -> bool {
    settings.role == Role::Admin || settings.user == *user
}

/// A query that runs, as others see it.
pub(crate) struct Query {
    id: String,
    user: Option<String>,
    sql: String,
    started_at_ns: i64,
    /// By the monotonic clock.
    started_ns: u64,
    admitted: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
    memory: Arc<QueryMemory>,
    /// Kept for what they count.
    plans: Mutex<Vec<Arc<dyn ExecutionPlan>>>,
    cancelled: watch::Sender<bool>,
}

impl Query {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn memory(&self) -> &Arc<QueryMemory> {
        &self.memory
    }

    /// Notes a plan that is part of the query.
    pub(crate) fn runs(&self, plan: &Arc<dyn ExecutionPlan>) {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(plan));
    }

    /// Counts a batch of the answer.
    pub(crate) fn answers(&self, batch: &RecordBatch) {
        self.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(record::bytes_of(batch), Ordering::Relaxed);
    }

    /// Does the work, unless the query is cancelled before it is done.
    pub(crate) async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(cancelled()),
            outcome = work => outcome,
        }
    }

    /// Is done when somebody cancels the query.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.cancelled.subscribe();
        async move {
            // the sender is the query's own and lives as long as whoever waits here
            let _told = told.wait_for(|cancelled| *cancelled).await.is_ok();
        }
    }

    fn state(&self) -> QueryState {
        match self.admitted.load(Ordering::Relaxed) {
            true => QueryState::Running,
            false => QueryState::Queued,
        }
    }

    fn record(&self, now_ns: u64, state: QueryState, error: Option<String>) -> QueryRecord {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        QueryRecord {
            query_id: self.id.clone(),
            user: self.user.clone(),
            state,
            sql: self.sql.clone(),
            started_at_ns: self.started_at_ns,
            duration_ns: now_ns.saturating_sub(self.started_ns),
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            spilled_bytes: plans.iter().map(record::spilled_bytes).sum(),
            memory_bytes_peak: self.memory.peak_bytes(),
            error,
        }
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("id", &self.id).field("sql", &self.sql).finish_non_exhaustive()
    }
}

/// A query in the hands of who runs it: it is listed as long as this lives, and noted as cancelled when this is dropped too early.
#[derive(Debug)]
pub(crate) struct Running {
    query: Arc<Query>,
    queries: Arc<Queries>,
    permit: Option<OwnedSemaphorePermit>,
    is_done: bool,
}

impl Running {
    pub(crate) fn query(&self) -> &Arc<Query> {
        &self.query
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Waits until the query may run.
    pub(crate) async fn admit(&mut self, admission: &Admission) -> Result<()> {
        self.permit = Some(admission.enter().await?);
        self.query.admitted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Lets the query run without a place among those that run.
    pub(crate) fn admit_at_once(&self) {
        self.query.admitted.store(true, Ordering::Relaxed);
    }

    /// Hands the query on to its answer; without one it has failed.
    pub(crate) fn answered(mut self, answer: Result<QueryStream>) -> Result<QueryStream> {
        match answer {
            Ok(stream) => Ok(stream.of_query(self)),
            Err(error) => {
                self.failed(&error);
                Err(error)
            }
        }
    }

    pub(crate) fn finished(&mut self) {
        self.end(QueryState::Finished, None);
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        let state = match error.kind() {
            ErrorKind::Cancelled => QueryState::Cancelled,
            _ => QueryState::Failed,
        };
        self.end(state, Some(error.to_string()));
    }

    fn end(&mut self, state: QueryState, error: Option<String>) {
        if !self.is_done {
            self.is_done = true;
            self.permit = None;
            self.queries.finish(&self.query, state, error);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(QueryState::Cancelled, Some("nobody read the answer to its end".to_owned()));
    }
}

/// The error of a query that somebody stopped.
pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the query was cancelled")
}
