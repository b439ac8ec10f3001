//! The answer of a statement: a stream of record batches under a deadline. Dropping it stops the query.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{EmptyRecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{Error, ErrorKind, Result};
use crate::queries::{self, Running};
use crate::sql::with_room;

/// When a query must be done, and how long it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) given: Duration,
}

impl Deadline {
    /// The error of a query that is not done in time.
    pub(crate) fn exceeded(&self) -> Error {
        Error::new(
            ErrorKind::DeadlineExceeded,
            format!(
                "query ran longer than its limit of {}: narrow its time range or raise the limit",
                humantime::format_duration(self.given)
            ),
        )
    }
}

/// The rows that a statement answers, as record batches.
///
/// A statement that changes something answers one batch: `count BIGINT` for INSERT and DELETE, `status TEXT` for all others. The
/// query runs while the stream is read, and stops when it is dropped.
pub struct QueryStream {
    batches: SendableRecordBatchStream,
    /// The schema that batches get, where one was announced.
    announced: Option<SchemaRef>,
    deadline: Option<(Deadline, Pin<Box<Sleep>>)>,
    /// What the answer says that is there already, before it is read.
    ready: Option<RecordBatch>,
    query: Option<StreamedQuery>,
    /// Whether the plan is so deep that it needs more stack than a thread has.
    needs_room: bool,
}

/// The query that a stream is the answer of.
struct StreamedQuery {
    running: Running,
    cancelled: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl QueryStream {
    pub(crate) fn new(batches: SendableRecordBatchStream, deadline: Option<Deadline>) -> Self {
        let deadline = deadline.map(|deadline| (deadline, Box::pin(sleep_until(deadline.at))));
        Self { batches, announced: None, deadline, ready: None, query: None, needs_room: false }
    }

    /// The same stream, with room on the stack for a deep plan.
    pub(crate) fn with_room(self) -> Self {
        Self { needs_room: true, ..self }
    }

    pub(crate) fn of_batch(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        let stream = MemoryStream::try_new(vec![batch.clone()], schema, None)
            .expect("without a projection nothing can fail");
        Self { ready: Some(batch), ..Self::new(Box::pin(stream), None) }
    }

    /// The answer of this query: it is done when the stream is, or at once where nothing is left to do.
    pub(crate) fn of_query(mut self, mut running: Running) -> Self {
        if let Some(batch) = self.ready.take() {
            running.query().answers(&batch);
            running.finished();
        }
        let cancelled = Box::pin(running.query().cancelled());
        self.query = Some(StreamedQuery { running, cancelled });
        self
    }

    /// The same rows in a schema that was announced: names and types are these, only what is said of them may differ.
    pub(crate) fn in_schema(mut self, announced: SchemaRef) -> Result<Self> {
        let columns = |schema: &SchemaRef| -> Vec<(String, DataType)> {
            schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
        };
        if columns(&announced) != columns(&self.schema()) {
            let message = "the tables have changed since the statement was prepared: prepare it again";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.announced = Some(announced);
        Ok(self)
    }

    /// The columns of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.announced.clone().unwrap_or_else(|| self.batches.schema())
    }

    /// The id under which the query is listed in `driftline.queries`, and can be cancelled.
    pub fn query_id(&self) -> &str {
        self.query.as_ref().map_or("", |query| query.running.query().id())
    }

    /// Reads the stream to its end.
    ///
    /// # Errors
    /// Whatever the query fails with: `ResourceExhausted` past its memory, `DeadlineExceeded` past its time, `Cancelled` when somebody
    /// stopped it, `Corrupted` for a damaged object.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.try_collect().await
    }

    /// The next batch, unless the query is cancelled or its time is over.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if let Some(query) = &mut self.query
            && !query.running.is_done()
            && query.cancelled.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(queries::cancelled())));
        }
        if let Some((deadline, sleep)) = &mut self.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(deadline.exceeded())));
        }
        let next = ready!(match self.needs_room {
            true => with_room(|| self.batches.poll_next_unpin(cx)),
            false => self.batches.poll_next_unpin(cx),
        });
        Poll::Ready(next.map(|batch| match &self.announced {
            Some(announced) => in_schema(&batch?, announced),
            None => Ok(batch?),
        }))
    }

    /// Frees what the query holds; nothing comes after.
    fn end(&mut self) {
        self.deadline = None;
        self.batches = Box::pin(EmptyRecordBatchStream::new(self.schema()));
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = ready!(this.poll_batch(cx));
        if !matches!(next, Some(Ok(_))) {
            this.end();
        }
        if let Some(StreamedQuery { running, .. }) = &mut this.query {
            match &next {
                Some(Ok(batch)) if !running.is_done() => running.query().answers(batch),
                Some(Ok(_)) => {}
                Some(Err(error)) => running.failed(error),
                None => running.finished(),
            }
        }
        Poll::Ready(next)
    }
}

impl std::fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryStream")
            .field("query_id", &self.query_id())
            .field("schema", &self.schema())
            .field("deadline", &self.deadline.as_ref().map(|(deadline, _)| deadline.given))
            .finish_non_exhaustive()
    }
}

/// A batch under a schema of the same types.
fn in_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)?)
}
