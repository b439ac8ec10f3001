//! Spans: one row each.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Builder, StringBuilder, TimestampNanosecondBuilder},
    datatypes::DataType,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{
        Span,
        span::{Event, SpanKind},
        status::StatusCode,
    },
};

use super::{
    Evaluations, InheritedBudget, Mapped, Rejects,
    events::{Events, Links},
    report,
};
use crate::{
    attributes::{Attributes, Facts, KeySet, Origin, OriginColumns, ResourceOrigin, Sink, assign, non_empty},
    columns::{map_of_text, time, time_array},
    evaluations,
    ids::{IdField, SpanId, TraceId, hex, time_ns},
    layout::{Batch, Layout},
    messages::{Side, of_event},
    signal::Signal,
};

/// The columns that the mapping itself fills.
pub(super) fn built_in() -> Vec<(&'static str, DataType)> {
    vec![
        ("time", time()),
        ("end_time", time()),
        ("duration_ns", DataType::Int64),
        ("trace_id", DataType::Utf8),
        ("span_id", DataType::Utf8),
        ("parent_span_id", DataType::Utf8),
        ("trace_state", DataType::Utf8),
        ("flags", DataType::Int64),
        ("name", DataType::Utf8),
        ("kind", DataType::Utf8),
        ("status_code", DataType::Utf8),
        ("status_message", DataType::Utf8),
        ("service_name", DataType::Utf8),
        ("scope_name", DataType::Utf8),
        ("scope_version", DataType::Utf8),
        ("schema_url", DataType::Utf8),
        ("events", Events::ty()),
        ("links", Links::ty()),
        ("attributes", map_of_text()),
    ]
}

pub(super) fn map(
    layout: &Layout,
    payloads: &Layout,
    keys: &mut KeySet,
    request: &ExportTraceServiceRequest,
    evaluations: Evaluations,
) -> Mapped {
    let mut rows = SpanRows::new(layout, evaluations);
    let mut rejects = Rejects::default();
    let mut budget = InheritedBudget::default();
    for group in &request.resource_spans {
        let resource = ResourceOrigin::new(layout, keys, group.resource.as_ref(), &group.schema_url);
        for group in &group.scope_spans {
            let origin = resource.scope(layout, keys, group.scope.as_ref(), &group.schema_url);
            for span in &group.spans {
                let accepted = Accepted::check(span).and_then(|span| budget.spend(&origin).map(|()| span));
                match accepted {
                    Ok(span) => rows.push(keys, &origin, &span),
                    Err(reason) => rejects.add(reason, 1),
                }
            }
        }
    }
    rows.finish(payloads, rejects)
}

/// Whether a span becomes a row.
pub(super) fn is_good(span: &Span) -> bool {
    Accepted::check(span).is_ok()
}

/// A span that has what every row needs.
struct Accepted<'a> {
    span: &'a Span,
    trace_id: TraceId,
    span_id: SpanId,
    start: i64,
    end: Option<i64>,
}

impl<'a> Accepted<'a> {
    fn check(span: &'a Span) -> Result<Self, &'static str> {
        let trace_id = TraceId::read(&span.trace_id).valid();
        let trace_id = trace_id.ok_or("span: trace_id must be 16 bytes, not all zero")?;
        let span_id = SpanId::read(&span.span_id).valid();
        let span_id = span_id.ok_or("span: span_id must be 8 bytes, not all zero")?;
        let start = time_ns(span.start_time_unix_nano).map_err(|_| "span: start time is after 2262-04-11")?;
        let start = start.ok_or("span: no start time")?;
        let end = time_ns(span.end_time_unix_nano).map_err(|_| "span: end time is after 2262-04-11")?;
        Ok(Self { span, trace_id, span_id, start, end })
    }
}

struct SpanRows<'a> {
    layout: &'a Layout,
    evaluations: Evaluations,
    rows: usize,
    time: TimestampNanosecondBuilder,
    end_time: TimestampNanosecondBuilder,
    duration_ns: Int64Builder,
    trace_id: StringBuilder,
    span_id: StringBuilder,
    parent_span_id: StringBuilder,
    trace_state: StringBuilder,
    flags: Int64Builder,
    name: StringBuilder,
    kind: StringBuilder,
    status_code: StringBuilder,
    status_message: StringBuilder,
    origin: OriginColumns,
    events: Events,
    links: Links,
    attributes: Attributes<'a>,
}

impl<'a> SpanRows<'a> {
    fn new(layout: &'a Layout, evaluations: Evaluations) -> Self {
        Self {
            layout,
            evaluations,
            rows: 0,
            time: TimestampNanosecondBuilder::new(),
            end_time: TimestampNanosecondBuilder::new(),
            duration_ns: Int64Builder::new(),
            trace_id: StringBuilder::new(),
            span_id: StringBuilder::new(),
            parent_span_id: StringBuilder::new(),
            trace_state: StringBuilder::new(),
            flags: Int64Builder::new(),
            name: StringBuilder::new(),
            kind: StringBuilder::new(),
            status_code: StringBuilder::new(),
            status_message: StringBuilder::new(),
            origin: OriginColumns::default(),
            events: Events::default(),
            links: Links::default(),
            attributes: Attributes::new(layout),
        }
    }

