//! A typed column for one attribute key.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayBuilder, ArrayRef, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
        ListBuilder, StringBuilder,
    },
    datatypes::{DataType, FieldRef},
};
use opentelemetry_proto::tonic::common::v1::{ArrayValue, any_value::Value};

/// 2^63 as a double: integral doubles below it (and from -2^63 on) have an exact `i64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;

/// What became of a value offered to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The column has the value, and says what it was.
    Taken,
    /// The column has the value in another form: 41 as 41.0, a list.
    Reshaped,
    /// The row already has a value, of another key with the same column name.
    Occupied,
    /// The value is of another type than the column.
    Contradicts,
    /// The value is too large for the row.
    TooLarge,
}

/// A column that attribute values fill, row by row; rows that offer nothing are NULL.
#[derive(Debug)]
pub(crate) struct AttributeColumn {
    values: Values,
    rows: usize,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    Booleans(ListBuilder<BooleanBuilder>),
    Int64s(ListBuilder<Int64Builder>),
    Float32s(ListBuilder<Float32Builder>),
    Float64s(ListBuilder<Float64Builder>),
    Texts(ListBuilder<StringBuilder>),
}

/// Does the same with whatever builder the column has.
macro_rules! each {
    ($values:expr, $builder:ident => $action:expr) => {
        match $values {
            Values::Boolean($builder) => $action,
            Values::Int32($builder) => $action,
            Values::Int64($builder) => $action,
            Values::Float32($builder) => $action,
            Values::Float64($builder) => $action,
            Values::Text($builder) => $action,
            Values::Booleans($builder) => $action,
            Values::Int64s($builder) => $action,
            Values::Float32s($builder) => $action,
            Values::Float64s($builder) => $action,
            Values::Texts($builder) => $action,
        }
    };
}

impl AttributeColumn {
    /// An empty column of type `ty`; `None` when no attribute value can fill such a type.
    pub(crate) fn new(ty: &DataType) -> Option<Self> {
        let values = match ty {
            DataType::Boolean => Values::Boolean(BooleanBuilder::new()),
            DataType::Int32 => Values::Int32(Int32Builder::new()),
            DataType::Int64 => Values::Int64(Int64Builder::new()),
            DataType::Float32 => Values::Float32(Float32Builder::new()),
            DataType::Float64 => Values::Float64(Float64Builder::new()),
            DataType::Utf8 => Values::Text(StringBuilder::new()),
            DataType::List(item) => Self::list(item)?,
            _ => return None,
        };
        Some(Self { values, rows: 0 })
    }

    fn list(item: &FieldRef) -> Option<Values> {
        let field = Arc::clone(item);
        Some(match item.data_type() {
            DataType::Boolean => Values::Booleans(ListBuilder::new(BooleanBuilder::new()).with_field(field)),
            DataType::Int64 => Values::Int64s(ListBuilder::new(Int64Builder::new()).with_field(field)),
            DataType::Float32 => Values::Float32s(ListBuilder::new(Float32Builder::new()).with_field(field)),
            DataType::Float64 => Values::Float64s(ListBuilder::new(Float64Builder::new()).with_field(field)),
            DataType::Utf8 => Values::Texts(ListBuilder::new(StringBuilder::new()).with_field(field)),
            _ => return None,
        })
    }

    /// Whether an attribute value can fill a column of type `ty`.
    pub(crate) fn takes(ty: &DataType) -> bool {
        Self::new(ty).is_some()
    }

    /// Offers `value` to row `row`; rows come in ascending order.
    pub(crate) fn push(&mut self, row: usize, value: &Value) -> Pushed {
        if self.rows > row {
            return Pushed::Occupied;
        }
        self.pad(row);
        if !self.append(value) {
            return Pushed::Contradicts;
        }
        self.rows += 1;
        match (&self.values, value) {
            (Values::Boolean(_) | Values::Text(_), _)
            | (Values::Int32(_) | Values::Int64(_), Value::IntValue(_))
            | (Values::Float64(_), Value::DoubleValue(_)) => Pushed::Taken,
            _ => Pushed::Reshaped,
        }
    }

    fn pad(&mut self, rows: usize) {
        while self.rows < rows {
            each!(&mut self.values, builder => builder.append_null());
            self.rows += 1;
        }
    }

    fn append(&mut self, value: &Value) -> bool {
        match &mut self.values {
            Values::Boolean(builder) => boolean(value).map(|value| builder.append_value(value)).is_some(),
            Values::Int32(builder) => {
                let narrow = int(value).and_then(|value| i32::try_from(value).ok());
                narrow.map(|value| builder.append_value(value)).is_some()
            }
            Values::Int64(builder) => int(value).map(|value| builder.append_value(value)).is_some(),
            Values::Float32(builder) => {
                float(value).map(|value| builder.append_value(value as f32)).is_some()
            }
            Values::Float64(builder) => float(value).map(|value| builder.append_value(value)).is_some(),
            Values::Text(builder) => text(value).map(|value| builder.append_value(value)).is_some(),
            Values::Booleans(list) => {
                each_of(value, boolean, |value| list.values().append_value(value))
                    && end(|| list.append(true))
            }
            Values::Int64s(list) => {
                each_of(value, int, |value| list.values().append_value(value)) && end(|| list.append(true))
            }
            Values::Float32s(list) => {
                each_of(value, float, |value| list.values().append_value(value as f32))
                    && end(|| list.append(true))
            }
            Values::Float64s(list) => {
                each_of(value, float, |value| list.values().append_value(value)) && end(|| list.append(true))
            }
            Values::Texts(list) => {
                each_of(value, text, |value| list.values().append_value(value)) && end(|| list.append(true))
            }
        }
    }

    /// The array of `rows` rows; `None` when every row is NULL.
    pub(crate) fn finish(mut self, rows: usize) -> Option<ArrayRef> {
        self.pad(rows);
        let array = each!(&mut self.values, builder => ArrayBuilder::finish(builder));
        (array.null_count() < rows).then_some(array)
    }
}

fn boolean(value: &Value) -> Option<bool> {
    if let Value::BoolValue(value) = value { Some(*value) } else { None }
}

/// Integers, and doubles without a fraction: JavaScript knows only one kind of number.
fn int(value: &Value) -> Option<i64> {
    match value {
        Value::IntValue(value) => Some(*value),
        Value::DoubleValue(value) if value.fract() == 0.0 && (-I64_END..I64_END).contains(value) => {
            Some(*value as i64)
        }
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::DoubleValue(value) => Some(*value),
        Value::IntValue(value) => Some(*value as f64),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    if let Value::StringValue(value) = value { Some(value) } else { None }
}

/// Appends every element of an array, if all of them are of the wanted type; otherwise none.
fn each_of<'a, T>(
    value: &'a Value,
    read: impl Fn(&'a Value) -> Option<T>,
    mut append: impl FnMut(T),
) -> bool {
    let Value::ArrayValue(ArrayValue { values }) = value else { return false };
    let element =
        |any: &'a opentelemetry_proto::tonic::common::v1::AnyValue| any.value.as_ref().and_then(&read);
    if !values.iter().all(|any| element(any).is_some()) {
        return false;
    }
    values.iter().filter_map(element).for_each(&mut append);
    true
}

fn end(action: impl FnOnce()) -> bool {
    action();
    true
}
