//! Prepared statements: kept here under a handle, for a user, until closed or unused for long.
//!
//! Parameters are bound by position, because each client has its own names for them: "0", "$1" or "param_0". What was bound stays
//! with the handle: some clients forget the handle that a binding answers, and go on with the first.

mod parameters;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use arrow_flight::FlightData;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, CommandPreparedStatementQuery, CommandPreparedStatementUpdate,
    DoPutPreparedStatementResult, DoPutUpdateResult,
};
use bytes::Bytes;
use driftline::{Prepared, QueryStream, StatementKind};
use futures::StreamExt;
use futures::stream::{BoxStream, TryStreamExt};
use prost::Message;
use rand::RngExt;
use tokio::time::Instant;
use tonic::{Response, Status};

use super::answer::{self, Rows};
use super::cancel::QueryKey;
use super::{Answers, Planned, schema_bytes};
use crate::encode::Layout;
use crate::error::{arrow_status, status};
use crate::service::{Call, check_length, refuse_transaction};

pub(super) use parameters::decoding;

/// Prepared statements of all users together.
const OPEN_MAX: usize = 16 << 10;

/// Past a limit, a user's statement gives way to a new one when nobody has used it for so long: a client that forgets to close its
/// statements, or died with them, does not lock out its user.
const GIVES_WAY_AFTER: Duration = Duration::from_secs(60);

/// Bytes and rows of parameters that a statement is bound to.
const BOUND_BYTES_MAX: usize = 1 << 20;
const BOUND_ROWS_MAX: usize = 1024;

/// Bytes of parameters of one update.
const UPDATE_BYTES_MAX: usize = 64 << 20;

/// All prepared statements.
pub(crate) struct PreparedStatements {
    per_user_max: usize,
    lifetime: Duration,
    open: Mutex<HashMap<Bytes, Open>>,
}

/// One prepared statement.
#[derive(Clone)]
struct Open {
    user: Option<String>,
    prepared: Prepared,
    /// The statement with each row of parameters that was bound to it last.
    bound: Vec<Prepared>,
    used: Instant,
}

impl Open {
    /// What is run: the statement with each row of parameters, or as it is.
    fn runs(&self) -> &[Prepared] {
        match self.bound.as_slice() {
            [] => std::slice::from_ref(&self.prepared),
            bound => bound,
        }
    }
}

