//! Log records and events: one row each.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder},
    datatypes::DataType,
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, any_value::Value},
    logs::v1::LogRecord,
};

use super::{InheritedBudget, Mapped, Rejects, report};
use crate::{
    any_value::write_value,
    attributes::{Attributes, Facts, KeySet, Origin, OriginColumns, ResourceOrigin, Sink, assign, non_empty},
    columns::{map_of_text, time, time_array},
    evaluations,
    ids::{IdField, SpanId, TraceId, hex, time_ns},
    layout::{Batch, Layout},
    messages::of_event,
    signal::Signal,
};

/// The columns that the mapping itself fills.
pub(super) fn built_in() -> Vec<(&'static str, DataType)> {
    vec![
        ("time", time()),
        ("observed_time", time()),
        ("severity_number", DataType::Int32),
        ("severity_text", DataType::Utf8),
        ("event_name", DataType::Utf8),
        ("body", DataType::Utf8),
        ("trace_id", DataType::Utf8),
        ("span_id", DataType::Utf8),
        ("flags", DataType::Int64),
        ("service_name", DataType::Utf8),
        ("scope_name", DataType::Utf8),
        ("scope_version", DataType::Utf8),
        ("schema_url", DataType::Utf8),
        ("attributes", map_of_text()),
    ]
}

pub(super) fn map(
    layout: &Layout,
    payloads: &Layout,
    keys: &mut KeySet,
    request: &ExportLogsServiceRequest,
) -> Mapped {
    let mut rows = LogRows::new(layout);
    let mut rejects = Rejects::default();
    let mut budget = InheritedBudget::default();
    for group in &request.resource_logs {
        let resource = ResourceOrigin::new(layout, keys, group.resource.as_ref(), &group.schema_url);
        for group in &group.scope_logs {
            let origin = resource.scope(layout, keys, group.scope.as_ref(), &group.schema_url);
            for record in &group.log_records {
                let accepted = Times::of(record).and_then(|times| budget.spend(&origin).map(|()| times));
                match accepted {
                    Ok(times) => rows.push(keys, &origin, record, times),
                    Err(reason) => rejects.add(reason, 1),
                }
            }
        }
    }
    rows.finish(payloads, rejects)
}

/// When a record happened and when it was seen.
#[derive(Debug, Clone, Copy)]
struct Times {
    time: i64,
    observed: Option<i64>,
}

impl Times {
    /// A record without its own time takes the time at which it was observed, as the log data model recommends.
    fn of(record: &LogRecord) -> Result<Self, &'static str> {
        let time = time_ns(record.time_unix_nano).map_err(|_| "log record: time is after 2262-04-11")?;
        let observed = time_ns(record.observed_time_unix_nano);
        let observed = observed.map_err(|_| "log record: observed time is after 2262-04-11")?;
        let time = time.or(observed).ok_or("log record: neither time nor observed time")?;
        Ok(Self { time, observed })
    }
}

struct LogRows<'a> {
    layout: &'a Layout,
    rows: usize,
    time: TimestampNanosecondBuilder,
    observed_time: TimestampNanosecondBuilder,
    severity_number: Int32Builder,
    severity_text: StringBuilder,
    event_name: StringBuilder,
    body: StringBuilder,
    trace_id: StringBuilder,
    span_id: StringBuilder,
    flags: Int64Builder,
    origin: OriginColumns,
    attributes: Attributes<'a>,
    json: String,
}

