//! From requests to record batches.
//!
//! [`Mapper`] knows the tables' current schemas and nothing else about the database: built-in columns are filled by the mapping, attribute columns
//! by name and type, the rest goes to `attributes`. Batches are narrow: a column without a value in the request is not in its batch.
//! A bad item never takes its neighbours with it; it is counted with its reason.

mod events;
mod histograms;
pub(crate) mod logs;
mod metrics;
pub(crate) mod payloads;
mod points;
mod spans;

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    logs::v1::LogRecord,
    metrics::v1::Metric,
    trace::v1::Span,
};

use crate::{
    attributes::{KeyPool, KeySet, Origin},
    error::Result,
    evaluations, json,
    layout::Layout,
    meaning::Place,
    redaction::Redaction,
    signal::{Encoding, Signal},
    wire,
};
use logs::event_name;

/// Distinct reasons that a report names; further ones are counted together.
const REASONS_MAX: usize = 16;
/// Bytes that the rows of one request may repeat from their resources and scopes: a small body must not become gigabytes.
const INHERITED_BYTES_MAX: usize = 512 << 20;

/// The Arrow schemas of the tables that take telemetry.
///
/// A field may name the attribute that fills it in its metadata ([`ATTRIBUTE_METADATA_KEY`](crate::ATTRIBUTE_METADATA_KEY)); otherwise its name decides.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Table `spans`.
    pub spans: SchemaRef,
    /// Table `metrics`.
    pub metrics: SchemaRef,
    /// Table `logs`.
    pub logs: SchemaRef,
    /// Table `payloads`.
    pub payloads: SchemaRef,
}

/// Maps OTLP requests to record batches for the tables `spans`, `metrics`, `logs` and `payloads`.
///
/// A mapper is cheap to share and takes `&self`; make a new one when a table's schema has changed.
#[derive(Debug)]
pub struct Mapper {
    spans: Target,
    metrics: Target,
    logs: Target,
    payloads: Layout,
    redaction: Option<Arc<Redaction>>,
}

/// A table, and the attribute keys that its requests have used.
#[derive(Debug)]
struct Target {
    layout: Layout,
    keys: KeyPool,
}

impl Target {
    fn new(
        name: &str,
        schema: SchemaRef,
        built_in: &[(&'static str, arrow::datatypes::DataType)],
    ) -> Result<Self> {
        Ok(Self { layout: Layout::new(name, schema, built_in)?, keys: KeyPool::default() })
    }

    /// Runs `map` with a key set of its own.
    fn map(&self, map: impl FnOnce(&Layout, &mut KeySet) -> Mapped) -> Mapped {
        let mut keys = self.keys.take(&self.layout);
        let mapped = map(&self.layout, &mut keys);
        self.keys.give_back(keys);
        mapped
    }
}

/// What a request became.
#[derive(Debug, Default)]
pub struct Mapped {
    /// Table name and rows, in the table's column order; no entry when no row was accepted. Behind the rows of spans and logs may be those
    /// of `payloads`, behind those of spans those of `logs` for the evaluations that came with them.
    pub batches: Vec<(&'static str, RecordBatch)>,
    /// Spans, data points or log records in the batches.
    pub accepted: u64,
    /// What was left out, and why.
    pub rejected: Vec<Rejected>,
    /// Values that contradicted their column's type and are in `attributes` instead.
    pub moved: Vec<Moved>,
    /// Values that were dropped, hashed or masked before anything else, by rule.
    pub redacted: Vec<Redacted>,
}

impl Mapped {
    /// The number of items left out, over all reasons.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().map(|rejected| rejected.count).sum()
    }

    fn add_moved(&mut self, others: Vec<Moved>) {
        for other in others {
            match self.moved.iter_mut().find(|moved| moved.column == other.column) {
                Some(moved) => moved.count += other.count,
                None => self.moved.push(other),
            }
        }
    }
}

/// Items left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why, for people.
    pub reason: String,
    /// How many spans, data points or log records.
    pub count: u64,
}

/// Values that are in `attributes` because their column has another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The column that is NULL in those rows.
    pub column: String,
    /// How many rows.
    pub count: u64,
}

/// Values that a rule of [`Redaction`] changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The rule's name.
    pub rule: String,
    /// How many values.
    pub count: u64,
}

impl Mapper {
    /// A mapper for tables with these schemas.
    ///
    /// # Errors
    /// `Internal` when a built-in column has a type that the mapping cannot fill. A missing built-in column is no error: its values are left out.
    pub fn new(tables: Tables) -> Result<Self> {
        Ok(Self {
            spans: Target::new("spans", tables.spans, &spans::built_in())?,
            metrics: Target::new("metrics", tables.metrics, &metrics::built_in())?,
            logs: Target::new("logs", tables.logs, &logs::built_in())?,
            payloads: Layout::new("payloads", tables.payloads, &payloads::built_in())?,
            redaction: None,
        })
    }

    /// The same mapper, which takes out what the rules say before it maps anything.
    #[must_use]
    pub fn with_redaction(mut self, redaction: Arc<Redaction>) -> Self {
        self.redaction = Some(redaction).filter(|redaction| !redaction.is_empty());
        self
    }

