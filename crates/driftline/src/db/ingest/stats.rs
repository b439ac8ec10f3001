//! What happened to telemetry since the database was opened: kept in memory, shown by `driftline.ingest_stats` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Body, IngestReport};

/// Distinct reasons, columns and rules that are counted apart; further ones are counted together.
const DETAILS_MAX: usize = 256;

/// Counts of all requests.
#[derive(Debug, Default)]
pub(crate) struct IngestStats(Mutex<BTreeMap<Line, Counted>>);

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    signal: String,
    outcome: &'static str,
    detail: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    items: u64,
    bytes: u64,
}

/// One line of the statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestCount {
    /// traces, metrics or logs
    pub signal: String,
    /// accepted, rejected, moved, redacted or repeated
    pub outcome: &'static str,
    /// The reason of a rejection, the column of a moved value, the rule that redacted, else empty.
    pub detail: String,
    /// Spans, data points or log records; with moved and redacted, values.
    pub count: u64,
    /// Of accepted and repeated requests, the size of their bodies, decompressed; 0 for all else.
    pub bytes: u64,
}

impl IngestStats {
    /// All counts, sorted.
    pub(crate) fn counts(&self) -> Vec<IngestCount> {
        let lines = self.lock();
        let counts = lines.iter().map(|(line, counted)| IngestCount {
            signal: line.signal.clone(),
            outcome: line.outcome,
            detail: line.detail.clone(),
            count: counted.items,
            bytes: counted.bytes,
        });
        counts.collect()
    }

    pub(super) fn count(&self, body: Body, report: &IngestReport) {
        let mut lines = self.lock();
        let mut add = |outcome, detail: &str, items, bytes: usize| {
            let mut line = Line { signal: body.signal.to_string(), outcome, detail: detail.to_owned() };
            if lines.len() >= DETAILS_MAX && !lines.contains_key(&line) {
                line.detail = "other".to_owned();
            }
            let counted = lines.entry(line).or_default();
            counted.items += items;
            counted.bytes += bytes as u64;
        };
        if report.repeated {
            return add("repeated", "", report.accepted, body.bytes);
        }
        add("accepted", "", report.accepted, body.bytes);
        for rejected in &report.rejected {
            add("rejected", &rejected.reason, rejected.count, 0);
        }
        for moved in &report.moved {
            add("moved", &moved.column, moved.count, 0);
        }
        for redacted in &report.redacted {
            add("redacted", &redacted.rule, redacted.count, 0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Line, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
