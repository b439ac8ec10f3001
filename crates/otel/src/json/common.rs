//! Attributes, resources and scopes.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value},
    resource::v1::Resource,
};
use serde_json::Value;

use super::object::{Object, Read, double_of, i64_of, kind_of};

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn resource(value: &Value) -> Read<Resource> {
    let resource = Object::new(value, "resource")?;
    Ok(Resource {
        attributes: attributes(resource, "attributes")?,
        dropped_attributes_count: resource.u32("droppedAttributesCount")?,
        entity_refs: Vec::new(),
    })
}

pub(super) fn scope(value: &Value) -> Read<InstrumentationScope> {
    let scope = Object::new(value, "scope")?;
    Ok(InstrumentationScope {
        name: scope.text("name")?,
        version: scope.text("version")?,
        attributes: attributes(scope, "attributes")?,
        dropped_attributes_count: scope.u32("droppedAttributesCount")?,
    })
}

pub(super) fn attributes(object: Object<'_>, key: &str) -> Read<Vec<KeyValue>> {
    object.each(key, key_value)
}

fn key_value(value: &Value) -> Read<KeyValue> {
    let object = Object::new(value, "attribute")?;
    Ok(KeyValue {
        key: object.text("key")?,
        value: object.get("value").map(any_value).transpose()?,
        ..Default::default()
    })
}

/// A value: the object's one member says its type. No member, or one that is `null`, is an empty value.
pub(super) fn any_value(value: &Value) -> Read<AnyValue> {
    let object = Object::new(value, "value")?;
    let kinds =
        ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"];
    let Some((kind, content)) =
        kinds.into_iter().find_map(|kind| object.get(kind).map(|content| (kind, content)))
    else {
        return Ok(AnyValue { value: None });
    };
    use any_value::Value as Any;
    let read = match kind {
        "stringValue" => content.as_str().map(|text| Any::StringValue(text.to_string())),
        "boolValue" => content.as_bool().map(Any::BoolValue),
        "intValue" => i64_of(content).map(Any::IntValue),
        "doubleValue" => double_of(content).map(Any::DoubleValue),
        "bytesValue" => content.as_str().and_then(|text| BASE64.decode(text).ok()).map(Any::BytesValue),
        "arrayValue" => {
            let values = Object::new(content, "arrayValue")?.list("values")?;
            // null is an element here, not an absence: positions count
            let values = values.iter().map(|value| match value {
                Value::Null => Ok(AnyValue { value: None }),
                value => any_value(value),
            });
            Some(Any::ArrayValue(ArrayValue { values: values.collect::<Read<_>>()? }))
        }
        _ => {
            let list = Object::new(content, "kvlistValue")?;
            Some(Any::KvlistValue(KeyValueList { values: attributes(list, "values")? }))
        }
    };
    match read {
        Some(value) => Ok(AnyValue { value: Some(value) }),
        None => Err(format!("attribute.{kind}: cannot read {}", kind_of(content))),
    }
}
