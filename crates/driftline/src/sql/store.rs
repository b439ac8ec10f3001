//! What a value must be to go into a column: the same value in the type of the column, or it is refused. Nothing is cut, rounded or
//! guessed: 2.0 goes into a BIGINT, 2.5 does not; a number is no text, no truth and no time. What is written in quotes is read as
//! the type of the column. DOUBLE and REAL are approximate by their nature: a number goes into them as the nearest one.
//!
//! Types are checked when the statement is planned, values by a function in the plan.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, ListArray, MapArray, StructArray,
    new_null_array,
};
use arrow::compute::kernels::cmp::neq;
use arrow::compute::{CastOptions, and, cast, cast_with_options, is_not_null};
use arrow::datatypes::{DataType, FieldRef, Float64Type, TimeUnit};
use arrow::util::display::array_value_to_string;
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use driftline_storage::{Column, ColumnType};

use super::data_type;
use crate::error::{Error, Result, external};

/// Characters of an offending text that a message shows.
const SHOWN_MAX: usize = 60;

/// An expression as a value of a column, checked when it runs.
pub(super) fn stored(expr: Expr, from: &DataType, column: &Column) -> Result<Expr> {
    if ColumnType::from_arrow(from).is_ok_and(|ty| ty == column.ty) {
        return Ok(expr);
    }
    let to = column.ty.to_arrow();
    if !fits(from, &to) {
        let (name, wanted, given) = (&column.name, data_type::name(&to), data_type::name(from));
        return Err(Error::invalid(format!(
            "column \"{name}\" is {wanted} and takes no {given}: write CAST(... AS {wanted}) if that is meant"
        )));
    }
    let store =
        Store { column: column.name.clone(), to, signature: Signature::any(1, Volatility::Immutable) };
    Ok(ScalarUDF::new_from_impl(store).call(vec![expr]))
}

/// The function `store(value)`: the value in the type of a column, or an error that names both.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Store {
    column: String,
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Store {
    fn name(&self) -> &str {
        "store"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let convert = |array: &ArrayRef| convert(&self.column, array, &self.to).map_err(external);
        match &args.args[0] {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(convert(array)?)),
            ColumnarValue::Scalar(value) => {
                let array = convert(&value.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
            }
        }
    }
}

/// Whether values of a type can be values of another, each looked at.
fn fits(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Null, _) => true,
        (T::Dictionary(_, value), _) => fits(value, to),
        (from, to) if from == to => true,
        (from, to) if is_number(from) => is_number(to),
        (from, to) if is_text(from) => {
            is_text(to)
                || is_number(to)
                || matches!(to, T::Boolean | T::Date32 | T::Timestamp(..) | T::Binary)
        }
        (T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_), to) => {
            is_text(to) || *to == T::Binary
        }
        (T::Date32 | T::Timestamp(..), T::Date32 | T::Timestamp(..)) => true,
        (from, T::List(to) | T::FixedSizeList(to, _)) => {
            item(from).is_some_and(|from| fits(from.data_type(), to.data_type()))
        }
        (T::Struct(from), T::Struct(to)) => from.iter().all(|from| {
            to.iter().any(|to| to.name() == from.name() && fits(from.data_type(), to.data_type()))
        }),
        (T::Map(..), T::Map(..)) => match (entry(from), entry(to)) {
            (Some([key, value]), Some([to_key, to_value])) => {
                fits(key.data_type(), to_key.data_type()) && fits(value.data_type(), to_value.data_type())
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn item(list: &DataType) -> Option<&FieldRef> {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

fn entry(map: &DataType) -> Option<[&FieldRef; 2]> {
    match map {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Some([&fields[0], &fields[1]]),
            _ => None,
        },
        _ => None,
    }
}

/// The values of an array in the type of a column.
fn convert(column: &str, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (DataType::Null, _) => Ok(new_null_array(to, array.len())),
        (DataType::Dictionary(_, value), _) => convert(column, &cast(array, value)?, to),
        (_, DataType::List(_) | DataType::FixedSizeList(..)) => convert_list(column, array, to),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let given = array.as_struct();
            let inner = fields.iter().map(|field| match given.column_by_name(field.name()) {
                Some(values) => convert(column, values, field.data_type()),
                None => Ok(new_null_array(field.data_type(), array.len())),
            });
            let inner = inner.collect::<Result<_>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), inner, given.nulls().cloned())?))
        }
        (DataType::Map(_, sorted), DataType::Map(entries, _)) => {
            let (map, DataType::Struct(fields)) = (array.as_map(), entries.data_type()) else {
                return Ok(cast(array, to)?);
            };
            let keys = convert(column, map.keys(), fields[0].data_type())?;
            let values = convert(column, map.values(), fields[1].data_type())?;
            let inner = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
            let offsets = map.offsets().clone();
            Ok(Arc::new(MapArray::try_new(
                Arc::clone(entries),
                offsets,
                inner,
                map.nulls().cloned(),
                *sorted,
            )?))
        }
        _ => convert_scalars(column, array, to),
    }
}

