//! OTLP values as JSON text, without loss: what `attributes` and structured log bodies hold.
//!
//! JSON has no bytes, no NaN and no infinities, so these are objects with one key that starts with `$`: `{"$bytes": "<base64>"}`,
//! `{"$double": "NaN"}`. A key of a sent map that itself starts with `$` gets one more. A double always has a point or an exponent, an integer
//! never, so both come back as what they were. An empty value is `null`.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

/// Appends the JSON form of `value` to `out`.
pub(crate) fn write_json(out: &mut String, value: Option<&AnyValue>) {
    match value.and_then(|any| any.value.as_ref()) {
        Some(value) => write_value(out, value),
        None => out.push_str("null"),
    }
}

/// Appends the JSON form of a value that is not empty.
pub(crate) fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::StringValue(text) => write_text(out, text),
        Value::BoolValue(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::IntValue(value) => write_display(out, value),
        Value::DoubleValue(value) => write_double(out, *value),
        Value::ArrayValue(array) => {
            out.push('[');
            for (i, value) in array.values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(out, Some(value));
            }
            out.push(']');
        }
        Value::KvlistValue(list) => write_object(out, &list.values),
        Value::BytesValue(bytes) => {
            out.push_str("{\"$bytes\":\"");
            STANDARD.encode_string(bytes, out);
            out.push_str("\"}");
        }
        // a reference into the string table of a profile; the three signals have no such table
        Value::StringValueStrindex(_) => out.push_str("null"),
    }
}

fn write_object(out: &mut String, entries: &[KeyValue]) {
    out.push('{');
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if entry.key.starts_with('$') {
            write_text(out, &format!("${}", entry.key));
        } else {
            write_text(out, &entry.key);
        }
        out.push(':');
        write_json(out, entry.value.as_ref());
    }
    out.push('}');
}

fn write_double(out: &mut String, value: f64) {
    if value.is_finite() {
        // Debug is the shortest text that reads back as the same double, and always has a point or an exponent
        write!(out, "{value:?}").expect("a String takes any text");
    } else if value.is_nan() {
        out.push_str("{\"$double\":\"NaN\"}");
    } else if value > 0.0 {
        out.push_str("{\"$double\":\"Infinity\"}");
    } else {
        out.push_str("{\"$double\":\"-Infinity\"}");
    }
}

fn write_display(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a String takes any text");
}

/// Appends `text` as a JSON string, quoted and escaped.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain_length(rest.as_bytes()));
        out.push_str(plain);
        let Some(byte) = special.bytes().next() else { break };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => write!(out, "\\u{control:04x}").expect("a String takes any text"),
        }
        rest = &special[1..];
    }
    out.push('"');
}

/// How many bytes need no escape. Blocks are looked at as a whole, which is what a processor does at once: prompts are long.
fn plain_length(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let is_plain = |block: &&[u8]| !block.iter().fold(false, |any, byte| any | is_special(*byte));
    let plain = bytes.chunks_exact(BLOCK).take_while(is_plain).count() * BLOCK;
    plain + bytes[plain..].iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len() - plain)
}

#[cfg(test)]
mod tests;
