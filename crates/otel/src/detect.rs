//! Which signal a body carries, when nobody says so: files on a disk.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    metrics::v1::Metric,
};
use prost::Message;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::signal::{Encoding, Signal};

/// Finds signal and encoding of a body (decompressed): by the first known top-level key of JSON, by decoding protobuf and looking whether the items
/// make sense, and by the file name where the body leaves it open (an empty request is one of any signal). `None`: not OTLP.
///
/// A line of a `.jsonl` file is a body of its own.
pub fn detect(name: &str, body: &[u8]) -> Option<(Signal, Encoding)> {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if text.trim_ascii_start().starts_with(b"{")
        && let Some(signal) = json_signal(text)
    {
        return Some((signal, Encoding::Json));
    }
    let hint = named_signal(name);
    if let Some(signal) = protobuf_signal(body, hint) {
        return Some((signal, Encoding::Protobuf));
    }
    match text.trim_ascii() {
        b"{}" => hint.map(|signal| (signal, Encoding::Json)),
        b"" => hint.map(|signal| (signal, Encoding::Protobuf)),
        _ => None,
    }
}

/// The signal that a file name speaks of: `04-metrics.binpb`, `traces.jsonl.gz`.
fn named_signal(name: &str) -> Option<Signal> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let words = [
        ("trace", Signal::Traces),
        ("span", Signal::Traces),
        ("metric", Signal::Metrics),
        ("log", Signal::Logs),
    ];
    words.into_iter().find(|(word, _)| name.contains(word)).map(|(_, signal)| signal)
}

/// The signal whose request the body decodes to with the most items that make sense. The three requests share their field numbers, so decoding alone
/// proves little: ids must have their length, a metric its name and data, a record its time.
fn protobuf_signal(body: &[u8], hint: Option<Signal>) -> Option<Signal> {
    let scores = Signal::ALL.map(|signal| (sensible_items(signal, body), hint == Some(signal), signal));
    let best = scores.into_iter().max_by_key(|(items, hinted, _)| (*items, *hinted))?;
    (best.0 > 0).then_some(best.2)
}

fn sensible_items(signal: Signal, body: &[u8]) -> usize {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body).map_or(0, |request| {
            let scopes = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
            scopes
                .flat_map(|scope| &scope.spans)
                .filter(|span| span.trace_id.len() == 16 && span.span_id.len() == 8)
                .count()
        }),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body).map_or(0, |request| {
            let scopes = request.resource_metrics.iter().flat_map(|group| &group.scope_metrics);
            let sensible = |metric: &&Metric| metric.data.is_some() && !metric.name.is_empty();
            scopes.flat_map(|scope| &scope.metrics).filter(sensible).count()
        }),
        Signal::Logs => ExportLogsServiceRequest::decode(body).map_or(0, |request| {
            let scopes = request.resource_logs.iter().flat_map(|group| &group.scope_logs);
            let records = scopes.flat_map(|scope| &scope.log_records);
            records.filter(|record| record.time_unix_nano > 0 || record.observed_time_unix_nano > 0).count()
        }),
    }
}

/// The signal of the first known top-level key. The rest of the body is not looked at, so a body that breaks later is still recognised.
fn json_signal(body: &[u8]) -> Option<Signal> {
    let mut found = None;
    // the visitor stops at the key it looks for, which the parser reports as an unfinished object
    let _unfinished = serde_json::Deserializer::from_slice(body).deserialize_map(FirstKey(&mut found));
    found
}

struct FirstKey<'a>(&'a mut Option<Signal>);

impl<'de> Visitor<'de> for FirstKey<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an OTLP request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            *self.0 = Signal::ALL.into_iter().find(|signal| signal.json_key() == key);
            if self.0.is_some() {
                break;
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
