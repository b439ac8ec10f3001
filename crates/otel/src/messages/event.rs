//! Messages that come as events: one message each, as the conventions had them before 1.37.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use serde_json::Value as Json;

use super::{Side, normal};
use crate::any_value::write_value;

/// The events that are messages, with their side and who speaks.
const EVENTS: [(&str, Side, &str); 5] = [
    ("gen_ai.system.message", Side::Input, "system"),
    ("gen_ai.user.message", Side::Input, "user"),
    ("gen_ai.assistant.message", Side::Input, "assistant"),
    ("gen_ai.tool.message", Side::Input, "tool"),
    ("gen_ai.choice", Side::Output, "assistant"),
];
/// What makes up a message, in the body of a log record or the attributes of a span's event.
const FIELDS: [&str; 4] = ["content", "role", "tool_calls", "finish_reason"];
/// A field that holds a message with these.
const MESSAGE: &str = "message";
/// Fields in which some clients have the same, of which no message is made.
const OTHER_FIELDS: [&str; 1] = ["gen_ai_event_content"];

impl Side {
    /// The side that an event of this name is a message of, with the name as it is known.
    pub(crate) fn of_event(name: &str) -> Option<(&'static str, Self)> {
        EVENTS.iter().find(|(event, ..)| *event == name).map(|(event, side, _)| (*event, *side))
    }

    /// The side that an attribute of such an event is about whose column has this name.
    pub(crate) fn of_event_field(event: &str, column: &str) -> Option<Self> {
        let is_field = column == MESSAGE || FIELDS.contains(&column) || OTHER_FIELDS.contains(&column);
        Self::of_event(event).filter(|_| is_field).map(|(_, side)| side)
    }
}

/// The one message of an event, with its side; `fields` is the body of a log record or the attributes of a span's event.
pub(crate) fn of_event(name: &str, fields: &[KeyValue]) -> Option<(Side, Json)> {
    let &(_, side, role) = EVENTS.iter().find(|(event, ..)| *event == name)?;
    let mut message = serde_json::Map::new();
    for field in fields {
        let Some(value) = field.value.as_ref().and_then(|any| any.value.as_ref()) else { continue };
        let value = json_of(value);
        match (field.key.as_str(), value) {
            // a choice holds the message in a field of its own
            (MESSAGE, Json::Object(inner)) => message.extend(inner),
            (MESSAGE, text) => drop(message.insert("content".to_owned(), text)),
            (key, value) if FIELDS.contains(&key) => drop(message.insert(key.to_owned(), value)),
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
