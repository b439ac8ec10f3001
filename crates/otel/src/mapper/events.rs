//! Lists of structs inside a row: span events, span links and exemplars.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, Float64Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder},
    datatypes::DataType,
};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue},
    metrics::v1::{Exemplar, exemplar},
    trace::v1::span::{Event, Link},
};

use super::{
    Evaluations,
    payloads::{EVALUATIONS, Payloads, large_text, write_left_behind},
};
use crate::{
    any_value::write_json,
    attributes::non_empty,
    columns::{
        ListColumn, MapColumn, field_type, item_type, list_array, list_of, map_of_text, struct_array,
        struct_of, time, time_array,
    },
    evaluations::{EXPLANATION, is_event},
    ids::{IdField, SpanId, TraceId, hex, time_ns},
};

/// Lists up to this length are searched for repeated keys, longer ones hashed.
const SEARCHED_MAX: usize = 16;

/// Adds attributes to the current row of a map; a key that comes again gets `#2`, `#3`.
pub(super) fn push_attributes(map: &mut MapColumn, attributes: &[KeyValue], json: &mut String) {
    push_written(map, attributes, json, |_, value, json| {
        json.clear();
        write_json(json, value);
    });
}

/// The same, with the JSON that `write` makes of a key and its value.
fn push_written(
    map: &mut MapColumn,
    attributes: &[KeyValue],
    json: &mut String,
    mut write: impl FnMut(&str, Option<&AnyValue>, &mut String),
) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (i, attribute) in attributes.iter().enumerate() {
        let count = if attributes.len() <= SEARCHED_MAX {
            1 + attributes[..i].iter().filter(|earlier| earlier.key == attribute.key).count()
        } else {
            *counts.entry(&attribute.key).and_modify(|count| *count += 1).or_insert(1)
        };
        let key = match count {
            1 => Cow::Borrowed(attribute.key.as_str()),
            count => Cow::Owned(format!("{}#{count}", attribute.key)),
        };
        write(&key, attribute.value.as_ref(), json);
        map.push(&key, json);
    }
}

fn push_dropped(map: &mut MapColumn, count: u32) {
    if count > 0 {
        map.push("otel.dropped_attributes_count", &count.to_string());
    }
}

/// A time, or NULL with the number kept in the attributes when no timestamp can hold it.
fn push_time(times: &mut TimestampNanosecondBuilder, map: &mut MapColumn, unix_nano: u64) {
    match time_ns(unix_nano) {
        Ok(time) => times.append_option(time),
        Err(_) => {
            times.append_null();
            map.push("otel.time_unix_nano", &unix_nano.to_string());
        }
    }
}

/// An id, or NULL with the bytes kept in the attributes when it has a wrong length.
fn push_id<const N: usize, const M: usize>(
    ids: &mut StringBuilder,
    map: &mut MapColumn,
    id: IdField<crate::ids::Id<N, M>>,
    key: &str,
    bytes: &[u8],
) {
    match id {
        IdField::Valid(id) => ids.append_value(id.as_str()),
        IdField::Absent => ids.append_null(),
        IdField::WrongLength => {
            ids.append_null();
            map.push(key, &format!("\"{}\"", hex(bytes)));
        }
    }
}

/// The column `events`.
#[derive(Default)]
pub(super) struct Events {
    lists: ListColumn,
    time: TimestampNanosecondBuilder,
    name: StringBuilder,
    attributes: MapColumn,
    count: usize,
    json: String,
}

impl Events {
    pub(super) fn ty() -> DataType {
        list_of(struct_of(&[("time", time()), ("name", DataType::Utf8), ("attributes", map_of_text())]))
    }

    pub(super) fn push_row(
        &mut self,
        row: usize,
        events: &[Event],
        evaluations: Evaluations,
        large: &mut Payloads,
    ) {
        for (index, event) in events.iter().enumerate() {
            let is_row = evaluations == Evaluations::AreRows && is_event(&event.name);
            self.name.append_option(non_empty(&event.name));
            push_written(&mut self.attributes, &event.attributes, &mut self.json, |key, value, json| {
                match large_text(value).filter(|_| is_row && key == EXPLANATION) {
                    Some(text) => write_left_behind(json, text, Some(EVALUATIONS)),
                    None => large.write_or_take(row, Some(index), key, value, json),
                }
            });
            push_dropped(&mut self.attributes, event.dropped_attributes_count);
            push_time(&mut self.time, &mut self.attributes, event.time_unix_nano);
            self.attributes.end_row();
        }
        self.count += events.len();
        self.lists.end_row(self.count);
    }

