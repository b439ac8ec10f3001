//! Driftline: an embedded analytics database for ML telemetry. Spans, metrics, logs and any other time series lie in partitioned
//! Parquet; SQL answers drift and service-level questions over years of them.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use driftline::Database;
//! use driftline::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path();
//! let database = Database::open(path).await?;
//! database
//!     .sql("CREATE TABLE predictions (time TIMESTAMP NOT NULL, model TEXT, confidence DOUBLE) WITH (sort = 'model, time')")
//!     .await?;
//!
//! let time = TimestampNanosecondArray::from(vec![1_788_000_000_000_000_000; 3]).with_timezone("UTC");
//! let rows = RecordBatch::try_from_iter([
//!     ("time", Arc::new(time) as ArrayRef),
//!     ("model", Arc::new(StringArray::from(vec!["a", "a", "b"]))),
//!     ("confidence", Arc::new(Float64Array::from(vec![0.9, 0.7, 0.8]))),
//! ])?;
//! database.append("predictions", rows).await?; // durable and visible from here on
//!
//! let answer = database.sql("SELECT model, avg(confidence) AS confidence FROM predictions GROUP BY model ORDER BY model");
//! let batches = answer.await?.collect().await?;
//! assert_eq!(batches[0].num_rows(), 2);
//! database.close().await?;
//! # Ok::<(), driftline::Error>(()) }).unwrap();
//! ```
//!
//! All rows of a table are one time series: every table has a column `time`, a UTC instant in nanoseconds. What is acknowledged is
//! durable; a query sees one snapshot of everything acknowledged before it began.

mod alert;
mod baseline;
mod bounded;
mod catalog;
mod config;
mod context;
mod date_bin;
mod db;
mod drift_report;
mod error;
mod far_times;
mod labels;
mod length;
mod openslo;
mod plan_expressions;
mod prices;
mod queries;
mod scan;
mod session;
mod slo;
mod sorting;
mod sql;
mod stream;
mod system_tables;

pub use arrow;
pub use datafusion::common::ScalarValue;
pub use driftline_otel as otel;
pub use driftline_otel::{Encoding, RedactionAction, RedactionRule, RemoteWrite, RemoteWritten, Signal};
pub use driftline_storage as storage;
pub use driftline_storage::{
    Appended, BulkLoad, Durability, FlushReport, LoadReport, Storage, StorageOptions,
};

pub use alert::{AlertEvent, AlertHealth, AlertSeries, AlertStatus, Labels, SeriesState, Undelivered};
pub use config::{
    BATCH_ROWS_DEFAULT, CACHE_BYTES_DEFAULT, DatabaseBuilder, EXACT_MAX_ROWS_DEFAULT, FileAccess,
    MEMORY_BYTES_DEFAULT, QUERIES_MAX_DEFAULT, QUERIES_QUEUED_MAX_DEFAULT, QUERY_TIMEOUT_DEFAULT,
    QUEUE_WAIT_DEFAULT, SCAN_BYTES_DEFAULT, SPILL_BYTES_DEFAULT,
};
pub use db::{Database, IngestCount, IngestReport, Moved, Redacted, Rejected, RemoteWriteReport};
pub use error::{Error, ErrorKind, Result};
pub use openslo::{Applied, SloFile};
pub use prices::PricesReport;
pub use queries::{QueryCounts, QueryRecord, QueryState};
pub use scan::CacheStatus;
pub use session::{
    EmptyStatement, Parameter, Prepared, Role, Session, SessionSettings, StatementKind, TableFilter,
};
pub use sql::{StatementSplitter, split_statements, type_name};
pub use stream::QueryStream;

/// The example of the README runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