impl<'a> LogRows<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            rows: 0,
            time: TimestampNanosecondBuilder::new(),
            observed_time: TimestampNanosecondBuilder::new(),
            severity_number: Int32Builder::new(),
            severity_text: StringBuilder::new(),
            event_name: StringBuilder::new(),
            body: StringBuilder::new(),
            trace_id: StringBuilder::new(),
            span_id: StringBuilder::new(),
            flags: Int64Builder::new(),
            origin: OriginColumns::default(),
            attributes: Attributes::new(layout),
            json: String::new(),
        }
    }

    fn push(&mut self, keys: &mut KeySet, origin: &Origin<'_>, record: &LogRecord, times: Times) {
        self.time.append_value(times.time);
        self.observed_time.append_option(times.observed);
        // 0 is unspecified
        self.severity_number.append_option((record.severity_number != 0).then_some(record.severity_number));
        self.severity_text.append_option(non_empty(&record.severity_text));
        let name = event_name(record);
        self.event_name.append_option(name);
        self.push_body(record.body.as_ref());
        self.flags.append_value(i64::from(record.flags));
        self.origin.push(origin);

        if name.is_some_and(evaluations::is_event) {
            self.attributes.take_large_in_columns();
        }
        assign(&mut keys.record, self.layout, &record.attributes, Facts::default(), &mut self.attributes);
        self.push_message(name, record.body.as_ref());
        self.push_ids(record);
        self.attributes.keep_dropped("otel.dropped_attributes_count", record.dropped_attributes_count);
        self.attributes.inherit(&origin.scope, &record.attributes);
        self.attributes.inherit(origin.resource, &record.attributes);
        self.attributes.end_row();
        self.rows += 1;
    }

    fn push_body(&mut self, body: Option<&AnyValue>) {
        match body.and_then(|body| body.value.as_ref()) {
            None => self.body.append_null(),
            Some(Value::StringValue(text)) => self.body.append_value(text),
            Some(structured) => {
                self.json.clear();
                write_value(&mut self.json, structured);
                self.body.append_value(&self.json);
            }
        }
    }

    /// The message that an event of older conventions is.
    fn push_message(&mut self, name: Option<&str>, body: Option<&AnyValue>) {
        let Some(Value::KvlistValue(body)) = body.and_then(|body| body.value.as_ref()) else { return };
        let message = name.and_then(|name| of_event(name, &body.values));
        if let Some((side, message)) = message {
            self.attributes.messages(side, &serde_json::Value::from(vec![message]).to_string());
        }
    }

    fn push_ids(&mut self, record: &LogRecord) {
        match TraceId::read(&record.trace_id) {
            IdField::Valid(id) => self.trace_id.append_value(id.as_str()),
            IdField::Absent => self.trace_id.append_null(),
            IdField::WrongLength => {
                self.trace_id.append_null();
                self.attributes.keep_text("trace_id", "otel.trace_id", &hex(&record.trace_id));
            }
        }
        match SpanId::read(&record.span_id) {
            IdField::Valid(id) => self.span_id.append_value(id.as_str()),
            IdField::Absent => self.span_id.append_null(),
            IdField::WrongLength => {
                self.span_id.append_null();
                self.attributes.keep_text("span_id", "otel.span_id", &hex(&record.span_id));
            }
        }
    }

    fn finish(mut self, payloads: &Layout, rejects: Rejects) -> Mapped {
        let mut batch = Batch::new(self.layout, self.rows);
        batch.put("time", |ty| time_array(&mut self.time, ty));
        batch.put("observed_time", |ty| time_array(&mut self.observed_time, ty));
        batch.put("severity_number", |_| Arc::new(self.severity_number.finish()));
        batch.put("flags", |_| Arc::new(self.flags.finish()));
        let texts = [
            ("severity_text", &mut self.severity_text),
            ("event_name", &mut self.event_name),
            ("body", &mut self.body),
            ("trace_id", &mut self.trace_id),
            ("span_id", &mut self.span_id),
        ];
        for (name, builder) in texts {
            batch.put(name, |_| Arc::new(builder.finish()) as ArrayRef);
        }
        self.origin.finish(&mut batch);
        let (moved, large) = self.attributes.finish(&mut batch);
        let batch = batch.finish();
        let payloads = large.finish(payloads, Signal::Logs, &batch);
        let mut mapped = report("logs", self.layout, self.rows, batch, rejects, moved);
        mapped.batches.extend(payloads.map(|payloads| ("payloads", payloads)));
        mapped
    }
}

/// The event's name: the field, or the attribute `event.name` that clients used before the field existed.
pub(crate) fn event_name(record: &LogRecord) -> Option<&str> {
    let old = || {
        let attribute = record.attributes.iter().find(|attribute| attribute.key == "event.name")?;
        match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(name) => non_empty(name),
            _ => None,
        }
    };
    non_empty(&record.event_name).or_else(old)
}
