//! Queries that run, each under a key that its ticket holds, so that another call can end it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Command};
use arrow_flight::{CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo};
use driftline::Role;
use prost::Message;
use rand::RngExt;
use tokio::sync::Notify;
use tonic::Status;

use super::command;
use super::statement::StatementTicket;
use crate::service::Call;

/// The name of one run of a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QueryKey(String);

impl QueryKey {
    pub(super) fn new() -> Self {
        Self(format!("{:032x}", rand::rng().random::<u128>()))
    }
}

impl From<String> for QueryKey {
    fn from(key: String) -> Self {
        Self(key)
    }
}

impl fmt::Display for QueryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All queries that run now: no more than the database lets run.
#[derive(Clone, Default)]
pub(crate) struct Running {
    queries: Arc<Mutex<Queries>>,
}

/// By key: a ticket can be fetched several times at once, and each of its queries is here.
type Queries = HashMap<QueryKey, Vec<Query>>;

struct Query {
    user: Option<String>,
    stop: Arc<Notify>,
}

impl Running {
    /// Lists a query until the entry is dropped.
    pub(super) fn enter(&self, user: Option<String>, key: QueryKey) -> Entry {
        let stop = Arc::new(Notify::new());
        let query = Query { user, stop: Arc::clone(&stop) };
        self.lock().entry(key.clone()).or_default().push(query);
        Entry { running: self.clone(), key, stop }
    }

    /// How many queries run.
    pub(crate) fn len(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// Ends all queries under a key that this caller may end, its own or as an admin everybody's; false where none runs.
    fn stop(&self, user: Option<&str>, role: Role, key: &QueryKey) -> bool {
        let queries = self.lock();
        let of_key = queries.get(key).into_iter().flatten();
        let mut ended =
            of_key.filter(|query| role == Role::Admin || query.user.as_deref() == user).peekable();
        let is_any = ended.peek().is_some();
        // a permit is kept where nobody waits yet
        ended.for_each(|query| query.stop.notify_one());
        is_any
    }

    fn lock(&self) -> MutexGuard<'_, Queries> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query's place in the list.
pub(super) struct Entry {
    running: Running,
    key: QueryKey,
    stop: Arc<Notify>,
}

impl Entry {
    /// Waits until somebody ends the query.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut queries = self.running.lock();
        let Some(of_key) = queries.get_mut(&self.key) else { return };
        // others of the same key go on
        of_key.retain(|query| !Arc::ptr_eq(&query.stop, &self.stop));
        if of_key.is_empty() {
            queries.remove(&self.key);
        }
    }
}

/// `CancelFlightInfo`, whose body is a plain message.
pub(super) fn flight_info(call: &Call, body: &[u8]) -> Result<Vec<u8>, Status> {
    let request = CancelFlightInfoRequest::decode(body)
        .map_err(|_| Status::invalid_argument("the body is no CancelFlightInfoRequest"))?;
    let info = request.info.ok_or_else(|| Status::invalid_argument("the request has no FlightInfo"))?;
    let status = match stop(call, &info)? {
        true => CancelStatus::Cancelled,
        false => CancelStatus::NotCancellable,
    };
    Ok(CancelFlightInfoResult { status: status as i32 }.encode_to_vec())
}

/// `CancelQuery`, the older form of the same.
pub(super) fn query(
    call: &Call,
    request: &ActionCancelQueryRequest,
) -> Result<ActionCancelQueryResult, Status> {
    let info = FlightInfo::decode(request.info.as_ref())
        .map_err(|_| Status::invalid_argument("the request holds no FlightInfo"))?;
    let status = match stop(call, &info)? {
        true => CancelStatus::Cancelled,
        false => CancelStatus::NotCancellable,
    };
    Ok(ActionCancelQueryResult { result: status as i32 })
}

fn stop(call: &Call, info: &FlightInfo) -> Result<bool, Status> {
    let mut stopped = false;
    for endpoint in &info.endpoint {
        let Some(ticket) = &endpoint.ticket else { continue };
        let key = match command(&ticket.ticket)? {
            Command::TicketStatementQuery(ticket) => QueryKey::from(StatementTicket::read(&ticket)?.key),
            Command::CommandPreparedStatementQuery(query) => super::prepared::key(&query),
            _ => continue,
        };
        stopped |= call.service.running.stop(call.user.as_deref(), call.role, &key);
    }
    Ok(stopped)
}

#[cfg(test)]
mod tests;
