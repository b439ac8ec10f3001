//! Evaluations that come with spans become log records, as those that come by themselves: one `gen_ai.evaluation.result` each, about the span,
//! trace or session that was judged. The span keeps what it had.
//!
//! Two forms: events of a span with the conventions' own name, and the flattened attributes of OpenInference,
//! `[trace.|session.]annotations.N.annotation.FIELD` or the same with `evaluations`. A span that judges another one, after that has ended, has
//! one link to it, and does nothing else itself.

mod key;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    trace::v1::{Span, span::Event},
};

use key::{EvaluationKey, Form, Subject};

/// The event of the conventions.
const RESULT: &str = "gen_ai.evaluation.result";
/// Who the span is about: kept with an evaluation of it.
const COMPANIONS: [&str; 2] = ["session.id", "user.id"];
/// What an evaluation must have one of.
const RESULTS: [&str; 3] = [key::SCORE, key::LABEL, key::EXPLANATION];

/// The fields that an evaluation came with.
type Fields<'a> = Vec<(&'static str, &'a AnyValue)>;

/// The evaluations of a request, as log records of the same resources and scopes; `None` where there are none. Spans that `is_good` refuses
/// have none.
pub(crate) fn of(
    request: &ExportTraceServiceRequest,
    is_good: impl Fn(&Span) -> bool,
) -> Option<ExportLogsServiceRequest> {
    let mut resource_logs = vec![];
    for group in &request.resource_spans {
        let mut scope_logs = vec![];
        for scope in &group.scope_spans {
            let records = |span| records_of(span).into_iter().filter(|_| is_good(span));
            let log_records: Vec<_> = scope.spans.iter().flat_map(records).collect();
            if !log_records.is_empty() {
                let schema_url = scope.schema_url.clone();
                scope_logs.push(ScopeLogs { scope: scope.scope.clone(), log_records, schema_url });
            }
        }
        if !scope_logs.is_empty() {
            let (resource, schema_url) = (group.resource.clone(), group.schema_url.clone());
            resource_logs.push(ResourceLogs { resource, scope_logs, schema_url });
        }
    }
    (!resource_logs.is_empty()).then_some(ExportLogsServiceRequest { resource_logs })
}

/// The attribute that one of this key becomes in an evaluation of a span.
pub(crate) fn attribute_of(key: &str) -> Option<&'static str> {
    EvaluationKey::parse(&key.to_ascii_lowercase()).map(|key| key.attribute)
}

fn records_of(span: &Span) -> Vec<LogRecord> {
    let results = span.events.iter().filter(|event| event.name == RESULT);
    let mut found: BTreeMap<(Subject, u32, Form), Fields<'_>> = BTreeMap::new();
    for attribute in &span.attributes {
        let Some(EvaluationKey { subject, index, form, attribute: field }) =
            EvaluationKey::parse(&attribute.key)
        else {
            continue;
        };
        if let Some(value) = &attribute.value {
            found.entry((subject, index, form)).or_default().push((field, value));
        }
    }
    let mut records: Vec<LogRecord> = results.map(|event| of_event(span, event)).collect();
    for (&(subject, index, form), fields) in &found {
        let in_other_words = form == Form::Evaluation
            && found
                .get(&(subject, index, Form::Annotation))
                .is_some_and(|other| named(other) == named(fields));
        let is_whole = named(fields).0.is_some() && fields.iter().any(|(field, _)| RESULTS.contains(field));
        if is_whole && !in_other_words {
            records.push(of_fields(span, subject, fields));
        }
    }
    records
}

/// What tells evaluations of one subject apart.
fn named<'a>(fields: &[(&'static str, &'a AnyValue)]) -> (Option<&'a AnyValue>, Option<&'a AnyValue>) {
    let of = |wanted| fields.iter().find(|(field, _)| *field == wanted).map(|(_, value)| *value);
    (of(key::NAME), of(key::IDENTIFIER))
}

fn of_event(span: &Span, event: &Event) -> LogRecord {
    let time = if event.time_unix_nano > 0 { event.time_unix_nano } else { known_at(span) };
    record(span, Subject::Span, time, event.attributes.clone())
}

fn of_fields(span: &Span, subject: Subject, fields: &[(&'static str, &AnyValue)]) -> LogRecord {
    let attributes = fields.iter().map(|(field, value)| attribute(field, (*value).clone()));
    record(span, subject, known_at(span), attributes.collect())
}

fn record(span: &Span, subject: Subject, time: u64, mut attributes: Vec<KeyValue>) -> LogRecord {
    let companions = span.attributes.iter().filter(|attribute| COMPANIONS.contains(&attribute.key.as_str()));
    let companions = companions.filter(|own| !attributes.iter().any(|given| given.key == own.key));
    let companions: Vec<_> = companions.cloned().collect();
    attributes.extend(companions);
    let (trace_id, span_id) = judged(span);
    LogRecord {
        time_unix_nano: time,
        event_name: RESULT.to_owned(),
        attributes,
        trace_id: if subject == Subject::Session { vec![] } else { trace_id.to_vec() },
        span_id: if subject == Subject::Span { span_id.to_vec() } else { vec![] },
        ..LogRecord::default()
    }
}

/// An evaluation is known when its span ends.
fn known_at(span: &Span) -> u64 {
    if span.end_time_unix_nano > 0 { span.end_time_unix_nano } else { span.start_time_unix_nano }
}

/// The span that is judged: the only one that a span without work of its own is linked to, otherwise the span itself.
fn judged(span: &Span) -> (&[u8], &[u8]) {
    match span.links.as_slice() {
        [link] if !has_own_work(span) => (&link.trace_id, &link.span_id),
        _ => (&span.trace_id, &span.span_id),
    }
}

fn has_own_work(span: &Span) -> bool {
    span.attributes.iter().any(|attribute| match attribute.key.as_str() {
        "openinference.span.kind" => text(attribute) != Some("EVALUATOR"),
        "gen_ai.operation.name" => true,
        _ => false,
    })
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
