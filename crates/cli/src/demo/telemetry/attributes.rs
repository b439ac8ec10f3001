//! Attribute values, the resource and the scope that all requests of the bot share.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::demo::bot::{MODELS, Turn};

pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub(super) fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

pub(super) fn double(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

pub(super) fn texts(key: &str, values: &[&str]) -> KeyValue {
    array(key, values.iter().map(|value| Value::StringValue((*value).to_owned())))
}

pub(super) fn doubles(key: &str, values: &[f64]) -> KeyValue {
    array(key, values.iter().map(|value| Value::DoubleValue(*value)))
}

/// What every signal about a call says about it.
pub(super) fn call(turn: &Turn) -> [KeyValue; 3] {
    let model = &MODELS[turn.model];
    [
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", model.provider),
        text("gen_ai.request.model", model.name),
    ]
}

pub(super) fn resource() -> Resource {
    Resource {
        attributes: vec![
            text("service.name", "support-bot"),
            text("service.version", "3.2.0"),
            text("deployment.environment.name", "production"),
        ],
        ..Default::default()
    }
}

pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "support-bot.llm".to_owned(),
        version: "3.2.0".to_owned(),
        ..Default::default()
    }
}

fn array(key: &str, values: impl Iterator<Item = Value>) -> KeyValue {
    let values = values.map(|value| AnyValue { value: Some(value) }).collect();
    attribute(key, Value::ArrayValue(ArrayValue { values }))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
