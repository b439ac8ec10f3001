use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use proptest::prelude::*;

use super::*;

fn json(value: Option<Value>) -> String {
    let mut out = String::new();
    write_json(&mut out, Some(&AnyValue { value }));
    out
}

fn wrap(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn entry(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_string(), value: Some(wrap(value)), ..Default::default() }
}

// breaks when a kind of value loses its type or its nesting on the way to text
#[test]
fn every_kind_of_value_has_its_own_text() {
    let cases = [
        (None, "null"),
        (Some(Value::StringValue("a\"b\\c\n\u{1}é".into())), "\"a\\\"b\\\\c\\n\\u0001é\""),
        (Some(Value::StringValue(String::new())), "\"\""),
        (Some(Value::BoolValue(true)), "true"),
        (Some(Value::IntValue(i64::MIN)), "-9223372036854775808"),
        (Some(Value::DoubleValue(1.0)), "1.0"),
        (Some(Value::DoubleValue(-0.0)), "-0.0"),
        (Some(Value::DoubleValue(1e300)), "1e300"),
        (Some(Value::DoubleValue(f64::NAN)), "{\"$double\":\"NaN\"}"),
        (Some(Value::DoubleValue(f64::NEG_INFINITY)), "{\"$double\":\"-Infinity\"}"),
        (Some(Value::BytesValue(vec![0, 255, 16])), "{\"$bytes\":\"AP8Q\"}"),
        (
            Some(Value::ArrayValue(ArrayValue {
                values: vec![wrap(Value::IntValue(1)), AnyValue { value: None }],
            })),
            "[1,null]",
        ),
        (
            Some(Value::KvlistValue(KeyValueList {
                values: vec![entry("$bytes", Value::IntValue(1)), entry("b", Value::BoolValue(false))],
            })),
            "{\"$$bytes\":1,\"b\":false}",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(json(value), expected);
    }
}

proptest! {
    // breaks when a text or a double does not come back as it was sent
    #[test]
    fn texts_and_doubles_come_back(text in any::<String>(), bits in any::<u64>()) {
        let back: String = serde_json::from_str(&json(Some(Value::StringValue(text.clone())))).expect("our JSON is JSON");
        prop_assert_eq!(back, text);
        let value = f64::from_bits(bits);
        if value.is_finite() {
            let back: f64 = json(Some(Value::DoubleValue(value))).parse().expect("a number");
            prop_assert_eq!(back.to_bits(), value.to_bits());
        }
    }
}
