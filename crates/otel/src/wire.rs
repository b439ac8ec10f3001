//! Protobuf bodies: the ready-made decoder first, item by item where it fails.
//!
//! The decoder refuses a whole request for one bad item (a name that is not UTF-8, say). Items are length-delimited, so their neighbours can be
//! saved: the second attempt walks the three outer levels (request, resource, scope) by hand and decodes every item alone. A body whose outer
//! levels do not add up (cut short, or no protobuf) stays an error that names the offset.

pub(crate) mod fields;

use opentelemetry_proto::tonic::{common::v1::InstrumentationScope, resource::v1::Resource};
use prost::{DecodeError, Message};

use crate::{
    error::{Error, Result},
    groups::{Group, Item, Scoped},
    mapper::Rejects,
    signal::Signal,
};
use fields::{Field, Fields};

/// Decodes a request.
///
/// # Errors
/// `Invalid` when the body is no request of this signal, or not one item in it can be decoded.
pub(crate) fn decode<T: Item>(body: &[u8], rejects: &mut Rejects) -> Result<T::Request> {
    match T::Request::decode(body) {
        Ok(request) => Ok(request),
        Err(error) => salvage::<T>(body, rejects, error).map(T::request),
    }
}

/// Decodes what can be decoded. All three requests have the same outer levels: 1 resource group {1 resource, 2 scope group {1 scope, 2 item,
/// 3 schema_url}, 3 schema_url}.
fn salvage<T: Item>(body: &[u8], rejects: &mut Rejects, error: DecodeError) -> Result<Vec<Group<T>>> {
    let mut groups = Vec::new();
    let mut found = Rejects::default();
    for field in Fields::new(body, 0) {
        let group = field.and_then(|field| match field.number {
            1 => salvage_group::<T>(&field, &mut found).map(Some),
            _ => Ok(None),
        });
        groups.extend(group.map_err(|offset| not_otlp(T::SIGNAL, Some(offset), &error))?);
    }
    if groups.iter().all(|group| group.items() == 0) {
        return Err(not_otlp(T::SIGNAL, None, &error).with_source(error));
    }
    rejects.merge(found);
    Ok(groups)
}

fn salvage_group<T: Item>(field: &Field<'_>, rejects: &mut Rejects) -> std::result::Result<Group<T>, usize> {
    let mut group = Group { resource: None, schema_url: String::new(), scopes: Vec::new() };
    let mut bad_origin = None;
    for field in Fields::new(field.bytes, field.offset) {
        let field = field?;
        match field.number {
            1 => match Resource::decode(field.bytes) {
                Ok(resource) => group.resource = Some(resource),
                Err(error) => bad_origin = Some(format!("resource: {}", reason(&error))),
            },
            2 => group.scopes.push(salvage_scope::<T>(&field, rejects)?),
            3 => group.schema_url = String::from_utf8_lossy(field.bytes).into_owned(),
            _ => {}
        }
    }
    if let Some(reason) = bad_origin {
        // without their resource the rows would claim to come from nowhere
        rejects.add(&reason, group.items());
        group.scopes.clear();
    }
    Ok(group)
}

fn salvage_scope<T: Item>(field: &Field<'_>, rejects: &mut Rejects) -> std::result::Result<Scoped<T>, usize> {
    let mut scope = Scoped { scope: None, schema_url: String::new(), items: Vec::new() };
    let mut bad_origin = None;
    for field in Fields::new(field.bytes, field.offset) {
        let field = field?;
        match field.number {
            1 => match InstrumentationScope::decode(field.bytes) {
                Ok(decoded) => scope.scope = Some(decoded),
                Err(error) => bad_origin = Some(format!("scope: {}", reason(&error))),
            },
            2 => match T::decode(field.bytes) {
                Ok(item) => scope.items.push(item),
                Err(error) => {
                    let rows = rows_of(T::SIGNAL, field.bytes);
                    rejects.add(&format!("{}: {}", T::SIGNAL.item(), reason(&error)), rows);
                }
            },
            3 => scope.schema_url = String::from_utf8_lossy(field.bytes).into_owned(),
            _ => {}
        }
    }
    if let Some(reason) = bad_origin {
        rejects.add(&reason, scope.items.len() as u64);
        scope.items.clear();
    }
    Ok(scope)
}

/// How many rows an item that cannot be decoded would have been: the data points of a metric, as far as they can be seen.
fn rows_of(signal: Signal, item: &[u8]) -> u64 {
    if signal != Signal::Metrics {
        return 1;
    }
    let data = Fields::new(item, 0).flatten().filter(|field| [5, 7, 9, 10, 11].contains(&field.number));
    let points =
        data.flat_map(|field| Fields::new(field.bytes, 0).flatten()).filter(|field| field.number == 1);
    (points.count() as u64).max(1)
}

/// What the decoder says, without its preamble.
pub(crate) fn reason(error: &DecodeError) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to decode Protobuf message: ").unwrap_or(&text).to_string()
}

fn not_otlp(signal: Signal, offset: Option<usize>, error: &DecodeError) -> Error {
    let place = offset.map_or(String::new(), |offset| format!(" (byte {offset})"));
    Error::invalid(format!("body is no OTLP {signal} request in protobuf: {}{place}", reason(error)))
}

#[cfg(test)]
mod tests;
