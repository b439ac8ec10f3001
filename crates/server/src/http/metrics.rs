//! What has happened since the start, in the text format of Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use driftline::storage::{
    LATENCY_BOUNDS_SECONDS, LatencyCounts, MaintenanceCounts, RequestCounts, StoreOperation,
};
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
    exports_ok: AtomicU64,
    exports_refused: AtomicU64,
    exports_bytes: AtomicU64,
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

    /// Counts an export that was stored, with its bytes, decompressed.
    pub(crate) fn exported(&self, bytes: usize) {
        self.exports_ok.fetch_add(1, Ordering::Relaxed);
        self.exports_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts an export that was refused as a whole.
    pub(crate) fn export_refused(&self) {
        self.exports_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// All numbers as a page.
    pub(crate) fn render(&self, service: &Service) -> String {
        let mut page = String::new();
        self.statements(&mut page, service);
        self.telemetry(&mut page, service);
        alerts(&mut page, service);
        storage(&mut page, service);
        page
    }

    fn statements(&self, page: &mut String, service: &Service) {
        let queries = "driftline_queries_total";
        head(page, queries, "counter", "Statements that are over, by outcome.");
        for (outcome, counter) in [
            ("ok", &self.queries_ok),
            ("failed", &self.queries_failed),
            ("cancelled", &self.queries_cancelled),
        ] {
            let _ = writeln!(page, "{queries}{{outcome=\"{outcome}\"}} {}", value(counter));
        }
        let now = service.database.query_counts();
        number(page, "driftline_queries_queued", "gauge", "Queries that wait to run.", now.queued);
        number(page, "driftline_queries_running", "gauge", "Queries that run.", now.running);
        number(page, "driftline_connections", "gauge", "Open connections.", service.connections());
        let prepared = service.prepared.len() as u64;
        number(page, "driftline_prepared_statements", "gauge", "Open prepared statements.", prepared);
        let (rows, bytes) = (value(&self.rows_sent), value(&self.bytes_sent));
        number(page, "driftline_rows_sent_total", "counter", "Rows of answers.", rows);
        number(page, "driftline_bytes_sent_total", "counter", "Encoded bytes of answers.", bytes);
        let rows = value(&self.rows_ingested);
        number(
            page,
            "driftline_rows_ingested_total",
            "counter",
            "Rows written by ingests and statements.",
            rows,
        );
    }

    fn telemetry(&self, page: &mut String, service: &Service) {
        let exports = "driftline_otlp_exports_total";
        head(page, exports, "counter", "Exports of telemetry that are over, by outcome.");
        for (outcome, counter) in [("ok", &self.exports_ok), ("refused", &self.exports_refused)] {
            let _ = writeln!(page, "{exports}{{outcome=\"{outcome}\"}} {}", value(counter));
        }
        let bytes = value(&self.exports_bytes);
        number(page, "driftline_otlp_bytes_total", "counter", "Bytes of exports, decompressed.", bytes);
        let held = service.otlp.held_bytes();
        number(page, "driftline_otlp_memory_bytes", "gauge", "Bytes of exports under way.", held);
        let items = "driftline_otlp_items_total";
        let help =
            "Spans, data points and log records since the database was opened, by what became of them.";
        head(page, items, "counter", help);
        for line in service.database.ingest_counts() {
            let (signal, outcome, detail) = (&line.signal, line.outcome, escaped(&line.detail));
            let labels = format!("signal=\"{signal}\",outcome=\"{outcome}\",detail=\"{detail}\"");
            let _ = writeln!(page, "{items}{{{labels}}} {}", line.count);
        }
    }
}

fn alerts(page: &mut String, service: &Service) {
    let notifications = "driftline_alert_notifications_total";
    head(page, notifications, "counter", "Notifications of alerts, by receiver and what became of them.");
    for (receiver, outcome, count) in service.deliveries.counts() {
        let labels = format!("receiver=\"{}\",outcome=\"{}\"", escaped(&receiver), outcome.word());
        let _ = writeln!(page, "{notifications}{{{labels}}} {count}");
    }
    let help = "Changes of alerts that could not be written.";
    let lost = service.database.lost_alert_changes();
    number(page, "driftline_alert_changes_lost_total", "counter", help, lost);
}

fn storage(page: &mut String, service: &Service) {
    let cache = service.database.cache_status();
    number(page, "driftline_cache_bytes", "gauge", "Bytes of decoded columns in memory.", cache.bytes as u64);
    number(page, "driftline_cache_hits_total", "counter", "Columns found decoded.", cache.hits);
    number(page, "driftline_cache_misses_total", "counter", "Columns that had to be decoded.", cache.misses);
    let status = service.database.storage().status();
    let (bytes, rows) = (status.memtable_bytes, status.memtable_rows);
    number(page, "driftline_memtable_bytes", "gauge", "Bytes of rows that are not in segments yet.", bytes);
    number(page, "driftline_memtable_rows", "gauge", "Rows that are not in segments yet.", rows);
    number(page, "driftline_wal_bytes", "gauge", "Bytes of the write-ahead log.", status.wal_bytes);
    let queued = status.wal_queued_bytes;
    number(page, "driftline_wal_queue_bytes", "gauge", "Bytes that wait for the write-ahead log.", queued);
    let help = "How long the write-ahead log took to sync.";
    histogram(page, "driftline_wal_fsync_seconds", help, &status.wal_syncs);
    histogram(
        page,
        "driftline_flush_seconds",
        "How long rows took from memory into segments.",
        &status.flushes,
    );
    let fails = u64::from(status.flush_error.is_some());
    number(page, "driftline_flush_failing", "gauge", "1 while the last flush failed.", fails);
    let (segments, bytes) = (status.segments, status.segment_bytes);
    number(page, "driftline_segments", "gauge", "Segments of all tables.", segments);
    number(page, "driftline_segment_bytes", "gauge", "Bytes of all segments.", bytes);
    maintenance(page, &status.maintenance);
    store_requests(page, &status.requests);
}

fn maintenance(page: &mut String, counts: &MaintenanceCounts) {
    let help = "Times that a compaction put segments in the place of others.";
    number(page, "driftline_compactions_total", "counter", help, counts.compactions);
    let segments = "driftline_compaction_segments_total";
    head(page, segments, "counter", "Segments of compactions, by direction.");
    for (direction, count) in [("read", counts.segments_before), ("written", counts.segments_after)] {
        let _ = writeln!(page, "{segments}{{direction=\"{direction}\"}} {count}");
    }
    let bytes = "driftline_compaction_bytes_total";
    head(page, bytes, "counter", "Bytes of these segments, by direction.");
    for (direction, count) in [("read", counts.bytes_before), ("written", counts.bytes_after)] {
        let _ = writeln!(page, "{bytes}{{direction=\"{direction}\"}} {count}");
    }
    let help = "Objects removed because no version needs them.";
    number(page, "driftline_garbage_objects_total", "counter", help, counts.removed_objects);
    let help = "Bytes of objects removed because no version needs them.";
    number(page, "driftline_garbage_bytes_total", "counter", help, counts.removed_bytes);
    let help = "Times that retention, compaction or garbage collection in the background failed.";
    number(page, "driftline_maintenance_failures_total", "counter", help, counts.failures);
}

fn store_requests(page: &mut String, counts: &RequestCounts) {
    let requests = "driftline_object_store_requests_total";
    head(page, requests, "counter", "Requests to the object store, by operation.");
    for operation in StoreOperation::ALL {
        let _ =
            writeln!(page, "{requests}{{operation=\"{}\"}} {}", operation.name(), counts.requests(operation));
    }
    let errors = "driftline_object_store_errors_total";
    head(
        page,
        errors,
        "counter",
        "Requests to the object store that failed after all retries, by operation.",
    );
    for operation in StoreOperation::ALL {
        let _ = writeln!(page, "{errors}{{operation=\"{}\"}} {}", operation.name(), counts.errors(operation));
    }
    let bytes = "driftline_object_store_bytes_total";
    head(page, bytes, "counter", "Bytes of objects, by direction.");
    for (direction, count) in [("read", counts.read_bytes), ("written", counts.written_bytes)] {
        let _ = writeln!(page, "{bytes}{{direction=\"{direction}\"}} {count}");
    }
    let http = "driftline_object_store_http_requests_total";
    head(page, http, "counter", "HTTP requests to the object store, retries among them, by outcome.");
    let answered = counts.http_requests - counts.http_failures.min(counts.http_requests);
    for (outcome, count) in [("answered", answered), ("failed", counts.http_failures)] {
        let _ = writeln!(page, "{http}{{outcome=\"{outcome}\"}} {count}");
    }
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
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

fn number(page: &mut String, name: &str, kind: &str, help: &str, number: u64) {
    head(page, name, kind, help);
    let _ = writeln!(page, "{name} {number}");
}

fn histogram(page: &mut String, name: &str, help: &str, counts: &LatencyCounts) {
    head(page, name, "histogram", help);
    for (bound, count) in LATENCY_BOUNDS_SECONDS.iter().zip(counts.buckets) {
        let _ = writeln!(page, "{name}_bucket{{le=\"{bound}\"}} {count}");
    }
    let _ = writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {}", counts.count);
    let _ = writeln!(page, "{name}_sum {}\n{name}_count {}", counts.total.as_secs_f64(), counts.count);
}

/// A text as the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
