//! Messages that come as events: one message each, as the conventions had them before 1.37.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use serde_json::Value as Json;

use super::{Side, normal};
use crate::any_value::write_value;

/// The one message of an event, with its side; `fields` is the body of a log record or the attributes of a span's event.
pub(crate) fn of_event(name: &str, fields: &[KeyValue]) -> Option<(Side, Json)> {
    let (side, role) = match name {
        "gen_ai.system.message" => (Side::Input, "system"),
        "gen_ai.user.message" => (Side::Input, "user"),
        "gen_ai.assistant.message" => (Side::Input, "assistant"),
        "gen_ai.tool.message" => (Side::Input, "tool"),
        "gen_ai.choice" => (Side::Output, "assistant"),
        _ => return None,
    };
    let mut message = serde_json::Map::new();
    for field in fields {
        let Some(value) = field.value.as_ref().and_then(|any| any.value.as_ref()) else { continue };
        let value = json_of(value);
        match (field.key.as_str(), value) {
            // a choice holds the message in a field of its own
            ("message", Json::Object(inner)) => message.extend(inner),
            ("message", text) => drop(message.insert("content".to_owned(), text)),
            ("content" | "role" | "tool_calls" | "finish_reason", value) => {
                message.insert(field.key.clone(), value);
            }
            _ => {}
        }
    }
    if message.is_empty() {
        return None;
    }
    message.entry("role").or_insert_with(|| role.into());
    message.entry("content").or_insert(Json::Null);
    Some((side, normal(side, message.into())))
}

fn json_of(value: &Value) -> Json {
    let mut json = String::new();
    write_value(&mut json, value);
    // what this crate has written is JSON
    serde_json::from_str(&json).unwrap_or(Json::Null)
}