    pub(super) fn finish(&mut self, ty: &DataType) -> ArrayRef {
        let item = item_type(ty);
        let children = vec![
            time_array(&mut self.time, field_type(item, 0)),
            Arc::new(self.name.finish()),
            self.attributes.finish(field_type(item, 2)),
        ];
        list_array(&mut self.lists, struct_array(item, None, children), ty)
    }
}

/// The column `links`.
#[derive(Default)]
pub(super) struct Links {
    lists: ListColumn,
    trace_id: StringBuilder,
    span_id: StringBuilder,
    trace_state: StringBuilder,
    flags: Int64Builder,
    attributes: MapColumn,
    count: usize,
    json: String,
}

impl Links {
    pub(super) fn ty() -> DataType {
        list_of(struct_of(&[
            ("trace_id", DataType::Utf8),
            ("span_id", DataType::Utf8),
            ("trace_state", DataType::Utf8),
            ("flags", DataType::Int64),
            ("attributes", map_of_text()),
        ]))
    }

    pub(super) fn push_row(&mut self, links: &[Link]) {
        for link in links {
            let map = &mut self.attributes;
            push_attributes(map, &link.attributes, &mut self.json);
            push_dropped(map, link.dropped_attributes_count);
            push_id(&mut self.trace_id, map, TraceId::read(&link.trace_id), "otel.trace_id", &link.trace_id);
            push_id(&mut self.span_id, map, SpanId::read(&link.span_id), "otel.span_id", &link.span_id);
            self.trace_state.append_option(non_empty(&link.trace_state));
            self.flags.append_value(i64::from(link.flags));
            self.attributes.end_row();
        }
        self.count += links.len();
        self.lists.end_row(self.count);
    }

    pub(super) fn finish(&mut self, ty: &DataType) -> ArrayRef {
        let item = item_type(ty);
        let children: Vec<ArrayRef> = vec![
            Arc::new(self.trace_id.finish()),
            Arc::new(self.span_id.finish()),
            Arc::new(self.trace_state.finish()),
            Arc::new(self.flags.finish()),
            self.attributes.finish(field_type(item, 4)),
        ];
        list_array(&mut self.lists, struct_array(item, None, children), ty)
    }
}

/// The column `exemplars`.
#[derive(Default)]
pub(super) struct Exemplars {
    lists: ListColumn,
    time: TimestampNanosecondBuilder,
    value: Float64Builder,
    trace_id: StringBuilder,
    span_id: StringBuilder,
    attributes: MapColumn,
    count: usize,
    json: String,
}

impl Exemplars {
    pub(super) fn ty() -> DataType {
        list_of(struct_of(&[
            ("time", time()),
            ("value", DataType::Float64),
            ("trace_id", DataType::Utf8),
            ("span_id", DataType::Utf8),
            ("attributes", map_of_text()),
        ]))
    }

    pub(super) fn push_row(&mut self, exemplars: &[Exemplar]) {
        for exemplar in exemplars {
            let map = &mut self.attributes;
            push_attributes(map, &exemplar.filtered_attributes, &mut self.json);
            push_time(&mut self.time, map, exemplar.time_unix_nano);
            push_id(
                &mut self.trace_id,
                map,
                TraceId::read(&exemplar.trace_id),
                "otel.trace_id",
                &exemplar.trace_id,
            );
            push_id(
                &mut self.span_id,
                map,
                SpanId::read(&exemplar.span_id),
                "otel.span_id",
                &exemplar.span_id,
            );
            self.value.append_option(exemplar.value.map(|value| match value {
                exemplar::Value::AsDouble(value) => value,
                exemplar::Value::AsInt(value) => value as f64,
            }));
            self.attributes.end_row();
        }
        self.count += exemplars.len();
        self.lists.end_row(self.count);
    }

    pub(super) fn finish(&mut self, ty: &DataType) -> ArrayRef {
        let item = item_type(ty);
        let children: Vec<ArrayRef> = vec![
            time_array(&mut self.time, field_type(item, 0)),
            Arc::new(self.value.finish()),
            Arc::new(self.trace_id.finish()),
            Arc::new(self.span_id.finish()),
            self.attributes.finish(field_type(item, 4)),
        ];
        list_array(&mut self.lists, struct_array(item, None, children), ty)
    }
}
