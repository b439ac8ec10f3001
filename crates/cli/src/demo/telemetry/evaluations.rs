//! Verdicts of the judge, a second model that reads a sample of the answers, as `gen_ai.evaluation.result` events.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};

use super::attributes::{call, double, resource, scope, text};
use crate::demo::bot::{Turn, Verdict};
use crate::demo::calendar::SECOND_NS;

/// The judge reads an answer a little after it was given.
const JUDGE_DELAY_NS: i64 = 20 * SECOND_NS;

/// The day's verdicts. Returns how many there are: one row each.
pub(super) fn request(turns: &[Turn]) -> (ExportLogsServiceRequest, usize) {
    let log_records: Vec<LogRecord> =
        turns.iter().filter_map(|turn| turn.verdict.as_ref().map(|verdict| record(turn, verdict))).collect();
    let rows = log_records.len();
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource()),
            scope_logs: vec![ScopeLogs { scope: Some(scope()), log_records, ..Default::default() }],
            ..Default::default()
        }],
    };
    (request, rows)
}

fn record(turn: &Turn, verdict: &Verdict) -> LogRecord {
    let time = (turn.start_ns + turn.duration_ns + JUDGE_DELAY_NS).cast_unsigned();
    let mut attributes = call(turn).to_vec();
    attributes.extend([
        text("gen_ai.evaluation.name", "helpfulness"),
        double("gen_ai.evaluation.score.value", verdict.score),
        text("gen_ai.evaluation.score.label", if verdict.pass { "pass" } else { "fail" }),
    ]);
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: SeverityNumber::Info as i32,
        severity_text: "INFO".to_owned(),
        event_name: "gen_ai.evaluation.result".to_owned(),
        attributes,
        trace_id: turn.trace_id.to_vec(),
        span_id: turn.span_id.to_vec(),
        ..Default::default()
    }
}
