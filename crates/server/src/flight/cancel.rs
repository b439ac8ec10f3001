//! Queries that run, each under a key that its ticket holds, so that another call can end it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Command};
use arrow_flight::{CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo};
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

/// By user and key: nobody ends the query of somebody else.
type Queries = HashMap<(Option<String>, QueryKey), Arc<Notify>>;

impl Running {
    /// Lists a query until the entry is dropped.
    pub(super) fn enter(&self, user: Option<String>, key: QueryKey) -> Entry {
        let stop = Arc::new(Notify::new());
        let name = (user, key);
        self.lock().insert(name.clone(), Arc::clone(&stop));
        Entry { running: self.clone(), name, stop }
    }

    /// How many queries run.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Ends a query of the same user; false where none runs under this key.
    fn stop(&self, user: Option<String>, key: QueryKey) -> bool {
        let query = self.lock().get(&(user, key)).cloned();
        // a permit is kept where nobody waits yet
        query.map(|stop| stop.notify_one()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Queries> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query's place in the list.
pub(super) struct Entry {
    running: Running,
    name: (Option<String>, QueryKey),
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
        // the same ticket can be fetched twice at a time: each removes itself alone
        if queries.get(&self.name).is_some_and(|stop| Arc::ptr_eq(stop, &self.stop)) {
            queries.remove(&self.name);
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
        stopped |= call.service.running.stop(call.user.clone(), key);
    }
    Ok(stopped)
}
