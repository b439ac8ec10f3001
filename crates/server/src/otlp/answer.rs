//! What exporters are answered: what was left out and why, or why all of it was refused.

use driftline::{IngestReport, Signal};
use prost::Message;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::error::short;

/// `Export*ServiceResponse`: the three signals have the same fields under other names.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

/// `Export*PartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    /// `rejected_spans`, `rejected_data_points` or `rejected_log_records`.
    #[prost(int64, tag = "1")]
    pub(super) rejected: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

impl Response {
    /// The answer to an export. One that was taken whole says nothing.
    pub(super) fn new(report: &IngestReport) -> Self {
        if report.rejected.is_empty() {
            return Self { partial_success: None };
        }
        Self {
            partial_success: Some(PartialSuccess {
                rejected: i64::try_from(rejected(report)).unwrap_or(i64::MAX),
                error_message: short(&reasons(report)),
            }),
        }
    }

    /// As OTLP/JSON, in which 64-bit integers are strings.
    pub(super) fn json(&self, signal: Signal) -> Value {
        let rejected = match signal {
            Signal::Traces => "rejectedSpans",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
        };
        match &self.partial_success {
            None => json!({}),
            Some(partial) => json!({
                "partialSuccess": {
                    rejected: partial.rejected.to_string(),
                    "errorMessage": partial.error_message,
                }
            }),
        }
    }
}

/// How many items were left out.
pub(super) fn rejected(report: &IngestReport) -> u64 {
    report.rejected.iter().map(|rejected| rejected.count).sum()
}

/// Why they were, with the number for each reason.
pub(super) fn reasons(report: &IngestReport) -> String {
    let reasons = report.rejected.iter().map(|rejected| format!("{} ({})", rejected.reason, rejected.count));
    reasons.collect::<Vec<_>>().join("; ")
}

/// `google.rpc.Status` in protobuf.
pub(super) fn status_protobuf(refusal: &Refusal) -> Vec<u8> {
    let (code, message) = (refusal.status.code() as i32, refusal.status.message().to_owned());
    tonic_types::Status { code, message, details: Vec::new() }.encode_to_vec()
}

/// `google.rpc.Status` in JSON.
pub(super) fn status_json(refusal: &Refusal) -> Value {
    json!({ "code": refusal.status.code() as i32, "message": refusal.status.message() })
}
