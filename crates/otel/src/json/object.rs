//! Reading the members of JSON objects, with messages that name the member, what was expected and of what kind was there.

use serde_json::{Map, Value};

/// A value, or why it cannot be read.
pub(crate) type Read<T> = std::result::Result<T, String>;

/// 2^64 and 2^63 as doubles: integral doubles below them have an exact integer.
const U64_END: f64 = 18_446_744_073_709_551_616.0;
const I64_END: f64 = 9_223_372_036_854_775_808.0;

/// A JSON object and what it is called in messages.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    what: &'static str,
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value, what: &'static str) -> Read<Self> {
        match value {
            Value::Object(members) => Ok(Self { members, what }),
            other => Err(format!("{what}: expected an object, got {}", kind_of(other))),
        }
    }

    /// A member; `null` is absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// Whether a member is written, be it as `null`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }

    /// Reads a member, or takes the default when it is absent.
    fn read<T: Default>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Read<T> {
        match self.get(key) {
            None => Ok(T::default()),
            Some(value) => read(value)
                .ok_or_else(|| format!("{}.{key}: expected {expected}, got {}", self.what, kind_of(value))),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Read<String> {
        self.read(key, "a string", |value| value.as_str().map(str::to_string))
    }

    pub(crate) fn boolean(&self, key: &str) -> Read<bool> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(value) => Some(*value),
            Value::String(text) => text.parse().ok(),
            _ => None,
        })
    }

    pub(crate) fn u64(&self, key: &str) -> Read<u64> {
        self.read(key, "an unsigned 64-bit integer", u64_of)
    }

    pub(crate) fn u32(&self, key: &str) -> Read<u32> {
        self.read(key, "an unsigned 32-bit integer", |value| {
            u64_of(value).and_then(|value| u32::try_from(value).ok())
        })
    }

    pub(crate) fn i32(&self, key: &str) -> Read<i32> {
        self.read(key, "a 32-bit integer", |value| i64_of(value).and_then(|value| i32::try_from(value).ok()))
    }

    pub(crate) fn i64(&self, key: &str) -> Read<Option<i64>> {
        self.read(key, "a 64-bit integer", |value| i64_of(value).map(Some))
    }

    pub(crate) fn double(&self, key: &str) -> Read<Option<f64>> {
        self.read(key, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", |value| double_of(value).map(Some))
    }

    pub(crate) fn hex(&self, key: &str) -> Read<Vec<u8>> {
        self.read(key, "hex digits", |value| value.as_str().and_then(hex_of))
    }

    /// An enum: its number, or its name, which OTLP/JSON does not allow and clients send.
    pub(crate) fn enumeration(&self, key: &str, by_name: impl Fn(&str) -> Option<i32>) -> Read<i32> {
        self.read(key, "the number or name of an enum value", |value| {
            let number = i64_of(value).and_then(|number| i32::try_from(number).ok());
            number.or_else(|| value.as_str().and_then(&by_name))
        })
    }

    /// The elements of an array; an empty object stands for an empty array.
    pub(crate) fn list(&self, key: &str) -> Read<&'a [Value]> {
        self.read(key, "an array", |value| match value {
            Value::Array(values) => Some(values.as_slice()),
            Value::Object(members) if members.is_empty() => Some(&[]),
            _ => None,
        })
    }

    /// Reads every element of an array that is not `null`.
    pub(crate) fn each<T>(&self, key: &str, read: impl Fn(&'a Value) -> Read<T>) -> Read<Vec<T>> {
        self.list(key)?.iter().filter(|value| !value.is_null()).map(read).collect()
    }

    pub(crate) fn doubles(&self, key: &str) -> Read<Vec<f64>> {
        let what = self.what;
        self.each(key, |value| {
            double_of(value).ok_or_else(|| format!("{what}.{key}: expected numbers, got {}", kind_of(value)))
        })
    }

    pub(crate) fn counts(&self, key: &str) -> Read<Vec<u64>> {
        let what = self.what;
        self.each(key, |value| {
            u64_of(value)
                .ok_or_else(|| format!("{what}.{key}: expected unsigned integers, got {}", kind_of(value)))
        })
    }
}

fn u64_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let double =
                number.as_f64().filter(|double| double.fract() == 0.0 && (0.0..U64_END).contains(double));
            double.map(|double| double as u64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(crate) fn i64_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let whole = |double: &f64| double.fract() == 0.0 && (-I64_END..I64_END).contains(double);
            number.as_f64().filter(whole).map(|double| double as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(crate) fn double_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn hex_of(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// What messages say was there: its kind, because a reason is kept and a value may be nobody's business.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
    }
}
