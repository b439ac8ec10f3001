//! Answers on their way out: a query computes in a task of its own and hands over messages through a short queue.
//!
//! Grafana shows an error only when it comes before the first message. So the first messages are held: the schema until there is a
//! row, and an answer that ends soon until it has ended well. A client that stops reading, or goes away, stops the query.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow_flight::FlightData;
use driftline::{QueryStream, StatementKind};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tonic::{Response, Status};

use super::Answers;
use super::cancel::QueryKey;
use crate::encode::{Encoder, Layout};
use crate::error::status;
use crate::service::{Call, Phase, stopping};

/// Messages that wait for the client; the query pauses when it has so many.
const MESSAGES_WAITING_MAX: usize = 4;

/// Bytes of an answer that are held back until it is known to end well.
const HELD_BYTES_MAX: usize = 8 << 20;

/// Bytes that are held back of all answers together.
const HELD_BYTES_OF_ALL_MAX: usize = 256 << 20;

/// How long an answer that has begun is held back.
const HELD_TIME_MAX: Duration = Duration::from_secs(10);

/// With this header an answer names its query in `driftline.queries`.
const QUERY_ID_HEADER: &str = "driftline-query-id";

/// The rows of an answer.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) batches: BoxStream<'static, driftline::Result<RecordBatch>>,
    /// The name of the query in `driftline.queries`.
    pub(super) query_id: String,
    pub(super) kind: StatementKind,
}

impl Rows {
    pub(super) fn of(stream: QueryStream, kind: StatementKind) -> Self {
        let (schema, query_id) = (stream.schema(), stream.query_id().to_owned());
        Self { schema, query_id, batches: stream.boxed(), kind }
    }
}

/// Runs a query and answers its rows as messages.
///
/// # Errors
/// What the query fails with before its first rows, or at all if it is short.
pub(super) async fn stream(
    call: &Call,
    key: QueryKey,
    start: impl Future<Output = driftline::Result<Rows>> + Send + 'static,
) -> Result<Response<Answers<FlightData>>, Status> {
    let (sender, messages) = mpsc::channel(MESSAGES_WAITING_MAX);
    let (name, mut named) = oneshot::channel();
    let start = async move {
        let rows = start.await?;
        let _ = name.send(rows.query_id.clone());
        Ok(rows)
    };
    let task = call.service.queries.spawn(produce(call, key, start, sender));
    let ending = call.service.reached(Phase::Ending).boxed();
    let mut answer = Answer { held: VecDeque::new(), messages, task: Some(task), ending };
    let fair = HELD_BYTES_OF_ALL_MAX / call.service.running.len().max(1);
    answer.hold(fair.min(HELD_BYTES_MAX)).await?;
    let mut response = Response::new(answer.boxed());
    if let Some(id) = named.try_recv().ok().and_then(|id| id.parse().ok()) {
        response.metadata_mut().insert(QUERY_ID_HEADER, id);
    }
    Ok(response)
}

/// One batch, whole, in its own types.
pub(super) fn batch(call: &Call, batch: &RecordBatch) -> Result<Response<Answers<FlightData>>, Status> {
    let layout = Layout::exact(&batch.schema());
    let mut encoder = Encoder::new(layout, message_bytes_max(call));
    let mut messages = vec![encoder.schema_message()];
    messages.extend(encoder.encode(batch).map_err(status)?);
    Ok(Response::new(futures::stream::iter(messages.into_iter().map(Ok)).boxed()))
}

/// How many rows a statement says it changed; -1 where it says nothing.
pub(super) fn changed_rows(batches: &[RecordBatch]) -> i64 {
    let counts = batches.iter().filter_map(|batch| {
        let column = batch.column_by_name("count")?.as_primitive_opt::<Int64Type>()?;
        (!column.is_empty()).then(|| column.value(0))
    });
    counts.reduce(|a, b| a + b).unwrap_or(-1)
}

fn message_bytes_max(call: &Call) -> usize {
    usize::try_from(call.service.settings.message_max.as_u64()).unwrap_or(usize::MAX)
}

type Sender = mpsc::Sender<Result<FlightData, Status>>;

/// What a query has done so far.
#[derive(Default)]
struct Sent {
    rows: u64,
    bytes: u64,
}

