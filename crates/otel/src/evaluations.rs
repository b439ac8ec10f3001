//! Evaluations that come with spans become log records, as those that come by themselves: one `gen_ai.evaluation.result` each, about the span,
//! trace or session that was judged. The span keeps what it had, but for large explanations, which are in the records alone.
//!
//! Two forms: events of a span with the conventions' own names, and the flattened attributes of OpenInference,
//! `[trace.|session.]annotations.N.annotation.FIELD` or the same with `evaluations`. A span that judges another one, after that has ended, has
//! one link to it, and does nothing else itself.

mod judged;
mod key;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    trace::v1::{Span, span::Event},
};

use crate::ids::time_ns;
use judged::Judged;
pub(crate) use key::EXPLANATION;
use key::{EvaluationKey, Form, Subject};

/// The events of the conventions: a result of whoever judged, and what a user thinks.
const RESULT: &str = "gen_ai.evaluation.result";
const EVENTS: [&str; 2] = [RESULT, "gen_ai.evaluation.user_feedback"];
/// Who the span is about: kept with an evaluation of it.
const COMPANIONS: [&str; 2] = ["session.id", "user.id"];
/// What an evaluation must have one of.
const RESULTS: [&str; 3] = [key::SCORE, key::LABEL, key::EXPLANATION];

/// One evaluation in flattened attributes.
struct Flattened<'a> {
    subject: Subject,
    /// The attributes of the span, with what they become.
    fields: Vec<(&'static str, &'a KeyValue)>,
}

/// Whether a log record or a span's event of this name is an evaluation.
pub(crate) fn is_event(name: &str) -> bool {
    EVENTS.contains(&name)
}

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

/// The keys of a span's attributes that are explanations of its evaluations.
pub(crate) fn explanations(span: &Span) -> impl Iterator<Item = &str> {
    let fields = flattened(span).into_iter().flat_map(|found| found.fields);
    fields.filter(|(attribute, _)| *attribute == EXPLANATION).map(|(_, field)| field.key.as_str())
}

/// Makes the kinds of annotators in evaluations what the conventions make of them: upper case.
pub(crate) fn normalise(attributes: &mut [KeyValue]) {
    for attribute in attributes.iter_mut().filter(|attribute| attribute.key == key::ANNOTATOR) {
        if let Some(AnyValue { value: Some(Value::StringValue(kind)) }) = &mut attribute.value {
            kind.make_ascii_uppercase();
        }
    }
}

fn records_of(span: &Span) -> Vec<LogRecord> {
    let events = span.events.iter().filter(|event| is_event(&event.name)).map(|event| of_event(span, event));
    events.chain(flattened(span).iter().map(|found| of_fields(span, found))).collect()
}

/// The evaluations in a span's attributes, each name and identifier of a subject once: annotations come first.
fn flattened<'a>(span: &'a Span) -> Vec<Flattened<'a>> {
    let mut found: BTreeMap<(Subject, Form, u32), Flattened<'a>> = BTreeMap::new();
    for field in span.attributes.iter().filter(|attribute| attribute.value.is_some()) {
        if let Some(EvaluationKey { subject, index, form, attribute }) = EvaluationKey::parse(&field.key) {
            let one = found.entry((subject, form, index));
            one.or_insert(Flattened { subject, fields: vec![] }).fields.push((attribute, field));
        }
    }
    let mut seen = HashSet::new();
    let is_new =
        |one: &Flattened<'a>| one.is_whole() && seen.insert((one.subject, one.name(), one.identifier()));
    found.into_values().filter(is_new).collect()
}

impl<'a> Flattened<'a> {
    fn is_whole(&self) -> bool {
        self.name().is_some() && self.fields.iter().any(|(attribute, _)| RESULTS.contains(attribute))
    }

    fn name(&self) -> Option<&'a str> {
        self.text_of(key::NAME)
    }

    fn identifier(&self) -> Option<&'a str> {
        self.text_of(key::IDENTIFIER)
    }

    /// A text that says something.
    fn text_of(&self, wanted: &str) -> Option<&'a str> {
        let (_, field) = self.fields.iter().find(|(attribute, _)| *attribute == wanted)?;
        text(field).filter(|text| !text.is_empty())
    }
}

fn of_event(span: &Span, event: &Event) -> LogRecord {
    let has_time = time_ns(event.time_unix_nano).is_ok_and(|time| time.is_some());
    let time = if has_time { event.time_unix_nano } else { known_at(span) };
    record(span, &event.name, time, Judged::itself(span), event.attributes.clone())
}

fn of_fields(span: &Span, found: &Flattened<'_>) -> LogRecord {
    let attributes = found.fields.iter().map(|(attribute, field)| KeyValue {
        key: (*attribute).to_owned(),
        value: field.value.clone(),
        ..KeyValue::default()
    });
    record(span, RESULT, known_at(span), Judged::of_attributes(span, found.subject), attributes.collect())
}

fn record(
    span: &Span,
    name: &str,
    time: u64,
    judged: Judged<'_>,
    mut attributes: Vec<KeyValue>,
) -> LogRecord {
    let companions = span.attributes.iter().filter(|attribute| COMPANIONS.contains(&attribute.key.as_str()));
    let companions = companions.filter(|own| !attributes.iter().any(|given| given.key == own.key));
    let companions: Vec<_> = companions.cloned().collect();
    attributes.extend(companions);
    normalise(&mut attributes);
    LogRecord {
        time_unix_nano: time,
        event_name: name.to_owned(),
        attributes,
        trace_id: judged.trace_id.to_vec(),
        span_id: judged.span_id.to_vec(),
        ..LogRecord::default()
    }
}

/// An evaluation is known when its span ends.
fn known_at(span: &Span) -> u64 {
    if span.end_time_unix_nano > 0 { span.end_time_unix_nano } else { span.start_time_unix_nano }
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}
