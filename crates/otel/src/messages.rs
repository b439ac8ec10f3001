//! What was said to a model and what it answered: one JSON list of messages a side, however many attributes a client spreads it over.
//!
//! The list has the shape of the semantic conventions: `[{"role": "user", "parts": [{"type": "text", "content": "..."}]}]`. What already is such a
//! list stays as it was sent. Each side is taken from the first of these that the span has:
//!
//! 1. `gen_ai.input.messages`, `gen_ai.output.messages`
//! 2. `gen_ai.prompt.0.role`, `gen_ai.completion.0.content` and so on (Traceloop), `llm.input_messages.0.message.role` and so on (OpenInference)
//! 3. `gen_ai.prompt`, `gen_ai.completion`: a text or a JSON list
//! 4. events of the span, and log records, of the names `gen_ai.user.message`, `gen_ai.choice` and so on

mod event;
mod key;

use std::{borrow::Cow, collections::BTreeMap};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::{Map, Value as Json, json};

pub(crate) use event::of_event;
pub(crate) use key::MessageKey;
use key::{Field, Piece};

use crate::any_value::{write_text, write_value};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Input,
    Output,
}

impl Side {
    pub(crate) const ALL: [Self; 2] = [Self::Input, Self::Output];

    /// The key under which the list is kept.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Input => "gen_ai.input.messages",
            Self::Output => "gen_ai.output.messages",
        }
    }

    /// Who speaks where nobody says so.
    fn role(self) -> &'static str {
        match self {
            Self::Input => "user",
            Self::Output => "assistant",
        }
    }
}

/// The attributes of one record that carry messages.
#[derive(Debug, Default)]
pub(crate) struct Messages<'a>(Vec<(MessageKey, Cow<'a, str>)>);

impl<'a> Messages<'a> {
    pub(crate) fn push(&mut self, key: MessageKey, value: &'a Value) {
        let text = match value {
            Value::StringValue(text) => Cow::Borrowed(text.as_str()),
            other => {
                let mut json = String::new();
                write_value(&mut json, other);
                Cow::Owned(json)
            }
        };
        self.0.push((key, text));
    }

