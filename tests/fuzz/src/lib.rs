//! What must hold for every body, whatever its bytes: no panic, no item lost without being counted, and an answer in bounded memory.

use std::sync::{Arc, LazyLock};

use driftline_otel::testing::tables;
use driftline_otel::{
    Encoding, ErrorKind, Mapped, Mapper, Redaction, RedactionAction, RedactionRule, RemoteWrite, Signal,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// The plain mapper, and one that redacts.
static MAPPERS: LazyLock<[Mapper; 2]> = LazyLock::new(|| {
    let rule = |keys: &[&str], pattern: Option<&str>, action| RedactionRule {
        name: None,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        pattern: pattern.map(str::to_owned),
        action,
    };
    let rules = [
        rule(&["gen_ai.prompt*"], None, RedactionAction::Drop),
        rule(&[], Some("[0-9]{2}"), RedactionAction::Hash),
        rule(&["*"], Some("a"), RedactionAction::Mask),
    ];
    let redaction = Arc::new(Redaction::new(&rules, Some("key")).expect("the rules are good"));
    let mapper = || Mapper::new(tables()).expect("the tables are those of the mapping");
    [mapper(), mapper().with_redaction(redaction)]
});

/// The first byte says what the rest is: whether to redact, and which signal.
pub fn otlp(data: &[u8], encoding: Encoding) {
    let Some((&head, body)) = data.split_first() else { return };
    let signal = [Signal::Traces, Signal::Metrics, Signal::Logs][usize::from(head >> 1) % 3];
    match mapper(head).decode(signal, encoding, body) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{error}"),
        Ok(mapped) => {
            check(&mapped);
            if encoding == Encoding::Protobuf {
                check_items(&mapped, signal, body);
            }
        }
    }
}

/// The first byte says what the rest is: whether to redact, and which version.
pub fn remote_write(data: &[u8]) {
    let Some((&head, body)) = data.split_first() else { return };
    let version = if head & 2 == 0 { RemoteWrite::V1 } else { RemoteWrite::V2 };
    match mapper(head).remote_write(version, body) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{error}"),
        Ok((mapped, written)) => {
            check(&mapped);
            assert_eq!(written.samples + written.histograms, mapped.accepted);
        }
    }
}

fn mapper(head: u8) -> &'static Mapper {
    &MAPPERS[usize::from(head & 1)]
}

/// The rows are those that were accepted.
fn check(mapped: &Mapped) {
    let rows = mapped.batches.first().map_or(0, |(_, batch)| batch.num_rows() as u64);
    assert_eq!(rows, mapped.accepted);
}

/// A body that protobuf itself can read: every item of it is a row or counted.
fn check_items(mapped: &Mapped, signal: Signal, body: &[u8]) {
    let items: Option<u64> = match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body).ok().map(|request| {
            let groups = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
            groups.map(|group| group.spans.len() as u64).sum()
        }),
        Signal::Logs => ExportLogsServiceRequest::decode(body).ok().map(|request| {
            let groups = request.resource_logs.iter().flat_map(|group| &group.scope_logs);
            groups.map(|group| group.log_records.len() as u64).sum()
        }),
        // a metric without data is one rejected item, and has no points to compare with
        Signal::Metrics => None,
    };
    if let Some(items) = items {
        assert_eq!(mapped.accepted + mapped.rejected_total(), items);
    }
}
