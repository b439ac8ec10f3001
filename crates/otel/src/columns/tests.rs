use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Float64Type, Int64Type},
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value};

use super::*;

fn array(values: &[Value]) -> Value {
    let values = values.iter().map(|value| AnyValue { value: Some(value.clone()) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_string())
}

// breaks when a column takes a value that changes its meaning, or refuses one that only widens
#[test]
fn a_column_takes_what_does_not_contradict_its_type() {
    let int = Value::IntValue(7);
    let whole = Value::DoubleValue(7.0);
    let half = Value::DoubleValue(0.5);
    let cases = [
        (DataType::Int64, int.clone(), true),
        (DataType::Int64, whole.clone(), true),
        (DataType::Int64, half.clone(), false),
        (DataType::Int64, Value::DoubleValue(f64::NAN), false),
        (DataType::Int64, Value::DoubleValue(9.3e18), false),
        (DataType::Int64, text("7"), false),
        (DataType::Int32, Value::IntValue(1 << 40), false),
        (DataType::Float64, int.clone(), true),
        (DataType::Float64, half.clone(), true),
        (DataType::Boolean, Value::BoolValue(false), true),
        (DataType::Boolean, int.clone(), false),
        (DataType::Utf8, text(""), true),
        (DataType::Utf8, int.clone(), false),
        (list_of(DataType::Utf8), array(&[text("stop")]), true),
        (list_of(DataType::Utf8), array(&[]), true),
        (list_of(DataType::Utf8), array(&[text("stop"), int.clone()]), false),
        (list_of(DataType::Float64), array(&[half, int]), true),
        (list_of(DataType::Utf8), text("stop"), false),
    ];
    for (ty, value, taken) in cases {
        let mut column = AttributeColumn::new(&ty).expect("a type for attributes");
        let pushed = column.push(0, &value);
        assert_eq!(pushed != Pushed::Contradicts, taken, "{value:?} into {ty}");
        let exact = taken
            && !matches!(
                (&ty, &value),
                (DataType::List(_), _)
                    | (DataType::Int64, Value::DoubleValue(_))
                    | (DataType::Float64, Value::IntValue(_))
            );
        assert_eq!(pushed == Pushed::Taken, exact, "{value:?} into {ty}");
        assert_eq!(column.finish(1).is_some(), taken, "{value:?} into {ty}");
    }
}

// breaks when rows shift, or a second value overwrites the first
#[test]
fn skipped_rows_are_null_and_the_first_value_stays() {
    let mut column = AttributeColumn::new(&DataType::Int64).expect("a type for attributes");
    assert_eq!(column.push(1, &Value::IntValue(5)), Pushed::Taken);
    assert_eq!(column.push(1, &Value::IntValue(6)), Pushed::Occupied);
    assert_eq!(column.push(3, &text("x")), Pushed::Contradicts);
    assert_eq!(column.push(3, &Value::IntValue(7)), Pushed::Taken);
    let array = column.finish(5).expect("has values");
    let values: Vec<_> = array.as_primitive::<Int64Type>().iter().collect();
    assert_eq!(values, [None, Some(5), None, Some(7), None]);
}

// breaks when an all-NULL column is written, or an integer in a DOUBLE column is not its value
#[test]
fn empty_columns_vanish_and_integers_widen() {
    assert!(AttributeColumn::new(&DataType::Utf8).expect("a type for attributes").finish(3).is_none());
    let mut column = AttributeColumn::new(&DataType::Float64).expect("a type for attributes");
    column.push(0, &Value::IntValue(3));
    assert_eq!(column.finish(1).expect("has a value").as_primitive::<Float64Type>().value(0), 3.0);
}

// breaks when rows without entries are empty maps (the column would then always be written)
#[test]
fn a_map_row_without_entries_is_null() {
    let mut map = MapColumn::default();
    map.end_row();
    map.push("a", "1");
    map.push("b", "\"x\"");
    map.end_row();
    let array = map.finish(&map_of_text());
    let map = array.as_map();
    assert!(map.is_null(0));
    assert_eq!(map.value(1).len(), 2);
}
