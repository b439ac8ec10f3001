//! One attribute value as JSON and as a value of a column, exactly.

use std::{borrow::Cow, fmt::Write};

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Float64Type, Int32Type, Int64Type},
};

/// A value of the attributes, read for a column of some type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fit<T> {
    /// The column writes it back byte for byte.
    Exact(T),
    /// It fits the column, but was written in another form.
    Loose(T),
    /// It contradicts the column.
    Contradicts,
}

impl<T> Fit<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Exact(value) | Self::Loose(value) => Some(value),
            Self::Contradicts => None,
        }
    }

    fn and_then<U>(self, narrow: impl FnOnce(T) -> Option<U>) -> Fit<U> {
        match self {
            Self::Exact(value) => narrow(value).map_or(Fit::Contradicts, Fit::Exact),
            Self::Loose(value) => narrow(value).map_or(Fit::Contradicts, Fit::Loose),
            Self::Contradicts => Fit::Contradicts,
        }
    }
}

/// What kind of value a JSON text is, without looking further than needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Double,
    Boolean,
    /// Lists, objects, null, and what is no JSON.
    Other,
}

/// Integral doubles from -2^63 up to, but without, 2^63 have an exact `i64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;
const NAN: &str = "{\"$double\":\"NaN\"}";
const INFINITY: &str = "{\"$double\":\"Infinity\"}";
const NEGATIVE_INFINITY: &str = "{\"$double\":\"-Infinity\"}";

pub(crate) fn kind(json: &str) -> Kind {
    match json.as_bytes() {
        [b'"', .., b'"'] => Kind::Text,
        b"true" | b"false" => Kind::Boolean,
        [b'-' | b'0'..=b'9', ..] => match is_number(json) {
            Some(true) => Kind::Integer,
            Some(false) => Kind::Double,
            None => Kind::Other,
        },
        [b'{', b'"', b'$', ..] if special(json).is_some() => Kind::Double,
        _ => Kind::Other,
    }
}

/// The readers have one form; `scratch` is room for writing the value back.
pub(crate) fn boolean(json: &str, _: &mut String) -> Fit<bool> {
    match json {
        "true" => Fit::Exact(true),
        "false" => Fit::Exact(false),
        _ => Fit::Contradicts,
    }
}

/// Integers, and doubles without a fraction: JavaScript knows only one kind of number.
pub(crate) fn int64(json: &str, _: &mut String) -> Fit<i64> {
    match is_number(json) {
        Some(true) => match json.parse() {
            Ok(value) if json != "-0" => Fit::Exact(value),
            Ok(value) => Fit::Loose(value),
            Err(_) => Fit::Contradicts,
        },
        Some(false) => match json.parse::<f64>() {
            Ok(value) if value.fract() == 0.0 && (-I64_END..I64_END).contains(&value) => {
                Fit::Loose(value as i64)
            }
            _ => Fit::Contradicts,
        },
        None => Fit::Contradicts,
    }
}

pub(crate) fn int32(json: &str, scratch: &mut String) -> Fit<i32> {
    int64(json, scratch).and_then(|value| i32::try_from(value).ok())
}

pub(crate) fn float64(json: &str, scratch: &mut String) -> Fit<f64> {
    match is_number(json) {
        Some(integer) => match json.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                scratch.clear();
                write_double(scratch, value);
                if !integer && scratch == json { Fit::Exact(value) } else { Fit::Loose(value) }
            }
            _ => Fit::Contradicts,
        },
        None => special(json).map_or(Fit::Contradicts, Fit::Exact),
    }
}

/// Always a looser form: half of the digits are gone.
pub(crate) fn float32(json: &str, scratch: &mut String) -> Fit<f32> {
    float64(json, scratch).value().map_or(Fit::Contradicts, |value| Fit::Loose(value as f32))
}

/// A JSON string, and what is no JSON at all: somebody put plain text into the map.
pub(crate) fn text<'a>(json: &'a str, scratch: &mut String) -> Fit<Cow<'a, str>> {
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        let plain = serde_json::from_str::<serde::de::IgnoredAny>(json).is_err();
        return if plain { Fit::Loose(Cow::Borrowed(json)) } else { Fit::Contradicts };
    };
    if !inner.contains(['\\', '"']) {
        let clean = inner.bytes().all(|byte| byte >= 0x20);
        return if clean { Fit::Exact(inner.into()) } else { Fit::Loose(inner.into()) };
    }
    let Ok(value) = serde_json::from_str::<String>(json) else { return Fit::Loose(json.into()) };
    scratch.clear();
    write_text(scratch, &value);
    if scratch == json { Fit::Exact(value.into()) } else { Fit::Loose(value.into()) }
}

/// Appends a value of an attribute column as the JSON that the attributes have for it; false where it has none: it is
/// NULL, or of a type whose values never leave the attributes.
pub fn write_json(out: &mut String, column: &dyn Array, row: usize) -> bool {
    if column.is_null(row) {
        return false;
    }
    match column.data_type() {
        DataType::Boolean => out.push_str(if column.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int32 => write_display(out, column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write_display(out, column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => write_double(out, column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => write_text(out, column.as_string::<i32>().value(row)),
        DataType::Utf8View => write_text(out, column.as_string_view().value(row)),
        _ => return false,
    }
    true
}

fn special(json: &str) -> Option<f64> {
    match json {
        NAN => Some(f64::NAN),
        INFINITY => Some(f64::INFINITY),
        NEGATIVE_INFINITY => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Whether a text is a JSON number, and if so an integer: without point and exponent.
fn is_number(json: &str) -> Option<bool> {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = json.as_bytes();
    rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return None;
    }
    rest = &rest[whole..];
    let mut integer = true;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        (integer, rest) = (false, &fraction[count..]);
        if count == 0 {
            return None;
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let count = digits(exponent);
        (integer, rest) = (false, &exponent[count..]);
        if count == 0 {
            return None;
        }
    }
    rest.is_empty().then_some(integer)
}

fn write_double(out: &mut String, value: f64) {
    if value.is_finite() {
        // Debug is the shortest text that reads back as the same double, and always has a point or an exponent
        write!(out, "{value:?}").expect("a String takes any text");
    } else if value.is_nan() {
        out.push_str(NAN);
    } else {
        out.push_str(if value > 0.0 { INFINITY } else { NEGATIVE_INFINITY });
    }
}

fn write_display(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a String takes any text");
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[clean..at]);
        if escape.is_empty() {
            write!(out, "\\u{byte:04x}").expect("a String takes any text");
        } else {
            out.push_str(escape);
        }
        clean = at + 1;
    }
    out.push_str(&text[clean..]);
    out.push('"');
}
