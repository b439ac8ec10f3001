//! Applying a line of the alias table to a value.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value};

use super::Transform;

/// A value on its way to its canonical attribute; `None` when the alias has nothing to say for this value.
pub(crate) type Transformed<'a> = Option<Cow<'a, Value>>;

/// What an alias reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Value(&'a Value),
    /// Nanoseconds from the span's start to an event.
    Elapsed(i64),
}

impl Transform {
    /// The value that the canonical attribute gets. `json` keeps the last text that was read as JSON, because one text serves many lines.
    pub(crate) fn apply<'a>(&self, source: Source<'a>, json: &mut JsonMemo<'a>) -> Transformed<'a> {
        let value = match (self, source) {
            (Self::SinceStart, Source::Elapsed(ns)) => {
                return Some(Cow::Owned(Value::DoubleValue(ns as f64 / 1e9)));
            }
            (Self::SinceStart, Source::Value(_)) | (_, Source::Elapsed(_)) => return None,
            (_, Source::Value(value)) => value,
        };
        match (self, value) {
            (Self::AsIs | Self::SinceStart, _) => Some(Cow::Borrowed(value)),
            (Self::Values(set), Value::StringValue(text)) => {
                let canonical = set.canonical(text)?;
                Some(if canonical == text { Cow::Borrowed(value) } else { text_value(canonical) })
            }
            (Self::JsonMember(member), Value::StringValue(text)) => from_json(json.read(text)?.get(*member)?),
            (Self::Array, Value::ArrayValue(_)) => Some(Cow::Borrowed(value)),
            (Self::Array, _) => {
                let values = vec![AnyValue { value: Some(value.clone()) }];
                Some(Cow::Owned(Value::ArrayValue(ArrayValue { values })))
            }
            (Self::Number, Value::IntValue(_) | Value::DoubleValue(_)) => Some(Cow::Borrowed(value)),
            (Self::Number, Value::BoolValue(value)) => number(f64::from(u8::from(*value))),
            (Self::Number, Value::StringValue(text)) => {
                text.trim().parse().ok().filter(|value: &f64| value.is_finite()).and_then(number)
            }
            (Self::Milliseconds, Value::IntValue(ms)) => {
                Some(Cow::Owned(Value::DoubleValue(*ms as f64 / 1e3)))
            }
            (Self::Milliseconds, Value::DoubleValue(ms)) => Some(Cow::Owned(Value::DoubleValue(ms / 1e3))),
            (Self::Values(_) | Self::JsonMember(_) | Self::Number | Self::Milliseconds, _) => None,
        }
    }
}

/// The text last read as JSON, and what it held.
#[derive(Debug, Default)]
pub(crate) struct JsonMemo<'a>(Option<(&'a str, Option<serde_json::Value>)>);

impl<'a> JsonMemo<'a> {
    fn read(&mut self, text: &'a str) -> Option<&serde_json::Value> {
        if !self.0.as_ref().is_some_and(|(last, _)| std::ptr::eq(*last, text)) {
            self.0 = Some((text, serde_json::from_str(text).ok()));
        }
        self.0.as_ref().and_then(|(_, value)| value.as_ref())
    }
}

fn number(value: f64) -> Transformed<'static> {
    Some(Cow::Owned(Value::DoubleValue(value)))
}

fn text_value(text: &str) -> Cow<'static, Value> {
    Cow::Owned(Value::StringValue(text.to_string()))
}

/// A single JSON value as an attribute value; arrays, objects and null say nothing.
fn from_json(value: &serde_json::Value) -> Transformed<'static> {
    match value {
        serde_json::Value::String(text) => Some(text_value(text)),
        serde_json::Value::Bool(value) => Some(Cow::Owned(Value::BoolValue(*value))),
        serde_json::Value::Number(number) => {
            let value = number.as_i64().map(Value::IntValue).or(number.as_f64().map(Value::DoubleValue));
            value.map(Cow::Owned)
        }
        _ => None,
    }
}
