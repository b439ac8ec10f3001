//! Flight SQL: one file a family of commands.
//!
//! The generated service is implemented here and hands every command on. Arrow's own trait of Flight SQL answers GetSchema and
//! PollFlightInfo with "unimplemented", and what it cannot decode with the text of a debugger.

mod actions;
mod answer;
mod cancel;
mod handshake;
mod ingest;
mod metadata;
mod prepared;
mod session_options;
mod sql_info;
mod statement;

use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{Any, Command};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, IpcMessage, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::error::{arrow_status, short};
use crate::service::{Call, Service};

pub(crate) use cancel::Running;
pub(crate) use prepared::PreparedStatements;

/// A stream of answers of gRPC.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service behind a door of Flight.
#[derive(Clone)]
pub(crate) struct Flight(Arc<Service>);

/// What a command will answer, and the ticket that fetches it.
struct Planned {
    schema: SchemaRef,
    ticket: Bytes,
}

impl Flight {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self(service)
    }

    async fn call<T>(&self, request: &Request<T>) -> Result<Call, Status> {
        self.0.call(request.metadata(), request.extensions()).await
    }

    /// Plans the command of a descriptor.
    async fn plan(&self, request: Request<FlightDescriptor>) -> Result<(Planned, FlightDescriptor), Status> {
        let call = self.call(&request).await?;
        let descriptor = request.into_inner();
        if descriptor.r#type != DescriptorType::Cmd as i32 {
            return Err(Status::invalid_argument(
                "a descriptor must hold a command of Flight SQL, not a path",
            ));
        }
        let planned = match command(&descriptor.cmd)? {
            Command::CommandStatementQuery(query) => {
                call.counted_unless_planned(statement::plan(&call, query)).await?
            }
            Command::CommandPreparedStatementQuery(query) => {
                prepared::plan(&call, query, descriptor.cmd.clone())?
            }
            other => {
                Planned { schema: metadata::schema(&other, "described")?, ticket: descriptor.cmd.clone() }
            }
        };
        Ok((planned, descriptor))
    }
}

#[tonic::async_trait]
impl FlightService for Flight {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        handshake::answer(&self.0, request).await
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.call(&request).await?;
        // flights are made by statements: none lies ready
        Ok(Response::new(futures::stream::empty().boxed()))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let (planned, descriptor) = self.plan(request).await?;
        Ok(Response::new(info(planned, descriptor)?))
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let (planned, descriptor) = self.plan(request).await?;
        let info = info(planned, descriptor)?;
        // without a descriptor there is nothing more to wait for
        Ok(Response::new(PollInfo { info: Some(info), progress: Some(1.0), ..PollInfo::default() }))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let (planned, _) = self.plan(request).await?;
        Ok(Response::new(SchemaResult { schema: schema_bytes(&planned.schema)? }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let call = self.call(&request).await?;
        match command(&request.into_inner().ticket)? {
            Command::TicketStatementQuery(ticket) => statement::run(call, ticket).await,
            Command::CommandPreparedStatementQuery(query) => prepared::run(call, query).await,
            other => metadata::answer(&call, other).await,
        }
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let call = self.call(&request).await?;
        let mut messages = request.into_inner();
        let first = messages.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("the stream has no message"))?;
        let descriptor = first.flight_descriptor.clone();
        let descriptor =
            descriptor.ok_or_else(|| Status::invalid_argument("the first message has no descriptor"))?;
        // the first message can hold the schema beside the command
        let messages = futures::stream::iter([Ok(first)]).chain(messages).boxed();
        let answer = match command(&descriptor.cmd)? {
            Command::CommandStatementUpdate(update) => call.counted(statement::update(&call, update)).await?,
            Command::CommandStatementIngest(ingest) => {
                call.counted(ingest::run(&call, ingest, messages)).await?
            }
            Command::CommandPreparedStatementQuery(query) => {
                call.counted_unless_planned(prepared::bind(&call, query, messages)).await?
            }
            Command::CommandPreparedStatementUpdate(update) => {
                call.counted(prepared::update(&call, update, messages)).await?
            }
            other => return Err(unsupported(&other, "put")),
        };
        let answer = PutResult { app_metadata: answer.into() };
        Ok(Response::new(futures::stream::iter([Ok(answer)]).boxed()))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.call(&request).await?;
        Err(Status::unimplemented("DoExchange is not part of Flight SQL"))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let call = self.call(&request).await?;
        let results = actions::run(&call, request.into_inner()).await?;
        let results = results.into_iter().map(|body| Ok(arrow_flight::Result { body: body.into() }));
        Ok(Response::new(futures::stream::iter(results.collect::<Vec<_>>()).boxed()))
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        self.call(&request).await?;
        Ok(Response::new(futures::stream::iter(actions::all().map(Ok)).boxed()))
    }
}

/// The message of Flight SQL in a descriptor or ticket.
fn command(bytes: &[u8]) -> Result<Command, Status> {
    let malformed = |what| Status::invalid_argument(format!("{what} of Flight SQL"));
    let any = Any::decode(bytes).map_err(|_| malformed("the bytes are no command or ticket"))?;
    match Command::try_from(any) {
        Ok(Command::Unknown(any)) => Err(Status::invalid_argument(format!(
            "there is no command or ticket \"{}\" of Flight SQL",
            short(&any.type_url)
        ))),
        Ok(command) => Ok(command),
        Err(_) => Err(malformed("the bytes are no whole command or ticket")),
    }
}

/// The refusal of a command that is known, and not supported.
fn unsupported(command: &Command, what: &str) -> Status {
    let name = command.type_url().rsplit('.').next().unwrap_or_default();
    let hint = match command {
        Command::CommandStatementSubstraitPlan(_) => ": plans of Substrait are not supported, send SQL",
        _ => "",
    };
    Status::unimplemented(format!("{name:?} cannot be {what}{hint}"))
}

/// Every answer comes from here, in order, from one place.
fn info(planned: Planned, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(planned.ticket));
    Ok(FlightInfo {
        schema: schema_bytes(&planned.schema)?,
        flight_descriptor: Some(descriptor),
        endpoint: vec![endpoint],
        total_records: -1,
        total_bytes: -1,
        ordered: true,
        app_metadata: Bytes::new(),
    })
}

/// A schema as an encapsulated message.
fn schema_bytes(schema: &Schema) -> Result<Bytes, Status> {
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &IpcWriteOptions::default()));
    Ok(message.map_err(arrow_status)?.0)
}

#[cfg(test)]
mod tests;
