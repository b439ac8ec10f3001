//! What is noted of a query.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::physical_plan::ExecutionPlan;

/// How far a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryState {
    /// It waits until fewer queries run.
    Queued,
    /// It is planned, or runs as its answer is read.
    Running,
    /// Its answer was read to the end.
    Finished,
    /// It ended with an error.
    Failed,
    /// Somebody cancelled it, or its answer was dropped before the end.
    Cancelled,
}

impl fmt::Display for QueryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A query that runs or is done, as `driftline.queries` shows it.
#[derive(Clone, Debug)]
pub struct QueryRecord {
    /// A ULID: sorted by the time of its beginning.
    pub query_id: String,
    /// Who asked.
    pub user: Option<String>,
    /// How far it is.
    pub state: QueryState,
    /// The statement, or its first 4,096 bytes.
    pub sql: String,
    /// When it began, in nanoseconds since the Unix epoch.
    pub started_at_ns: i64,
    /// How long it took until it was done, or until now; waiting included.
    pub duration_ns: u64,
    /// Rows of the answer that were read so far.
    pub rows: u64,
    /// Their size in memory, in bytes: of slices only what they show.
    pub bytes: u64,
    /// What it wrote to disk for want of memory, in bytes.
    pub spilled_bytes: u64,
    /// The most memory that its sorts, joins and aggregations had at one time, in bytes.
    pub memory_bytes_peak: u64,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
}

impl QueryRecord {
    /// Writes the query, which is done, to the log.
    pub(super) fn log(&self) {
        tracing::info!(
            query_id = self.query_id,
            user = self.user,
            state = %self.state,
            duration_ms = self.duration_ns as f64 / 1e6,
            rows = self.rows,
            bytes = self.bytes,
            spilled_bytes = self.spilled_bytes,
            memory_bytes_peak = self.memory_bytes_peak,
            error = self.error,
            sql = self.sql,
            "query"
        );
    }
}

/// How many queries there are and were since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryCounts {
    /// Waiting now.
    pub queued: u64,
    /// Running now.
    pub running: u64,
    /// Read to the end.
    pub finished: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Cancelled, or dropped before the end.
    pub cancelled: u64,
}

/// The bytes of the rows of a batch, of slices only what they show. Long texts in views count once for each row that shows them;
/// those in views inside of lists and structs do not.
pub(super) fn bytes_of(batch: &RecordBatch) -> u64 {
    let of_column = |column: &ArrayRef| {
        let viewed = match column.data_type() {
            DataType::Utf8View => column.as_string_view().total_buffer_bytes_used(),
            DataType::BinaryView => column.as_binary_view().total_buffer_bytes_used(),
            _ => 0,
        };
        (column.to_data().get_slice_memory_size().unwrap_or_default() + viewed) as u64
    };
    batch.columns().iter().map(of_column).sum()
}

/// What a plan has spilled so far.
pub(super) fn spilled_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or_default() as u64;
    own + plan.children().into_iter().map(spilled_bytes).sum::<u64>()
}
