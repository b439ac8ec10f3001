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
    /// Counts a query that is over.
    pub(crate) fn query(&self, outcome: &Result<(), Status>, rows: u64, bytes: u64) {
        let counter = match outcome {
            Ok(()) => &self.queries_ok,
            Err(status) if status.code() == Code::Cancelled => &self.queries_cancelled,
            Err(_) => &self.queries_failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.rows_sent.fetch_add(rows, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts rows that clients wrote.
    pub(crate) fn ingested(&self, rows: u64) {
        self.rows_ingested.fetch_add(rows, Ordering::Relaxed);
    }

    /// All numbers as a page.
    pub(crate) fn render(&self, service: &Service) -> String {
        let mut page = String::new();
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let queries = "driftline_queries_total";
        head(&mut page, queries, "counter", "Queries that are over, by outcome.");
        for (outcome, counter) in [
            ("ok", &self.queries_ok),
            ("failed", &self.queries_failed),
            ("cancelled", &self.queries_cancelled),
        ] {
            let _ = writeln!(page, "{queries}{{outcome=\"{outcome}\"}} {}", value(counter));
        }
        let cache = service.database.cache_status();
        let numbers = [
            (
                "driftline_queries_queued",
                "gauge",
                "Queries that wait to run.",
                service.database.query_counts().queued,
            ),
            ("driftline_queries_running", "gauge", "Queries that run.", service.running.len() as u64),
            ("driftline_connections", "gauge", "Open connections of Flight.", service.connections()),
            (
                "driftline_prepared_statements",
                "gauge",
                "Open prepared statements.",
                service.prepared.len() as u64,
            ),
            ("driftline_rows_sent_total", "counter", "Rows of answers.", value(&self.rows_sent)),
            ("driftline_bytes_sent_total", "counter", "Encoded bytes of answers.", value(&self.bytes_sent)),
            ("driftline_rows_ingested_total", "counter", "Rows of ingests.", value(&self.rows_ingested)),
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

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
