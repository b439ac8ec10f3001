//! Telemetry in: a body of OpenTelemetry or Prometheus is mapped to rows of `spans`, `metrics` and `logs` and appended as one frame, all
//! or nothing (more than 32 MiB of rows in several, each all or nothing). What was rejected or moved is counted, by reason, for as long as
//! the database is open.
//!
//! A client that got no answer sends the same body again. Bodies are known by their digest, so that the rows are not there twice.

mod frames;
mod stats;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{Field, Schema, SchemaRef};
use driftline_otel::{
    ATTRIBUTE_METADATA_KEY, Encoding, Mapped, Mapper, Redaction, RemoteWrite, RemoteWritten, Signal, Tables,
};
use driftline_storage::{BatchId, Snapshot, TableSchema};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use twox_hash::XxHash3_128;

pub use stats::IngestCount;
pub(crate) use stats::IngestStats;

use super::{Database, Engine};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

/// Digests of remote write are apart from those of OTLP, whose seeds are its signals: the same bytes mean something else.
const REMOTE_WRITE_SEED: u64 = 16;

/// What became of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Spans, data points or log records that are now rows.
    pub accepted: u64,
    /// What was left out, and why.
    pub rejected: Vec<Rejected>,
    /// Values kept in `attributes` because their column has another type.
    pub moved: Vec<Moved>,
    /// What was dropped, hashed or masked.
    pub redacted: Vec<Redacted>,
    /// Whether the same request was here before: its rows are there since then, and nothing was added now.
    pub repeated: bool,
}

/// Items left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why, for people.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Values kept in `attributes` because their column has another type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The column that is NULL in those rows.
    pub column: String,
    /// In how many rows.
    pub count: u64,
}

/// Values that a rule of [`redact`](crate::DatabaseBuilder::redact) changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The rule's name, or its number.
    pub rule: String,
    /// How many values.
    pub count: u64,
}

/// What became of one request of Prometheus remote write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteWriteReport {
    /// As of any request; its items are samples, histograms and exemplars, of which only the first two are rows.
    pub ingest: IngestReport,
    /// What is in rows, as the sender counts.
    pub written: RemoteWritten,
}

impl Database {
    /// Appends the items of one OTLP body (decompressed). The good ones are durable and visible when it returns; the others are
    /// counted in the report.
    ///
    /// A body that is, byte for byte, among the last 65,536 that were appended is one that a client sends again: nothing is added,
    /// and the report says what it did the first time, and that it is [`repeated`](IngestReport::repeated).
    ///
    /// # Errors
    /// `Invalid` when the body is not OTLP of this signal and encoding; otherwise as [`append`](Self::append), and then nothing of
    /// the body is visible.
    pub async fn ingest_otlp(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<IngestReport> {
        self.engine.ingest_otlp(signal, encoding, body).await
    }

    /// Appends the samples of one body of Prometheus remote write (decompressed) to `metrics`. All else is as for OTLP: the good ones are
    /// durable when it returns, the others are counted, and a body that comes again adds nothing.
    ///
    /// # Errors
    /// `Invalid` when the body is not of this version; otherwise as [`append`](Self::append), and then nothing of the body is visible.
    pub async fn ingest_remote_write(&self, version: RemoteWrite, body: &[u8]) -> Result<RemoteWriteReport> {
        self.engine.ingest_remote_write(version, body).await
    }

    /// What happened to telemetry since the database was opened, as in `driftline.ingest_stats`.
    pub fn ingest_counts(&self) -> Vec<IngestCount> {
        self.engine.ingest.stats.counts()
    }

    /// Appends decoded spans; see [`ingest_otlp`](Self::ingest_otlp).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn ingest_otlp_traces(&self, request: ExportTraceServiceRequest) -> Result<IngestReport> {
        let body = request.encode_to_vec();
        let mapped = self.engine.mapper()?.traces(request);
        self.engine.append_mapped(Body::of(Signal::Traces, &body), mapped).await
    }

    /// Appends decoded metrics; see [`ingest_otlp`](Self::ingest_otlp).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn ingest_otlp_metrics(&self, request: ExportMetricsServiceRequest) -> Result<IngestReport> {
        let body = request.encode_to_vec();
        let mapped = self.engine.mapper()?.metrics(request);
        self.engine.append_mapped(Body::of(Signal::Metrics, &body), mapped).await
    }

    /// Appends decoded log records; see [`ingest_otlp`](Self::ingest_otlp).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn ingest_otlp_logs(&self, request: ExportLogsServiceRequest) -> Result<IngestReport> {
        let body = request.encode_to_vec();
        let mapped = self.engine.mapper()?.logs(request);
        self.engine.append_mapped(Body::of(Signal::Logs, &body), mapped).await
    }
}

/// The way in: what is taken out of telemetry, how it becomes rows, and what became of it.
#[derive(Debug)]
pub(crate) struct Ingest {
    redaction: Arc<Redaction>,
    mapper: Mutex<Option<KeptMapper>>,
    stats: IngestStats,
}

/// A mapper, and the schemas that it was made for.
type KeptMapper = (Vec<Arc<TableSchema>>, Arc<Mapper>);

