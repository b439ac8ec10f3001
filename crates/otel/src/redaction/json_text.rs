//! Texts that are JSON, as values and back: what is inside of one is seen as what it says, not as it is escaped.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};

/// The value that a text is, if it is an array, an object or a text in quotes of JSON. Members keep their order, also those that come twice.
pub(super) fn read(text: &str) -> Option<AnyValue> {
    let is_json = text.trim_start().starts_with(['[', '{', '"']);
    is_json.then(|| serde_json::from_str::<Read>(text).ok()).flatten().map(|read| read.0)
}

/// The text that a value is, which came from one.
pub(super) fn write(value: &AnyValue) -> String {
    serde_json::to_string(&Written(value)).expect("texts, numbers, lists and members with names are JSON")
}

struct Read(AnyValue);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(JsonValue)?;
        Ok(Self(AnyValue { value }))
    }
}

struct JsonValue;

impl<'de> Visitor<'de> for JsonValue {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::BoolValue(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::IntValue(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        let exact = i64::try_from(value).map(Value::IntValue);
        Ok(Some(exact.unwrap_or(Value::DoubleValue(value as f64))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Value::DoubleValue(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::StringValue(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(Value::StringValue(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Read(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Some(Value::ArrayValue(ArrayValue { values })))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some((key, Read(value))) = map.next_entry()? {
            values.push(KeyValue { key, value: Some(value), ..KeyValue::default() });
        }
        Ok(Some(Value::KvlistValue(KeyValueList { values })))
    }
}

struct Written<'a>(&'a AnyValue);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Some(Value::StringValue(text)) => serializer.serialize_str(text),
            Some(Value::BoolValue(value)) => serializer.serialize_bool(*value),
            Some(Value::IntValue(value)) => serializer.serialize_i64(*value),
            Some(Value::DoubleValue(value)) => serializer.serialize_f64(*value),
            Some(Value::ArrayValue(list)) => serializer.collect_seq(list.values.iter().map(Written)),
            Some(Value::KvlistValue(map)) => {
                let mut members = serializer.serialize_map(Some(map.values.len()))?;
                for KeyValue { key, value, .. } in &map.values {
                    members.serialize_entry(key, &value.as_ref().map(Written))?;
                }
                members.end()
            }
            // JSON has no bytes and no references
            Some(Value::BytesValue(_) | Value::StringValueStrindex(_)) | None => serializer.serialize_unit(),
        }
    }
}
