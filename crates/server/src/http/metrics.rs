//! What has happened since the start, in the text format of Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use tonic::{Code, Status};

use crate::service::Service;

/// Counters; all grow for as long as the server runs.
#[derive(Default)]
pub(crate) struct Metrics {
    queries_ok: AtomicU64,
    queries_failed: AtomicU64,
    queries_cancelled: AtomicU64,
    rows_sent: AtomicU64,
    bytes_sent: AtomicU64,
    rows_ingested: AtomicU64,
}

impl Metrics {
    /// Counts a query that is over, with what it sent.
    pub(crate) fn query(&self, outcome: &Result<(), Status>, rows: u64, bytes: u64) {
        self.statement(outcome);
        self.rows_sent.fetch_add(rows, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Begins a statement that answers no rows.
    pub(crate) fn pending(&self) -> Pending<'_> {
        Pending(Some(self))
    }

    fn statement<T>(&self, outcome: &Result<T, Status>) {
        let counter = match outcome {
            Ok(_) => &self.queries_ok,
            Err(status) if status.code() == Code::Cancelled => &self.queries_cancelled,
            Err(_) => &self.queries_failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts rows that an ingest or a statement wrote; -1 where it did not say.
    pub(crate) fn wrote(&self, rows: i64) {
        self.rows_ingested.fetch_add(u64::try_from(rows).unwrap_or(0), Ordering::Relaxed);
    }

    /// All numbers as a page.
    pub(crate) fn render(&self, service: &Service) -> String {
        let mut page = String::new();
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let queries = "driftline_queries_total";
        head(&mut page, queries, "counter", "Statements that are over, by outcome.");
        for (outcome, counter) in [
            ("ok", &self.queries_ok),
            ("failed", &self.queries_failed),
            ("cancelled", &self.queries_cancelled),
        ] {
            let _ = writeln!(page, "{queries}{{outcome=\"{outcome}\"}} {}", value(counter));
        }
        let cache = service.database.cache_status();
        let now = service.database.query_counts();
        let numbers = [
            ("driftline_queries_queued", "gauge", "Queries that wait to run.", now.queued),
            ("driftline_queries_running", "gauge", "Queries that run.", now.running),
            ("driftline_connections", "gauge", "Open connections of Flight.", service.connections()),
            (
                "driftline_prepared_statements",
                "gauge",
                "Open prepared statements.",
                service.prepared.len() as u64,
            ),
            ("driftline_rows_sent_total", "counter", "Rows of answers.", value(&self.rows_sent)),
            ("driftline_bytes_sent_total", "counter", "Encoded bytes of answers.", value(&self.bytes_sent)),
            (
                "driftline_rows_ingested_total",
                "counter",
                "Rows written by ingests and statements.",
                value(&self.rows_ingested),
            ),
            ("driftline_cache_bytes", "gauge", "Bytes of decoded columns in memory.", cache.bytes as u64),
            ("driftline_cache_hits_total", "counter", "Columns found decoded.", cache.hits),
            ("driftline_cache_misses_total", "counter", "Columns that had to be decoded.", cache.misses),
        ];
        for (name, kind, help, number) in numbers {
            head(&mut page, name, kind, help);
            let _ = writeln!(page, "{name} {number}");
        }
        page
    }
}

/// A statement whose outcome is not known yet. Dropped before that, it was cancelled.
pub(crate) struct Pending<'a>(Option<&'a Metrics>);

impl Pending<'_> {
    /// Counts it.
    pub(crate) fn ended<T>(mut self, outcome: &Result<T, Status>) {
        if let Some(metrics) = self.0.take() {
            metrics.statement(outcome);
        }
    }

    /// Leaves the count to what comes next.
    pub(crate) fn goes_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.0 {
            metrics.queries_cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