fn convert_list(column: &str, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let (Some(from), Some(wanted)) = (item(array.data_type()), item(to)) else {
        return Ok(cast(array, to)?);
    };
    if let DataType::FixedSizeList(_, length) = array.data_type() {
        let list = array.as_fixed_size_list();
        let values = convert(column, list.values(), wanted.data_type())?;
        let list = FixedSizeListArray::try_new(Arc::clone(wanted), *length, values, list.nulls().cloned())?;
        return kept(column, array, to, cast_safely(&(Arc::new(list) as _), to)?);
    }
    let list = cast(array, &DataType::List(Arc::clone(from)))?;
    let list = list.as_list::<i32>();
    let values = convert(column, list.values(), wanted.data_type())?;
    let offsets = list.offsets().clone();
    let list = ListArray::try_new(Arc::clone(wanted), offsets, values, list.nulls().cloned())?;
    kept(column, array, to, cast_safely(&(Arc::new(list) as _), to)?)
}

fn convert_scalars(column: &str, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let converted = kept(column, array, to, cast_safely(array, to)?)?;
    let changed = match (array.data_type(), to) {
        // the nearest one, but no number becomes infinite
        (from, DataType::Float32 | DataType::Float64) if is_number(from) => {
            let there_and_back = cast(&converted, &DataType::Float64)?;
            let given = cast_safely(array, &DataType::Float64)?;
            and(&is_infinite(&there_and_back), &not(&is_infinite(&given)))?
        }
        (from, to) if is_number(from) || matches!(from, DataType::Date32 | DataType::Timestamp(..)) => {
            // integers that are converted at all are converted exactly
            match from.is_integer() && to.is_integer() {
                true => return Ok(converted),
                false => differs(array, &cast_safely(&converted, from)?)?,
            }
        }
        (from, DataType::Timestamp(..) | DataType::Date32) if is_text(from) => {
            let exact = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
            differs(&cast_safely(array, &exact)?, &cast_safely(&converted, &exact)?)?
        }
        (from, DataType::Decimal128(..) | DataType::Decimal256(..)) if is_text(from) => {
            differs(&cast_safely(array, &DataType::Float64)?, &cast_safely(&converted, &DataType::Float64)?)?
        }
        _ => return Ok(converted),
    };
    match changed.iter().position(|changed| changed == Some(true)) {
        Some(row) => Err(cannot_hold(column, to, array, row, true)),
        None => Ok(converted),
    }
}

/// Refuses a conversion that lost a value.
fn kept(column: &str, array: &ArrayRef, to: &DataType, converted: ArrayRef) -> Result<ArrayRef> {
    if converted.null_count() == array.null_count() {
        return Ok(converted);
    }
    let lost = (0..array.len()).find(|row| array.is_valid(*row) && converted.is_null(*row));
    match lost {
        Some(row) => Err(cannot_hold(column, to, array, row, false)),
        None => Ok(converted),
    }
}

/// Casts; what cannot be cast is NULL.
fn cast_safely(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() })?)
}

/// Where both have a value and it is not the same.
fn differs(one: &ArrayRef, other: &ArrayRef) -> Result<BooleanArray> {
    let both = and(&is_not_null(one)?, &is_not_null(other)?)?;
    let (one, other) = (without_negative_zero(one)?, without_negative_zero(other)?);
    Ok(and(&both, &neq(&one, &other)?)?)
}

/// Floats in which -0.0 is 0.0, as in SQL; other arrays as they are.
fn without_negative_zero(array: &ArrayRef) -> Result<ArrayRef> {
    if !array.data_type().is_floating() {
        return Ok(Arc::clone(array));
    }
    let floats = cast(array, &DataType::Float64)?;
    Ok(Arc::new(floats.as_primitive::<Float64Type>().unary::<_, Float64Type>(|value| value + 0.0)))
}

fn is_infinite(floats: &ArrayRef) -> BooleanArray {
    let floats = floats.as_primitive::<Float64Type>();
    BooleanArray::from_unary(floats, f64::is_infinite)
}

fn not(array: &BooleanArray) -> BooleanArray {
    BooleanArray::new(!array.values(), array.nulls().cloned())
}

fn cannot_hold(column: &str, to: &DataType, array: &ArrayRef, row: usize, changed: bool) -> Error {
    let mut value = array_value_to_string(array, row).unwrap_or_default();
    if let Some((cut, _)) = value.char_indices().nth(SHOWN_MAX) {
        value.replace_range(cut.., "...");
    }
    if is_text(array.data_type()) {
        value = format!("'{value}'");
    }
    let wanted = data_type::name(to);
    let hint = match (changed, to) {
        (true, _) => format!(" without loss: write CAST(... AS {wanted}) if that is meant"),
        (false, DataType::Timestamp(TimeUnit::Nanosecond, _)) => {
            ": times lie between 1677-09-21 and 2262-04-11".to_owned()
        }
        (false, _) => String::new(),
    };
    Error::invalid(format!("column \"{column}\" is {wanted} and cannot hold {value}{hint}"))
}