impl Ingest {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let redaction = Redaction::new(&config.redaction, config.redaction_hash_key.as_deref());
        let redaction = Arc::new(redaction.map_err(mapping_error)?);
        Ok(Self { redaction, mapper: Mutex::default(), stats: IngestStats::default() })
    }

    /// What happened to telemetry since the database was opened.
    pub(crate) fn stats(&self) -> &IngestStats {
        &self.stats
    }
}

impl Engine {
    pub(crate) async fn ingest_otlp(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
    ) -> Result<IngestReport> {
        let mapped = self.mapper()?.decode(signal, encoding, body).map_err(mapping_error)?;
        self.append_mapped(Body::of(signal, body), mapped).await
    }

    pub(crate) async fn ingest_remote_write(
        &self,
        version: RemoteWrite,
        body: &[u8],
    ) -> Result<RemoteWriteReport> {
        let (mapped, written) = self.mapper()?.remote_write(version, body).map_err(mapping_error)?;
        let body = Body::remote_write(version, body);
        Ok(RemoteWriteReport { ingest: self.append_mapped(body, mapped).await?, written })
    }

    /// The mapper for the tables as they now are; made anew when a table has changed.
    fn mapper(&self) -> Result<Arc<Mapper>> {
        let snapshot = self.storage.snapshot();
        let schemas = ["spans", "metrics", "logs", "payloads"]
            .map(|name| snapshot.table(name).map(|table| Arc::clone(table.schema())));
        let mut kept = self.ingest.mapper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, mapper)) = kept.as_ref()
            && known.iter().zip(&schemas).all(|(known, now)| Some(known) == now.as_ref())
        {
            return Ok(Arc::clone(mapper));
        }
        let tables = Tables {
            spans: schema_of(&snapshot, "spans")?,
            metrics: schema_of(&snapshot, "metrics")?,
            logs: schema_of(&snapshot, "logs")?,
            payloads: schema_of(&snapshot, "payloads")?,
        };
        let mapper =
            Mapper::new(tables).map_err(mapping_error)?.with_redaction(Arc::clone(&self.ingest.redaction));
        let mapper = Arc::new(mapper);
        *kept = Some((schemas.into_iter().flatten().collect(), Arc::clone(&mapper)));
        Ok(mapper)
    }

    async fn append_mapped(&self, body: Body, mapped: Mapped) -> Result<IngestReport> {
        let mut report = IngestReport {
            accepted: mapped.accepted,
            rejected: mapped
                .rejected
                .into_iter()
                .map(|rejected| Rejected { reason: rejected.reason, count: rejected.count })
                .collect(),
            moved: mapped
                .moved
                .into_iter()
                .map(|moved| Moved { column: moved.column, count: moved.count })
                .collect(),
            redacted: mapped
                .redacted
                .into_iter()
                .map(|redacted| Redacted { rule: redacted.rule, count: redacted.count })
                .collect(),
            repeated: false,
        };
        let frames = frames::divide(body.id, mapped.batches, frames::FRAME_BYTES_MAX);
        report.repeated = !frames.is_empty();
        for (id, frame) in frames {
            report.repeated &= self.storage.append_once(id, frame).await?.is_none();
        }
        self.ingest.stats.count(body, &report);
        Ok(report)
    }
}

/// What is known of a request besides its rows.
#[derive(Clone, Copy)]
struct Body {
    signal: Signal,
    id: BatchId,
    bytes: usize,
}

impl Body {
    fn of(signal: Signal, body: &[u8]) -> Self {
        Self { signal, id: digest(signal as u64, body), bytes: body.len() }
    }

    fn remote_write(version: RemoteWrite, body: &[u8]) -> Self {
        let id = digest(REMOTE_WRITE_SEED + version as u64, body);
        Self { signal: Signal::Metrics, id, bytes: body.len() }
    }
}

fn digest(seed: u64, body: &[u8]) -> BatchId {
    BatchId(XxHash3_128::oneshot_with_seed(seed, body).to_le_bytes())
}

/// The Arrow schema of a table, with the attribute keys of promoted columns, as the mapper wants it.
fn schema_of(snapshot: &Snapshot, name: &str) -> Result<SchemaRef> {
    let table = snapshot.table(name).ok_or_else(|| {
        Error::new(ErrorKind::Internal, format!("the built-in table \"{name}\" is missing"))
    })?;
    let columns = table.schema().columns().iter();
    let fields: Vec<Field> = columns
        .zip(table.schema().arrow().fields())
        .map(|(column, field)| {
            let key =
                column.from_attribute.iter().map(|key| (ATTRIBUTE_METADATA_KEY.to_owned(), key.clone()));
            field.as_ref().clone().with_metadata(key.collect::<HashMap<_, _>>())
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn mapping_error(error: driftline_otel::Error) -> Error {
    let kind = match error.kind() {
        driftline_otel::ErrorKind::Invalid => ErrorKind::Invalid,
        driftline_otel::ErrorKind::Internal => ErrorKind::Internal,
    };
    Error::new(kind, error.to_string()).with_source(error)
}