    /// The list of one side.
    pub(crate) fn list(&self, side: Side) -> Option<Cow<'_, str>> {
        let of_side = || self.0.iter().filter(move |(key, _)| key.side == side);
        let rank = of_side().map(|(key, _)| key.rank).min()?;
        let mut parts: BTreeMap<u32, Message> = BTreeMap::new();
        for (key, text) in of_side().filter(|(key, _)| key.rank == rank) {
            match key.piece {
                Piece::Canonical if text.trim_start().starts_with('[') => return Some(Cow::Borrowed(text)),
                Piece::Canonical | Piece::Whole => return Some(whole(side, text).into()),
                Piece::Part(index, field) => parts.entry(index).or_default().set(field, text),
            }
        }
        let list: Vec<Json> = parts.into_values().map(|message| message.json(side)).collect();
        Some(Json::from(list).to_string().into())
    }

    /// Whether the list of its side has this text of a key in it, character for character.
    pub(crate) fn holds(&self, key: MessageKey, text: &str) -> bool {
        let of_side = || self.0.iter().filter(|(of, _)| of.side == key.side);
        if of_side().any(|(of, _)| of.rank < key.rank) {
            return false;
        }
        match key.piece {
            Piece::Whole => is_plain(text),
            // of two clients that say the same field of a message the later counts
            Piece::Part(_, Field::Content(_) | Field::ToolCall(..)) => {
                of_side().rfind(|(of, _)| of.piece == key.piece).is_some_and(|(_, counts)| counts == text)
            }
            Piece::Canonical | Piece::Part(..) => false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value that holds all messages: a JSON list of them, or one as plain text.
fn whole(side: Side, text: &str) -> String {
    let json = if is_plain(text) { None } else { serde_json::from_str::<Json>(text).ok() };
    let list: Vec<Json> = match json {
        Some(Json::Array(list)) => list.into_iter().map(|message| normal(side, message)).collect(),
        Some(message @ Json::Object(_)) => vec![normal(side, message)],
        _ => return plain_list(side.role(), text),
    };
    Json::from(list).to_string()
}

/// The list of one plain text, without a copy in between: it may be long.
fn plain_list(role: &str, text: &str) -> String {
    let mut list = String::with_capacity(text.len() + text.len() / 16 + 80);
    list.push_str(r#"[{"parts":[{"content":"#);
    write_text(&mut list, text);
    list.push_str(r#","type":"text"}],"role":"#);
    write_text(&mut list, role);
    list.push_str("}]");
    list
}

/// Whether a text can be no JSON list and no object.
fn is_plain(text: &str) -> bool {
    !text.trim_start().starts_with(['[', '{'])
}

/// A message of the chat API, `{"role": ..., "content": ...}`, as one of the conventions. What is neither stays.
fn normal(side: Side, message: Json) -> Json {
    match message {
        Json::Object(message) if !message.contains_key("parts") && message.contains_key("content") => {
            let role = message.get("role").cloned().unwrap_or_else(|| side.role().into());
            let mut parts = content_parts(message.get("content"));
            parts.extend(
                message.get("tool_calls").and_then(Json::as_array).into_iter().flatten().map(tool_call),
            );
            let mut normal = Map::from_iter([("role".to_owned(), role), ("parts".to_owned(), parts.into())]);
            if let Some(reason) = message.get("finish_reason") {
                normal.insert("finish_reason".to_owned(), reason.clone());
            }
            normal.into()
        }
        Json::String(text) => plain(side.role(), &text),
        other => other,
    }
}

/// The parts of `content`: a text, or a list of typed parts.
fn content_parts(content: Option<&Json>) -> Vec<Json> {
    match content {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(parts)) => parts
            .iter()
            .map(|part| match part.get("text") {
                Some(text) => json!({"type": "text", "content": text}),
                None => part.clone(),
            })
            .collect(),
        Some(content) => vec![json!({"type": "text", "content": content})],
    }
}

/// A call as the chat API writes it.
fn tool_call(call: &Json) -> Json {
    let of_function = |name| call.get("function").and_then(|function| function.get(name));
    json!({"type": "tool_call", "id": call.get("id"), "name": of_function("name"), "arguments": of_function("arguments")})
}

fn plain(role: &str, text: &str) -> Json {
    json!({"role": role, "parts": [{"type": "text", "content": text}]})
}

/// One message out of flattened attributes.
#[derive(Debug, Default)]
struct Message {
    role: Option<String>,
    finish_reason: Option<String>,
    /// By the place of the part; the plain content comes first.
    texts: BTreeMap<Option<u32>, String>,
    calls: BTreeMap<u32, Map<String, Json>>,
    /// The call that this message answers.
    answers: Option<String>,
}

impl Message {
    fn set(&mut self, field: Field, text: &str) {
        let text = text.to_owned();
        match field {
            Field::Role => self.role = Some(text),
            Field::FinishReason => self.finish_reason = Some(text),
            Field::Content(part) => drop(self.texts.insert(part, text)),
            Field::ToolCall(call, name) => {
                self.calls.entry(call).or_default().insert(name.to_owned(), text.into());
            }
            Field::ToolCallId => self.answers = Some(text),
        }
    }

    fn json(self, side: Side) -> Json {
        let answers = self.answers;
        let mut parts: Vec<Json> = Vec::new();
        for text in self.texts.into_values() {
            parts.push(match &answers {
                Some(id) => json!({"type": "tool_call_response", "id": id, "response": text}),
                None => json!({"type": "text", "content": text}),
            });
        }
        for mut call in self.calls.into_values() {
            call.insert("type".to_owned(), "tool_call".into());
            parts.push(call.into());
        }
        let role = self.role.unwrap_or_else(|| side.role().to_owned());
        let mut message =
            Map::from_iter([("role".to_owned(), Json::from(role)), ("parts".to_owned(), parts.into())]);
        if let Some(reason) = self.finish_reason {
            message.insert("finish_reason".to_owned(), reason.into());
        }
        message.into()
    }
}

#[cfg(test)]
mod tests;