    fn push(&mut self, keys: &mut KeySet, origin: &Origin<'_>, accepted: &Accepted<'_>) {
        let span = accepted.span;
        self.time.append_value(accepted.start);
        self.end_time.append_option(accepted.end);
        self.duration_ns.append_option(accepted.end.and_then(|end| duration(accepted.start, end)));
        self.trace_id.append_value(accepted.trace_id.as_str());
        self.span_id.append_value(accepted.span_id.as_str());
        self.trace_state.append_option(non_empty(&span.trace_state));
        self.flags.append_value(i64::from(span.flags));
        self.name.append_value(&span.name);
        self.kind.append_option(kind(span.kind));
        let status = span.status.as_ref();
        self.status_code.append_value(status_code(status.map_or(0, |status| status.code)));
        self.status_message.append_option(status.and_then(|status| non_empty(&status.message)));
        self.origin.push(origin);
        self.events.push_row(self.rows, &span.events, self.evaluations, &mut self.attributes.large);
        self.links.push_row(&span.links);

        if self.evaluations == Evaluations::AreRows {
            self.attributes.explained(evaluations::explanations(span));
        }
        let facts = Facts { span: Some(span) };
        assign(&mut keys.record, self.layout, &span.attributes, facts, &mut self.attributes);
        self.push_event_messages(&span.events);
        self.push_parent(&span.parent_span_id);
        self.attributes.keep_dropped("otel.dropped_attributes_count", span.dropped_attributes_count);
        self.attributes.keep_dropped("otel.dropped_events_count", span.dropped_events_count);
        self.attributes.keep_dropped("otel.dropped_links_count", span.dropped_links_count);
        self.attributes.inherit(&origin.scope, &span.attributes);
        self.attributes.inherit(origin.resource, &span.attributes);
        self.attributes.end_row();
        self.rows += 1;
    }

    /// Messages that come as events of the span, for each side of which its attributes say nothing.
    fn push_event_messages(&mut self, events: &[Event]) {
        for side in Side::ALL.into_iter().filter(|_| !events.is_empty()) {
            if self.attributes.has_messages(side) {
                continue;
            }
            let of_side = |event: &&Event| Side::of_event(&event.name).is_some_and(|(_, of)| of == side);
            let found = events.iter().filter(of_side);
            let list: Vec<_> = found
                .filter_map(|event| of_event(&event.name, &event.attributes))
                .map(|(_, message)| message)
                .collect();
            if !list.is_empty() {
                self.attributes.messages(side, &serde_json::Value::from(list).to_string());
            }
        }
    }

    fn push_parent(&mut self, bytes: &[u8]) {
        match SpanId::read(bytes) {
            IdField::Valid(id) => self.parent_span_id.append_value(id.as_str()),
            IdField::Absent => self.parent_span_id.append_null(),
            IdField::WrongLength => {
                self.parent_span_id.append_null();
                self.attributes.keep_text("parent_span_id", "otel.parent_span_id", &hex(bytes));
            }
        }
    }

    fn finish(mut self, payloads: &Layout, rejects: Rejects) -> Mapped {
        let mut batch = Batch::new(self.layout, self.rows);
        batch.put("time", |ty| time_array(&mut self.time, ty));
        batch.put("end_time", |ty| time_array(&mut self.end_time, ty));
        let integers = [("duration_ns", &mut self.duration_ns), ("flags", &mut self.flags)];
        for (name, builder) in integers {
            batch.put(name, |_| Arc::new(builder.finish()) as ArrayRef);
        }
        let texts = [
            ("trace_id", &mut self.trace_id),
            ("span_id", &mut self.span_id),
            ("parent_span_id", &mut self.parent_span_id),
            ("trace_state", &mut self.trace_state),
            ("name", &mut self.name),
            ("kind", &mut self.kind),
            ("status_code", &mut self.status_code),
            ("status_message", &mut self.status_message),
        ];
        for (name, builder) in texts {
            batch.put(name, |_| Arc::new(builder.finish()) as ArrayRef);
        }
        batch.put("events", |ty| self.events.finish(ty));
        batch.put("links", |ty| self.links.finish(ty));
        self.origin.finish(&mut batch);
        let (moved, large) = self.attributes.finish(&mut batch);
        let batch = batch.finish();
        let payloads = large.finish(payloads, Signal::Traces, &batch);
        let mut mapped = report("spans", self.layout, self.rows, batch, rejects, moved);
        mapped.batches.extend(payloads.map(|payloads| ("payloads", payloads)));
        mapped
    }
}

/// None for a span that ends before it starts: clocks that were set back measure nothing.
fn duration(start: i64, end: i64) -> Option<i64> {
    end.checked_sub(start).filter(|duration| *duration >= 0)
}

fn kind(kind: i32) -> Option<&'static str> {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Internal) => Some("internal"),
        Ok(SpanKind::Server) => Some("server"),
        Ok(SpanKind::Client) => Some("client"),
        Ok(SpanKind::Producer) => Some("producer"),
        Ok(SpanKind::Consumer) => Some("consumer"),
        Ok(SpanKind::Unspecified) | Err(_) => None,
    }
}

/// Codes that OTLP does not define count as unset, as receivers must treat them.
fn status_code(code: i32) -> &'static str {
    match StatusCode::try_from(code) {
        Ok(StatusCode::Ok) => "ok",
        Ok(StatusCode::Error) => "error",
        Ok(StatusCode::Unset) | Err(_) => "unset",
    }
}
