//! The answer of a statement: a stream of record batches under a deadline. Dropping it stops the query.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::memory::MemoryStream;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{Error, ErrorKind, Result};

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
            ErrorKind::ResourceExhausted,
            format!(
                "query ran longer than its limit of {}: narrow its time range or raise the limit",
                humantime::format_duration(self.given)
            ),
        )
    }
}

/// The rows that a statement answers, as record batches.
///
/// A statement that changes something answers one batch: `count BIGINT` for INSERT, `status TEXT` for all others. The query runs
/// while the stream is read, and stops when it is dropped.
pub struct QueryStream {
    batches: SendableRecordBatchStream,
    deadline: Option<(Deadline, Pin<Box<Sleep>>)>,
}

impl QueryStream {
    pub(crate) fn new(batches: SendableRecordBatchStream, deadline: Option<Deadline>) -> Self {
        let deadline = deadline.map(|deadline| (deadline, Box::pin(sleep_until(deadline.at))));
        Self { batches, deadline }
    }

    pub(crate) fn of_batch(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        let stream =
            MemoryStream::try_new(vec![batch], schema, None).expect("without a projection nothing can fail");
        Self::new(Box::pin(stream), None)
    }

    /// The columns of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }

    /// Reads the stream to its end.
    ///
    /// # Errors
    /// Whatever the query fails with: `ResourceExhausted` past its memory or time limit, `Corrupted` for a damaged object.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.try_collect().await
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some((deadline, sleep)) = &mut this.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            let error = deadline.exceeded();
            this.deadline = None;
            let schema = this.batches.schema();
            this.batches = Box::pin(datafusion::physical_plan::EmptyRecordBatchStream::new(schema));
            return Poll::Ready(Some(Err(error)));
        }
        this.batches.poll_next_unpin(cx).map_err(Error::from)
    }
}

impl std::fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryStream")
            .field("schema", &Arc::clone(&self.batches.schema()))
            .field("deadline", &self.deadline.as_ref().map(|(deadline, _)| deadline.given))
            .finish()
    }
}