/// The task of a query. It ends when the client goes, or somebody cancels it: it is not aborted, so that its end is counted.
fn produce(
    call: &Call,
    key: QueryKey,
    start: impl Future<Output = driftline::Result<Rows>> + Send + 'static,
    sender: Sender,
) -> impl Future<Output = ()> + Send + 'static {
    let (service, user, types) = (Arc::clone(&call.service), call.user.clone(), call.types);
    let (message_max, result_max) = (message_bytes_max(call), service.settings.result_max.as_u64());
    let stalled = service.settings.stalled_timeout;
    async move {
        let entry = service.running.enter(user, key);
        let mut sent = Sent::default();
        let work = async {
            let mut rows = start.await.map_err(status)?;
            let mut encoder = Encoder::new(Layout::new(&rows.schema, types), message_max);
            send(&sender, encoder.schema_message(), stalled).await?;
            while let Some(batch) = rows.batches.next().await {
                let batch = batch.map_err(status)?;
                sent.rows += batch.num_rows() as u64;
                if rows.kind == StatementKind::Change {
                    service.metrics.wrote(changed_rows(std::slice::from_ref(&batch)));
                }
                for message in encoder.encode(&batch).map_err(status)? {
                    sent.bytes += message.encoded_len() as u64;
                    if sent.bytes > result_max {
                        return Err(Status::resource_exhausted(format!(
                            "the answer is larger than its limit of {}: select fewer rows or columns",
                            service.settings.result_max
                        )));
                    }
                    send(&sender, message, stalled).await?;
                }
            }
            Ok(())
        };
        let outcome = tokio::select! {
            biased;
            () = service.reached(Phase::Ending) => Err(stopping()),
            () = sender.closed() => Err(Status::cancelled("the client went away")),
            () = entry.stopped() => Err(Status::cancelled("the query was cancelled")),
            outcome = work => outcome,
        };
        drop(entry);
        service.metrics.query(&outcome, sent.rows, sent.bytes);
        if let Err(status) = outcome {
            let _ = sender.send(Err(status)).await;
        }
    }
}

async fn send(sender: &Sender, message: FlightData, stalled: Duration) -> Result<(), Status> {
    let sent = sender.send_timeout(Ok(message), stalled).await;
    sent.map_err(|_| Status::cancelled(format!("the client read nothing for {stalled:?} (stalled_timeout)")))
}

/// The messages of a query: first what was held, then what comes.
struct Answer {
    held: VecDeque<FlightData>,
    messages: mpsc::Receiver<Result<FlightData, Status>>,
    /// Gone when the answer is over.
    task: Option<JoinHandle<()>>,
    /// Is done when the server waits no longer.
    ending: BoxFuture<'static, ()>,
}

impl Answer {
    /// Holds the beginning of the answer back: at least until there is a row or an end.
    async fn hold(&mut self, bytes_max: usize) -> Result<(), Status> {
        let until = Instant::now() + HELD_TIME_MAX;
        let mut bytes = 0;
        while bytes < bytes_max {
            let message = match self.held.len() {
                // the schema says nothing about how this ends
                0 | 1 => self.next().await,
                _ => match timeout_at(until, self.next()).await {
                    Ok(message) => message,
                    Err(_) => break,
                },
            };
            match message.transpose()? {
                Some(message) => {
                    bytes += message.encoded_len();
                    self.held.push_back(message);
                }
                None => break,
            }
        }
        Ok(())
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<FlightData, Status>>> {
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        match self.messages.poll_recv(context) {
            Poll::Ready(Some(message)) => return Poll::Ready(Some(message)),
            Poll::Ready(None) => {}
            // a query that computes without a pause cannot say so itself
            Poll::Pending => {
                std::task::ready!(self.ending.as_mut().poll(context));
                self.task = None;
                return Poll::Ready(Some(Err(stopping())));
            }
        }
        // a task that panicked closes the queue, too: that is no end
        let ended = std::task::ready!(Pin::new(task).poll(context));
        self.task = None;
        match ended {
            Ok(()) => Poll::Ready(None),
            // with the threads it ran on
            Err(error) if error.is_cancelled() => Poll::Ready(Some(Err(stopping()))),
            Err(error) => {
                tracing::error!(%error, "a query ended unexpectedly");
                let message = "the query ended unexpectedly: the log of the server says more";
                Poll::Ready(Some(Err(Status::internal(message))))
            }
        }
    }

    async fn next(&mut self) -> Option<Result<FlightData, Status>> {
        std::future::poll_fn(|context| self.poll_message(context)).await
    }
}

impl Stream for Answer {
    type Item = Result<FlightData, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.held.pop_front() {
            Some(message) => Poll::Ready(Some(Ok(message))),
            None => self.poll_message(context),
        }
    }
}
