//! Columns of a client as columns of a table. What is the same value in another width, unit or encoding is converted; anything else,
//! and every value that would change, is an error.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::FormatOptions;
use tonic::Status;

use crate::error::arrow_status;

/// The column that every table has.
const TIME: &str = "time";

/// A value that does not fit is an error.
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// A batch in the types of a table, columns matched by name. Unknown columns stay, for the table to refuse them by name.
pub(super) fn into_table(batch: &RecordBatch, table: &Schema) -> Result<RecordBatch, Status> {
    let given = batch.schema();
    let columns = given.fields().iter().zip(batch.columns()).map(|(field, column)| {
        match table.field_with_name(field.name()) {
            Ok(wanted) => convert(column, wanted),
            Err(_) => Ok(Arc::clone(column)),
        }
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, Status>>()?;
    let fields = given.fields().iter().zip(&columns);
    let fields: Vec<Field> =
        fields.map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(arrow_status)
}

/// `CREATE TABLE` for the columns of a batch.
pub(super) fn declaration(table: &str, batch: &SchemaRef) -> Result<String, Status> {
    let Ok(time) = batch.field_with_name(TIME) else {
        return Err(Status::invalid_argument(format!(
            "a table needs a column \"{TIME}\" of timestamps, got {}",
            batch.fields().iter().map(|field| format!("\"{}\"", field.name())).collect::<Vec<_>>().join(", ")
        )));
    };
    if !matches!(time.data_type(), DataType::Timestamp(..)) {
        return Err(Status::invalid_argument(format!(
            "the column \"{TIME}\" of a table holds timestamps, got {}",
            time.data_type()
        )));
    }
    let others = batch.fields().iter().filter(|field| field.name() != TIME).map(|field| {
        format!(", {} {}", quoted(field.name()), driftline::type_name(&kept(field.data_type())))
    });
    Ok(format!("CREATE TABLE {} ({TIME} TIMESTAMP NOT NULL{})", quoted(table), others.collect::<String>()))
}

/// The type of a column that keeps values of this type.
fn kept(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some("UTC".into())),
        DataType::Dictionary(_, values) => kept(values),
        DataType::RunEndEncoded(_, values) => kept(values.data_type()),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Null => DataType::Utf8,
        DataType::ListView(item) => DataType::List(Arc::clone(item)),
        other => other.clone(),
    }
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn convert(column: &ArrayRef, wanted: &Field) -> Result<ArrayRef, Status> {
    let (from, to) = (column.data_type(), wanted.data_type());
    if from == to || !becomes(from, to) {
        // the table says what it takes
        return Ok(Arc::clone(column));
    }
    cast_with_options(column, to, &STRICT).map_err(|error| {
        Status::invalid_argument(format!(
            "column \"{}\" of type {to} cannot take {from}: {error}",
            wanted.name()
        ))
    })
}

/// Whether every value of one type is a value of the other, or can be seen not to be.
fn becomes(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let exact_in_double = matches!(
        from,
        T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 | T::UInt32 | T::Float16 | T::Float32
    );
    match (from, to) {
        (T::Timestamp(from, _), T::Timestamp(to, _)) => nanoseconds(from) >= nanoseconds(to),
        (T::Date32 | T::Date64, T::Timestamp(..)) => true,
        (_, T::Float64) => exact_in_double,
        (T::Float16, T::Float32) | (T::Date64, T::Date32) | (T::Null, _) => true,
        (from, to) if from.is_integer() && to.is_integer() => true,
        (T::Dictionary(_, values), to) => **values == *to || becomes(values, to),
        (T::RunEndEncoded(_, values), to) => values.data_type() == to || becomes(values.data_type(), to),
        (T::Utf8 | T::LargeUtf8 | T::Utf8View, T::Utf8 | T::LargeUtf8 | T::Utf8View) => true,
        _ => false,
    }
}

/// How long a unit is.
fn nanoseconds(unit: &TimeUnit) -> u64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}
