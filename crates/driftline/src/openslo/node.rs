//! YAML as a tree that knows where everything stands.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_saphyr::Spanned;

use crate::error::{Error, Result};

/// Line and column, from 1 on; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// A value and where it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// How a number or a truth is written: a label `1.10` is that text.
    text: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Reads a stream of documents; empty ones are left out.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Node>> {
    let documents = serde_saphyr::from_multiple::<Spanned<Value>>(text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        let message = error.without_snippet().to_string();
        Error::invalid(format!("{file}{place}: this is no YAML: {message}"))
    })?;
    let mut nodes: Vec<Node> = documents.into_iter().map(Node::from).collect();
    let lines: Vec<&str> = text.lines().collect();
    nodes.iter_mut().for_each(|node| node.keep_text(&lines));
    nodes.retain(|node| node.value != Value::Null);
    Ok(nodes)
}

/// Writes a stream of documents.
pub(super) fn render(documents: &[Node]) -> Result<String> {
    serde_saphyr::to_string_multiple(documents)
        .map_err(|error| Error::invalid(format!("cannot write YAML: {error}")))
}

impl Node {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { value: Value::Text(text.into()), ..Self::default() }
    }

    pub(super) fn number(number: f64) -> Self {
        Self { value: Value::Number(number), ..Self::default() }
    }

    pub(super) fn bool(value: bool) -> Self {
        Self { value: Value::Bool(value), ..Self::default() }
    }

    pub(super) fn list(nodes: Vec<Self>) -> Self {
        Self { value: Value::List(nodes), ..Self::default() }
    }

    pub(super) fn map<N: Into<String>>(entries: impl IntoIterator<Item = (N, Self)>) -> Self {
        let entries = entries.into_iter().map(|(name, node)| (name.into(), node));
        Self { value: Value::Map(entries.collect()), ..Self::default() }
    }

    /// The value under a name, where this is a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(known, _)| known == name).map(|(_, node)| node),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar as it is written, where a text is meant.
    pub(super) fn name(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(self.text.clone().unwrap_or_else(|| number.to_string())),
            Value::Bool(value) => Some(self.text.clone().unwrap_or_else(|| value.to_string())),
            _ => None,
        }
    }

    /// The same with another value, and nowhere in a file.
    pub(super) fn saying(&self, value: Value) -> Self {
        Self { place: Place::default(), value, text: self.text.clone() }
    }

    /// Looks up how numbers and truths are written.
    fn keep_text(&mut self, lines: &[&str]) {
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.keep_text(lines)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.keep_text(lines)),
            Value::Number(_) | Value::Bool(_) => self.text = written(self.place, lines),
            Value::Null | Value::Text(_) => {}
        }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }
}

/// The plain scalar that begins at a place.
fn written(place: Place, lines: &[&str]) -> Option<String> {
    let before = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
    let line = lines.get(before(place.line)?)?;
    let from: String = line.chars().skip(before(place.column)?).collect();
    let end = from.find([',', '}', ']', '#', ' ', '\t']).unwrap_or(from.len());
    let text = from[..end].trim().to_owned();
    (!text.is_empty() && !text.starts_with(['*', '&', '!'])).then_some(text)
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        let at = spanned.referenced;
        Self { place: Place { line: at.line(), column: at.column() }, value: spanned.value, text: None }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(item.into());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = vec![];
        while let Some((name, value)) = entries.next_entry::<String, Spanned<Value>>()? {
            map.push((name, value.into()));
        }
        Ok(Value::Map(map))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            // whole numbers as people write them
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                serializer.serialize_i64(*number as i64)
            }
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (name, node) in entries {
                    match node.name().filter(|_| !NUMERIC.contains(&name.as_str())) {
                        Some(text) => map.serialize_entry(name, &Scalar(node, &text))?,
                        None => map.serialize_entry(name, node)?,
                    }
                }
                map.end()
            }
        }
    }
}

/// Fields that are numbers, however they are written.
const NUMERIC: [&str; 6] = ["target", "targetPercent", "timeSliceTarget", "value", "threshold", "objective"];

/// A scalar that may be a text that looks like a number: as a number only where that is how it is written.
struct Scalar<'a>(&'a Node, &'a str);

impl Serialize for Scalar<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(node, text) = self;
        let is_as_written = match &node.value {
            Value::Number(number) => number.to_string() == *text,
            Value::Bool(value) => value.to_string() == *text,
            _ => false,
        };
        if is_as_written { node.serialize(serializer) } else { serializer.serialize_str(text) }
    }
}
