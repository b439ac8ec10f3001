//! Statements without preparation. The ticket holds the statement itself, so it can be fetched again, and after a restart.

use std::sync::Arc;

use arrow_flight::FlightData;
use arrow_flight::sql::{
    CommandStatementQuery, CommandStatementUpdate, DoPutUpdateResult, ProstMessageExt, TicketStatementQuery,
};
use driftline::StatementKind;
use futures::TryStreamExt;
use prost::Message;
use tonic::{Response, Status};

use super::answer::{self, Rows};
use super::cancel::QueryKey;
use super::{Answers, Planned};
use crate::encode::Layout;
use crate::error::status;
use crate::service::{Call, check_length, refuse_transaction};

/// What a ticket of a statement holds.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StatementTicket {
    #[prost(string, tag = "1")]
    pub(super) sql: String,
    /// Under this name it can be cancelled while it runs.
    #[prost(string, tag = "2")]
    pub(super) key: String,
    /// Whether it changes anything, as it said when it was planned.
    #[prost(bool, tag = "3")]
    changes: bool,
}

impl StatementTicket {
    pub(super) fn read(ticket: &TicketStatementQuery) -> Result<Self, Status> {
        let read = Self::decode(ticket.statement_handle.as_ref());
        read.map_err(|_| Status::invalid_argument("the ticket is damaged: ask for the statement again"))
    }
}

/// Plans a statement: what is wrong with it is said here, where every client looks.
pub(super) async fn plan(call: &Call, query: CommandStatementQuery) -> Result<Planned, Status> {
    refuse_transaction(query.transaction_id.as_ref())?;
    let sql = query.query;
    check_length(&sql)?;
    let session = call.session.clone();
    let text = sql.clone();
    let planned = call.plan(async move { session.prepare(&text).await.map_err(status) }).await?;
    let schema = Arc::clone(Layout::new(&planned.schema(), call.types).schema());
    let changes = planned.kind() == StatementKind::Change;
    let handle = StatementTicket { sql, key: QueryKey::new().to_string(), changes }.encode_to_vec();
    let ticket = TicketStatementQuery { statement_handle: handle.into() };
    Ok(Planned { schema, ticket: ticket.as_any().encode_to_vec().into() })
}

/// Runs the statement of a ticket.
pub(super) async fn run(
    call: Call,
    ticket: TicketStatementQuery,
) -> Result<Response<Answers<FlightData>>, Status> {
    let StatementTicket { sql, key, changes } = StatementTicket::read(&ticket)?;
    check_length(&sql)?;
    let session = call.session.clone();
    let kind = if changes { StatementKind::Change } else { StatementKind::Query };
    let start = async move { session.sql(&sql).await.map(|rows| Rows::of(rows, kind)) };
    answer::stream(&call, QueryKey::from(key), start).await
}

/// Runs a statement for the number of rows that it changed.
pub(super) async fn update(call: &Call, update: CommandStatementUpdate) -> Result<Vec<u8>, Status> {
    refuse_transaction(update.transaction_id.as_ref())?;
    let sql = update.query;
    check_length(&sql)?;
    let session = call.session.clone();
    let count = call.run(async move {
        let batches: Vec<_> = session.sql(&sql).await.map_err(status)?.try_collect().await.map_err(status)?;
        Ok(answer::changed_rows(&batches))
    });
    let record_count = count.await?;
    call.service.metrics.wrote(record_count);
    Ok(DoPutUpdateResult { record_count }.encode_to_vec())
}
