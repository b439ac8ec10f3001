//! OTLP/JSON bodies, read tolerantly.
//!
//! The generated serde code refuses a whole request for what clients really send (`"doubleValue": "NaN"`, `"arrayValue": {}`, a null parent id,
//! names of enums) and drops metrics without a word, so this reader goes from JSON values to messages itself, item by item: an item that
//! cannot be read is counted with its reason, unknown members are skipped, and `null` means absent everywhere.
//!
//! A double that is `null` is how JavaScript writes NaN and the infinities: the attribute is kept with an empty value, a data point without
//! a recorded value.

mod common;
mod doubles;
mod logs;
mod metrics;
mod object;
mod spans;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    groups::{Group, Item, Scoped},
    mapper::Rejects,
    signal::Signal,
};
use object::{Object, Read, kind_of};

/// A message that can be read from JSON.
pub(crate) trait JsonItem: Item {
    /// The member of a resource group that holds its scopes.
    const SCOPES: &str;
    /// The member of a scope that holds its items.
    const ITEMS: &str;

    /// Reads one item; parts of it that are rows of their own are counted in `rejects` when they cannot be read.
    fn read(value: &Value, rejects: &mut Rejects) -> Read<Self>;

    /// How many rows an item that cannot be read would have been.
    fn rows(_value: &Value) -> u64 {
        1
    }
}

/// Reads a request.
///
/// # Errors
/// `Invalid` when the body is not JSON (with the offset), or no request of this signal.
pub(crate) fn decode<T: JsonItem>(body: &[u8], rejects: &mut Rejects) -> Result<T::Request> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let value: Value = match serde_json::from_slice(&doubles::quoted(body)) {
        Ok(value) => value,
        Err(error) => return Err(not_json(body, error)),
    };
    let groups = top_level(&value, T::SIGNAL)?;
    let groups = groups.iter().enumerate().filter(|(_, group)| !group.is_null());
    let read = groups.filter_map(|(i, group)| match read_group::<T>(group, rejects) {
        Ok(group) => Some(group),
        Err(reason) => {
            rejects.add(&format!("{}[{i}]: {reason}", T::SIGNAL.json_key()), rows_in::<T>(group).max(1));
            None
        }
    });
    Ok(T::request(read.collect()))
}

/// The resource groups of a body. An empty object is an empty request.
fn top_level(value: &Value, signal: Signal) -> Result<&[Value]> {
    let key = signal.json_key();
    let Value::Object(object) = value else {
        return Err(not_otlp(signal, &format!("expected an object with {key:?}, got {}", kind_of(value))));
    };
    match object.get(key) {
        Some(Value::Array(groups)) => return Ok(groups),
        Some(Value::Null) => return Ok(&[]),
        Some(other) => {
            return Err(not_otlp(signal, &format!("{key}: expected an array, got {}", kind_of(other))));
        }
        None if object.is_empty() => return Ok(&[]),
        None => {}
    }
    let other = Signal::ALL.into_iter().find(|other| object.contains_key(other.json_key()));
    Err(match other {
        Some(other) => not_otlp(signal, &format!("it has {:?}, so it carries {other}", other.json_key())),
        None => {
            let keys: Vec<&str> = object.keys().map(String::as_str).take(5).collect();
            not_otlp(signal, &format!("expected the member {key:?}, got {}", keys.join(", ")))
        }
    })
}

fn read_group<T: JsonItem>(value: &Value, rejects: &mut Rejects) -> Read<Group<T>> {
    let group = Object::new(value, "resource group")?;
    let resource = group.get("resource").map(common::resource).transpose()?;
    let schema_url = group.text("schemaUrl")?;
    let mut scopes = Vec::new();
    for (i, scope) in group.list(T::SCOPES)?.iter().enumerate().filter(|(_, scope)| !scope.is_null()) {
        match read_scope::<T>(scope, rejects) {
            Ok(scope) => scopes.push(scope),
            Err(reason) => {
                rejects.add(&format!("{}[{i}]: {reason}", T::SCOPES), items_in::<T>(scope).max(1));
            }
        }
    }
    Ok(Group { resource, schema_url, scopes })
}

fn read_scope<T: JsonItem>(value: &Value, rejects: &mut Rejects) -> Read<Scoped<T>> {
    let group = Object::new(value, "scope group")?;
    let scope = group.get("scope").map(common::scope).transpose()?;
    let schema_url = group.text("schemaUrl")?;
    let mut items = Vec::new();
    for item in group.list(T::ITEMS)?.iter().filter(|item| !item.is_null()) {
        match T::read(item, rejects) {
            Ok(item) => items.push(item),
            Err(reason) => rejects.add(&reason, T::rows(item)),
        }
    }
    Ok(Scoped { scope, schema_url, items })
}

/// Rows in a resource group that cannot be read.
fn rows_in<T: JsonItem>(group: &Value) -> u64 {
    let scopes = group.get(T::SCOPES).and_then(Value::as_array);
    scopes.into_iter().flatten().map(items_in::<T>).sum()
}

/// Rows in a scope that cannot be read.
fn items_in<T: JsonItem>(scope: &Value) -> u64 {
    scope.get(T::ITEMS).and_then(Value::as_array).into_iter().flatten().map(T::rows).sum()
}

fn not_otlp(signal: Signal, what: &str) -> Error {
    Error::invalid(format!("body is no OTLP {signal} request in JSON: {what}"))
}

/// Says where the body stops being JSON. The place is that in the body as it came, not in the one with quoted doubles.
fn not_json(body: &[u8], error: serde_json::Error) -> Error {
    let error = serde_json::from_slice::<IgnoredAny>(body).err().unwrap_or(error);
    let lines = body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let offset = (lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1)).min(body.len());
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    Error::invalid(format!("body is not JSON: {what} (byte {offset})")).with_source(error)
}

#[cfg(test)]
mod tests;