impl PreparedStatements {
    pub(crate) fn new(per_user_max: usize, lifetime: Duration) -> Self {
        Self { per_user_max, lifetime, open: Mutex::default() }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn add(&self, user: Option<String>, prepared: Prepared) -> Result<Bytes, Status> {
        self.add_at(Instant::now(), user, prepared)
    }

    fn add_at(&self, now: Instant, user: Option<String>, prepared: Prepared) -> Result<Bytes, Status> {
        let handle = Bytes::from(format!("{:032x}", rand::rng().random::<u128>()));
        let mut open = self.lock();
        open.retain(|_, statement| now.duration_since(statement.used) < self.lifetime);
        let of_user = open.values().filter(|statement| statement.user == user).count();
        if of_user >= self.per_user_max || open.len() >= OPEN_MAX {
            let gives_way = open
                .iter()
                .filter(|(_, statement)| statement.user == user)
                .min_by_key(|(_, statement)| statement.used)
                .filter(|(_, statement)| now.duration_since(statement.used) >= GIVES_WAY_AFTER)
                .map(|(handle, _)| handle.clone());
            let Some(gives_way) = gives_way else {
                let (count, whose, limit) = match of_user >= self.per_user_max {
                    true => (of_user, "this user", self.per_user_max),
                    false => (open.len(), "all users", OPEN_MAX),
                };
                return Err(Status::resource_exhausted(format!(
                    "{count} prepared statements of {whose} are open and the limit is {limit}: close those that are done"
                )));
            };
            open.remove(&gives_way);
        }
        open.insert(handle.clone(), Open { user, prepared, bound: vec![], used: now });
        Ok(handle)
    }

    fn with<T>(&self, call: &Call, handle: &Bytes, work: impl FnOnce(&mut Open) -> T) -> Result<T, Status> {
        let mut open = self.lock();
        let known = open.get_mut(handle).filter(|statement| statement.user == call.user);
        let known = known.ok_or_else(|| {
            Status::not_found("the prepared statement is not open: it was closed, or nobody used it for long")
        })?;
        known.used = Instant::now();
        Ok(work(known))
    }

    fn close(&self, call: &Call, handle: &Bytes) {
        let mut open = self.lock();
        if open.get(handle).is_some_and(|statement| statement.user == call.user) {
            open.remove(handle);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bytes, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prepares a statement. One that changes something has no columns: by that JDBC tells it from a query.
pub(super) async fn create(
    call: &Call,
    request: ActionCreatePreparedStatementRequest,
) -> Result<ActionCreatePreparedStatementResult, Status> {
    refuse_transaction(request.transaction_id.as_ref())?;
    let sql = request.query;
    check_length(&sql)?;
    let session = call.session.clone();
    let prepared = call.plan(async move { session.prepare(&sql).await.map_err(status) }).await?;
    let parameters = prepared.parameters().iter().map(|parameter| {
        let data_type = parameter.data_type.clone().unwrap_or(arrow::datatypes::DataType::Null);
        Field::new(&parameter.name, data_type, true)
    });
    let parameters = Schema::new(parameters.collect::<Vec<_>>());
    let dataset = match prepared.kind() {
        StatementKind::Query => Layout::new(&prepared.schema(), call.types),
        StatementKind::Change => Layout::new(&Schema::empty(), call.types),
    };
    let handle = call.service.prepared.add(call.user.clone(), prepared)?;
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: handle,
        dataset_schema: schema_bytes(dataset.schema())?,
        parameter_schema: schema_bytes(&parameters)?,
    })
}

/// Closes a statement; one that is not open is closed.
pub(super) fn close(call: &Call, request: &ActionClosePreparedStatementRequest) {
    call.service.prepared.close(call, &request.prepared_statement_handle);
}

/// Plans what a prepared statement answers.
pub(super) fn plan(
    call: &Call,
    query: CommandPreparedStatementQuery,
    ticket: Bytes,
) -> Result<Planned, Status> {
    let handle = query.prepared_statement_handle;
    let schema = call.service.prepared.with(call, &handle, |open| open.runs()[0].schema())?;
    Ok(Planned { schema: Arc::clone(Layout::new(&schema, call.types).schema()), ticket })
}

/// The name under which a run can be cancelled.
pub(super) fn key(query: &CommandPreparedStatementQuery) -> QueryKey {
    QueryKey::from(String::from_utf8_lossy(&query.prepared_statement_handle).into_owned())
}

/// Runs a prepared statement with what is bound to it, once for every row of it.
pub(super) async fn run(
    call: Call,
    query: CommandPreparedStatementQuery,
) -> Result<Response<Answers<FlightData>>, Status> {
    let handle = &query.prepared_statement_handle;
    let runs = call.service.prepared.with(&call, handle, |open| open.runs().to_vec())?;
    answer::stream(&call, key(&query), rows(runs)).await
}

async fn rows(runs: Vec<Prepared>) -> driftline::Result<Rows> {
    let mut runs = runs.into_iter();
    let first = runs.next().expect("a statement runs at least once");
    let kind = first.kind();
    let first = first.run(&[]).await?;
    let Rows { schema, batches, query_id, .. } = Rows::of(first, kind);
    let others = futures::stream::iter(runs).then(async |run| run.run(&[]).await).try_flatten();
    Ok(Rows { schema, batches: batches.chain(others).boxed(), query_id, kind })
}

/// Binds rows of parameters to a statement, in the place of those before.
pub(super) async fn bind(
    call: &Call,
    query: CommandPreparedStatementQuery,
    messages: BoxStream<'static, Result<FlightData, Status>>,
) -> Result<Vec<u8>, Status> {
    let handle = query.prepared_statement_handle;
    let prepared = call.service.prepared.with(call, &handle, |open| open.prepared.clone())?;
    let (_, batches) = parameters::read(messages, BOUND_BYTES_MAX).await?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    if rows > BOUND_ROWS_MAX {
        return Err(Status::resource_exhausted(format!(
            "a query is bound to at most {BOUND_ROWS_MAX} rows of parameters, got {rows}"
        )));
    }
    let bound = call.plan(async move {
        let mut bound = Vec::with_capacity(rows);
        for values in parameters::values(&batches) {
            bound.push(prepared.bind(&values?).await.map_err(status)?);
        }
        Ok(bound)
    });
    let bound = bound.await?;
    call.service.prepared.with(call, &handle, |open| open.bound = bound)?;
    Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) }.encode_to_vec())
}

/// Runs a prepared statement that changes something, once for all rows of parameters, and answers how many rows it changed: all of them
/// or none.
pub(super) async fn update(
    call: &Call,
    update: CommandPreparedStatementUpdate,
    messages: BoxStream<'static, Result<FlightData, Status>>,
) -> Result<Vec<u8>, Status> {
    let open = call.service.prepared.with(call, &update.prepared_statement_handle, |open| open.clone())?;
    let kind = open.prepared.kind();
    let (columns, mut batches) = parameters::read(messages, UPDATE_BYTES_MAX).await?;
    batches.retain(|batch| batch.num_rows() > 0);
    let count = call.run(async move {
        let Some(first) = batches.first() else {
            if columns > 0 {
                // parameters came, and no row of them
                return Ok(0);
            }
            let mut changed = 0;
            for run in open.runs() {
                changed += changed_by(run.run(&[]).await).await?;
            }
            return Ok(changed);
        };
        let rows = concat_batches(&first.schema(), &batches).map_err(arrow_status)?;
        changed_by(open.prepared.run_rows(&rows).await).await
    });
    let record_count = count.await?;
    if kind == StatementKind::Change {
        call.service.metrics.wrote(record_count);
    }
    Ok(DoPutUpdateResult { record_count }.encode_to_vec())
}

async fn changed_by(answer: driftline::Result<QueryStream>) -> Result<i64, Status> {
    let batches = answer.map_err(status)?.collect().await.map_err(status)?;
    Ok(answer::changed_rows(&batches).max(0))
}

#[cfg(test)]
mod tests;
