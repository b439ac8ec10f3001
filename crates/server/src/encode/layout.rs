//! The types in which columns are sent.
//!
//! | column | plain (the default) | arrow |
//! |---|---|---|
//! | text views, dictionaries, run ends | text, or the type of the values | the same |
//! | timestamp of any unit | timestamp in nanoseconds, same zone | as it is |
//! | date | timestamp in nanoseconds at 00:00 | as it is |
//! | time of day, interval | text | as it is |
//! | duration | BIGINT, nanoseconds | as it is |
//! | decimal, half float | DOUBLE, REAL | as it is |
//! | binary | text, lower-case hexadecimal digits | binary |
//! | list, struct, map, union | text, JSON | the same with plain parts |
//! | the type of NULL | text | the same |
//!
//! What a type cannot hold is an error that names the column, never another value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::util::display::FormatOptions;
use driftline::{Error, ErrorKind, Result};

use super::json;

/// A value that does not fit is an error.
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// Which types a caller takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Types {
    /// What Grafana, and so every client, can read.
    #[default]
    Plain,
    /// Arrow's own, without views, dictionaries and run ends.
    Arrow,
}

/// The columns of an answer as they are sent.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    sent: SchemaRef,
}

impl Layout {
    /// The layout of an answer of this schema.
    pub(crate) fn new(schema: &Schema, types: Types) -> Self {
        let fields = schema.fields().iter().map(|field| {
            let sent = match types {
                Types::Plain => plain(field.data_type()),
                Types::Arrow => without_views(field.data_type()),
            };
            Field::new(field.name(), sent, true).with_metadata(field.metadata().clone())
        });
        Self { sent: Arc::new(Schema::new(fields.collect::<Fields>())) }
    }

    /// The layout of an answer that is sent as it is: what the protocol itself prescribes.
    pub(crate) fn exact(schema: &SchemaRef) -> Self {
        Self { sent: Arc::clone(schema) }
    }

    /// The schema that is promised and sent.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.sent
    }

    /// A batch as it is sent. Its columns are found by position, whatever their types are said to be.
    ///
    /// # Errors
    /// `Invalid` for a value that the sent type cannot hold, as a time outside of what nanoseconds can say.
    pub(crate) fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.sent.fields().iter().zip(batch.columns()).map(|(field, column)| {
            convert(column, field.data_type()).map_err(|error| does_not_fit(field, column, error))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.sent), columns, &options)?)
    }
}

fn plain(data_type: &DataType) -> DataType {
    use DataType as T;
    match data_type {
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64
        | T::Float32
        | T::Float64
        | T::Utf8 => data_type.clone(),
        T::Float16 => T::Float32,
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => T::Float64,
        T::Timestamp(_, zone) => T::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        T::Date32 | T::Date64 => T::Timestamp(TimeUnit::Nanosecond, None),
        T::Duration(_) => T::Int64,
        T::Dictionary(_, values) => plain(values),
        T::RunEndEncoded(_, values) => plain(values.data_type()),
        _ => T::Utf8,
    }
}

/// The same type without what older clients cannot read.
pub(super) fn without_views(data_type: &DataType) -> DataType {
    use DataType as T;
    let item =
        |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(without_views(field.data_type())));
    match data_type {
        T::Utf8View | T::Null => T::Utf8,
        T::BinaryView => T::Binary,
        T::Dictionary(_, values) => without_views(values),
        T::RunEndEncoded(_, values) => without_views(values.data_type()),
        T::List(field) | T::ListView(field) => T::List(item(field)),
        T::LargeList(field) | T::LargeListView(field) => T::LargeList(item(field)),
        T::FixedSizeList(field, length) => T::FixedSizeList(item(field), *length),
        T::Struct(fields) => T::Struct(fields.iter().map(item).collect()),
        T::Map(entries, sorted) => T::Map(item(entries), *sorted),
        other => other.clone(),
    }
}

fn convert(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    use DataType as T;
    let from = column.data_type();
    match (from, to) {
        _ if from == to => Ok(Arc::clone(column)),
        (T::Null, _) => Ok(new_null_array(to, column.len())),
        (T::Dictionary(_, values), _) => convert(&cast(column, values)?, to),
        (T::RunEndEncoded(_, values), _) => convert(&cast(column, values.data_type())?, to),
        (T::Duration(_), T::Int64) => cast(&cast(column, &T::Duration(TimeUnit::Nanosecond))?, to),
        (T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_), T::Utf8) => hexadecimal(column),
        (nested, T::Utf8) if nested.is_nested() => json::render(column),
        _ => cast(column, to),
    }
}

fn cast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(column, to, &STRICT)?)
}

fn hexadecimal(column: &ArrayRef) -> Result<ArrayRef> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = cast(column, &DataType::Binary)?;
    let bytes = arrow::array::AsArray::as_binary::<i32>(&bytes);
    let mut texts = StringBuilder::with_capacity(bytes.len(), bytes.value_data().len() * 2);
    let mut text = String::new();
    for value in bytes {
        text.clear();
        for byte in value.unwrap_or_default() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        texts.append_option(value.map(|_| text.as_str()));
    }
    Ok(Arc::new(texts.finish()))
}

fn does_not_fit(field: &Field, column: &ArrayRef, error: Error) -> Error {
    let hint = match field.data_type() {
        DataType::Timestamp(..) => {
            ": times are sent in nanoseconds, from 1677-09-21 to 2262-04-11; cast others to TEXT"
        }
        _ => "",
    };
    let (name, from) = (field.name(), column.data_type());
    let message = format!("column \"{name}\" of type {from} has a value that cannot be sent{hint} ({error})");
    Error::new(ErrorKind::Invalid, message).with_source(error)
}

#[cfg(test)]
mod tests;