    /// Decodes and maps one request body (decompressed).
    ///
    /// # Errors
    /// `Invalid` when the body is not OTLP of this signal and encoding. Bad items in a good body are counted in [`Mapped::rejected`].
    pub fn decode(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Mapped> {
        let mut rejects = Rejects::default();
        let refused = &mut rejects;
        let mapped = match (signal, encoding) {
            (Signal::Traces, Encoding::Protobuf) => self.traces(wire::decode::<Span>(body, refused)?),
            (Signal::Traces, Encoding::Json) => self.traces(json::decode::<Span>(body, refused)?),
            (Signal::Metrics, Encoding::Protobuf) => self.metrics(wire::decode::<Metric>(body, refused)?),
            (Signal::Metrics, Encoding::Json) => self.metrics(json::decode::<Metric>(body, refused)?),
            (Signal::Logs, Encoding::Protobuf) => self.logs(wire::decode::<LogRecord>(body, refused)?),
            (Signal::Logs, Encoding::Json) => self.logs(json::decode::<LogRecord>(body, refused)?),
        };
        rejects.merge(Rejects(mapped.rejected));
        Ok(Mapped { rejected: rejects.0, ..mapped })
    }

    /// Maps decoded spans. Evaluations that come with them are rows of `logs`, too.
    pub fn traces(&self, mut request: ExportTraceServiceRequest) -> Mapped {
        let redacted = self.redact(|rules| rules.traces(&mut request));
        let found = evaluations::of(&request, spans::is_good);
        let found =
            found.map(|found| self.logs.map(|layout, keys| logs::map(layout, &self.payloads, keys, &found)));
        let evaluations = match &found {
            Some(rows) if rows.rejected.is_empty() => Evaluations::AreRows,
            // no items of their own: what cannot be a row is still with its span
            Some(_) | None => Evaluations::AreWithSpans,
        };
        let mut mapped =
            self.spans.map(|layout, keys| spans::map(layout, &self.payloads, keys, &request, evaluations));
        if let Some(found) = found {
            mapped.batches.extend(found.batches);
            mapped.add_moved(found.moved);
        }
        Mapped { redacted, ..mapped }
    }

    /// Maps decoded data points.
    pub fn metrics(&self, request: ExportMetricsServiceRequest) -> Mapped {
        self.metrics_of(Place::Resource, request)
    }

    /// Maps decoded data points; `resource` says what their resources are.
    pub(crate) fn metrics_of(&self, resource: Place, mut request: ExportMetricsServiceRequest) -> Mapped {
        let redacted = self.redact(|rules| rules.metrics(resource, &mut request));
        Mapped { redacted, ..self.metrics.map(|layout, keys| metrics::map(layout, keys, &request)) }
    }

    /// Maps decoded log records.
    pub fn logs(&self, mut request: ExportLogsServiceRequest) -> Mapped {
        let redacted = self.redact(|rules| rules.logs(&mut request));
        let scopes = request.resource_logs.iter_mut().flat_map(|group| &mut group.scope_logs);
        for record in scopes.flat_map(|scope| &mut scope.log_records) {
            if event_name(record).is_some_and(evaluations::is_event) {
                evaluations::normalise(&mut record.attributes);
            }
        }
        Mapped { redacted, ..self.logs.map(|layout, keys| logs::map(layout, &self.payloads, keys, &request)) }
    }

    fn redact(&self, apply: impl FnOnce(&Redaction) -> Vec<Redacted>) -> Vec<Redacted> {
        self.redaction.as_deref().map(apply).unwrap_or_default()
    }
}

/// Where the evaluations that came with spans are kept in whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evaluations {
    /// In rows of `logs`.
    AreRows,
    AreWithSpans,
}

/// Rejected items by reason.
#[derive(Debug, Default)]
pub(crate) struct Rejects(pub(crate) Vec<Rejected>);

impl Rejects {
    pub(crate) fn add(&mut self, reason: &str, count: u64) {
        if count == 0 {
            return;
        }
        let known = self.0.iter().position(|rejected| rejected.reason == reason);
        match known.or((self.0.len() == REASONS_MAX).then_some(REASONS_MAX - 1)) {
            Some(i) => self.0[i].count += count,
            None if self.0.len() == REASONS_MAX - 1 => {
                self.0.push(Rejected { reason: "further reasons".to_string(), count });
            }
            None => self.0.push(Rejected { reason: reason.to_string(), count }),
        }
    }

    pub(crate) fn merge(&mut self, others: Self) {
        for rejected in others.0 {
            self.add(&rejected.reason, rejected.count);
        }
    }
}

/// Counts what rows repeat from their origin, and says when it is too much.
#[derive(Debug, Default)]
struct InheritedBudget(usize);

impl InheritedBudget {
    const REASON: &str = "resource and scope attributes repeated over the request's rows exceed 512 MiB";

    fn spend(&mut self, origin: &Origin<'_>) -> std::result::Result<(), &'static str> {
        self.0 = self.0.saturating_add(origin.bytes());
        if self.0 > INHERITED_BYTES_MAX { Err(Self::REASON) } else { Ok(()) }
    }
}

/// The report of a finished batch.
fn report(
    table: &'static str,
    layout: &Layout,
    rows: usize,
    batch: RecordBatch,
    rejects: Rejects,
    moved: Vec<(usize, u64)>,
) -> Mapped {
    let column = |i: usize| layout.schema.field(i).name().clone();
    Mapped {
        batches: if rows > 0 { vec![(table, batch)] } else { Vec::new() },
        accepted: rows as u64,
        rejected: rejects.0,
        moved: moved.into_iter().map(|(i, count)| Moved { column: column(i), count }).collect(),
        redacted: vec![],
    }
}

#[cfg(test)]
pub(crate) mod tests;
