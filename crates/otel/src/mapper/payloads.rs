//! Values too large for their rows: each becomes a row of `payloads`, and leaves its size and its beginning behind.

use std::{fmt::Write, sync::Arc};

use arrow::{
    array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder, UInt32Array},
    compute::take,
    datatypes::DataType,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};

use crate::{
    any_value::{write_json, write_text},
    columns::time,
    layout::{Batch, Layout},
    messages::Side,
    signal::Signal,
};

/// A value of more bytes than this is a payload.
pub(crate) const INLINE_BYTES_MAX: usize = 4 << 10;
/// How many characters of it stay in the row.
const PREVIEW_CHARS: usize = 200;

/// The columns that the mapping fills.
pub(super) fn built_in() -> Vec<(&'static str, DataType)> {
    vec![
        ("time", time()),
        ("signal", DataType::Utf8),
        ("service_name", DataType::Utf8),
        ("trace_id", DataType::Utf8),
        ("span_id", DataType::Utf8),
        ("event_index", DataType::Int64),
        ("key", DataType::Utf8),
        ("value", DataType::Utf8),
        ("bytes", DataType::Int64),
    ]
}

/// Where the text of an explanation is that is no payload: in the view of this name, in its row of `logs`.
pub(crate) const EVALUATIONS: &str = "evaluations";

/// Whether a value is a payload by its text alone: one that no column takes.
pub(crate) fn is_large(value: &Value) -> bool {
    matches!(value, Value::StringValue(text) if text.len() > INLINE_BYTES_MAX)
}

/// The text of a value that is large by it.
pub(crate) fn large_text(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        Value::StringValue(text) if text.len() > INLINE_BYTES_MAX => Some(text),
        _ => None,
    }
}

/// The payloads of a batch in the making.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    /// The row that each belongs to.
    rows: Vec<u32>,
    /// Rows whose messages are here, with the key.
    own: Vec<(usize, &'static str)>,
    event_index: Int64Builder,
    key: StringBuilder,
    value: StringBuilder,
    bytes: Int64Builder,
}

impl Payloads {
    /// Writes the JSON form of a value to `json`; a value that is too large for its row is taken over, and `json` becomes what the row keeps.
    pub(crate) fn write_or_take(
        &mut self,
        row: usize,
        event_index: Option<usize>,
        key: &str,
        value: Option<&AnyValue>,
        json: &mut String,
    ) {
        json.clear();
        match value.and_then(|any| any.value.as_ref()) {
            Some(Value::StringValue(text)) if text.len() <= INLINE_BYTES_MAX => write_text(json, text),
            Some(Value::StringValue(text)) => {
                self.push(row, event_index, key, text);
                write_left_behind(json, text, None);
            }
            _ => {
                write_json(json, value);
                if json.len() > INLINE_BYTES_MAX {
                    self.push(row, event_index, key, json);
                    let text = std::mem::take(json);
                    write_left_behind(json, &text, None);
                }
            }
        }
    }

    /// Keeps a text beside its row, unless the row's own value of this key is a payload already.
    pub(crate) fn keep(&mut self, row: usize, key: &'static str, text: &str) {
        if !self.has(row, key) {
            self.push(row, None, key, text);
        }
    }

    /// Whether messages of the row that was begun last are here under this key.
    pub(crate) fn has(&self, row: usize, key: &str) -> bool {
        let mut own = self.own.iter().rev().take_while(|(of, _)| *of == row);
        own.any(|(_, taken)| *taken == key)
    }

    fn push(&mut self, row: usize, event_index: Option<usize>, key: &str, text: &str) {
        if event_index.is_none() {
            self.own.extend(
                Side::ALL.map(Side::key).into_iter().find(|side| *side == key).map(|side| (row, side)),
            );
        }
        self.rows.push(u32::try_from(row).expect("a request has fewer rows than bytes"));
        self.event_index.append_option(event_index.and_then(|index| i64::try_from(index).ok()));
        self.key.append_value(key);
        self.value.append_value(text);
        self.bytes.append_value(i64::try_from(text.len()).unwrap_or(i64::MAX));
    }

    /// The rows of `payloads`, with where they come from out of the finished rows.
    pub(crate) fn finish(
        mut self,
        layout: &Layout,
        signal: Signal,
        source: &RecordBatch,
    ) -> Option<RecordBatch> {
        let rows = self.rows.len();
        if rows == 0 {
            return None;
        }
        let places = UInt32Array::from(self.rows);
        let mut batch = Batch::new(layout, rows);
        for name in ["time", "service_name", "trace_id", "span_id"] {
            // a column that no row of the source has is NULL here, too
            if let Some(column) = source.column_by_name(name) {
                batch.put(name, |_| take(column, &places, None).expect("the rows are those of the source"));
            }
        }
        batch.put("signal", |_| {
            let mut signals = StringBuilder::new();
            (0..rows).for_each(|_| signals.append_value(signal.to_string()));
            Arc::new(signals.finish())
        });
        batch.put("event_index", |_| Arc::new(self.event_index.finish()) as ArrayRef);
        batch.put("key", |_| Arc::new(self.key.finish()));
        batch.put("value", |_| Arc::new(self.value.finish()));
        batch.put("bytes", |_| Arc::new(self.bytes.finish()));
        Some(batch.finish())
    }
}

/// Writes what the row keeps of a payload, and the key of the payload that has it where that is another one than its own.
pub(crate) fn write_left_behind(json: &mut String, text: &str, within: Option<&str>) {
    json.clear();
    let end = text.char_indices().nth(PREVIEW_CHARS).map_or(text.len(), |(end, _)| end);
    write!(json, "{{\"$payload\":{{\"bytes\":{},\"preview\":", text.len()).expect("a String takes any text");
    write_text(json, &text[..end]);
    if let Some(key) = within {
        json.push_str(",\"in\":");
        write_text(json, key);
    }
    json.push_str("}}");
}
