//! The names of types in our SQL, both ways: what a `CREATE TABLE` says becomes an Arrow type, and `DESCRIBE` says it again.
//! `TIMESTAMP` is an instant: nanoseconds in UTC, unless a precision is written.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::error::{Error, Result, nearest};

/// Precision and scale of a DECIMAL that states none.
const DECIMAL_DEFAULT: (u8, i8) = (38, 10);

/// The time zone of every TIMESTAMP.
const UTC: &str = "UTC";

/// Names that a type can begin with, for the suggestion when one is misspelt.
const NAMES: [&str; 24] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "REAL",
    "FLOAT",
    "DOUBLE",
    "TEXT",
    "VARCHAR",
    "STRING",
    "BINARY",
    "BLOB",
    "BYTEA",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "DECIMAL",
    "NUMERIC",
    "STRUCT",
    "MAP",
    "ARRAY",
    "LIST",
    "INT",
];

/// Parses a type, with `[]` for lists and `[n]` for lists of fixed length behind it.
pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let mut data_type = parse_scalar(cursor)?;
    while cursor.accept_symbol(&Token::LBracket) {
        let item = Arc::new(Field::new_list_field(data_type, true));
        data_type = match cursor.peek() {
            Token::RBracket => DataType::List(item),
            _ => DataType::FixedSizeList(item, cursor.integer("the length of the list")?),
        };
        cursor.expect_symbol(&Token::RBracket)?;
    }
    Ok(data_type)
}

fn parse_scalar(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let error = cursor.unexpected("a type");
    let name = cursor.identifier("a type")?.to_uppercase();
    let data_type = match name.as_str() {
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "TINYINT" => unsigned(cursor, DataType::Int8, DataType::UInt8),
        "SMALLINT" => unsigned(cursor, DataType::Int16, DataType::UInt16),
        "INTEGER" | "INT" => unsigned(cursor, DataType::Int32, DataType::UInt32),
        "BIGINT" => unsigned(cursor, DataType::Int64, DataType::UInt64),
        "REAL" | "FLOAT" => DataType::Float32,
        "DOUBLE" => {
            cursor.accept(&["PRECISION"]);
            DataType::Float64
        }
        "TEXT" | "STRING" => DataType::Utf8,
        "VARCHAR" | "CHAR" => {
            parse_numbers(cursor)?;
            DataType::Utf8
        }
        "BINARY" | "VARBINARY" | "BLOB" | "BYTEA" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIMESTAMP" | "TIMESTAMPTZ" => parse_timestamp(cursor)?,
        "DECIMAL" | "NUMERIC" => parse_decimal(cursor)?,
        "ARRAY" | "LIST" => {
            cursor.expect_symbol(&Token::Lt)?;
            let item = parse(cursor)?;
            cursor.expect_close_angle()?;
            DataType::List(Arc::new(Field::new_list_field(item, true)))
        }
        "STRUCT" => parse_struct(cursor)?,
        "MAP" => parse_map(cursor)?,
        other => return Err(Error::invalid(format!("{error}{}", nearest(other, NAMES)))),
    };
    Ok(data_type)
}

fn unsigned(cursor: &mut Cursor<'_>, signed: DataType, unsigned: DataType) -> DataType {
    if cursor.accept(&["UNSIGNED"]) { unsigned } else { signed }
}

fn parse_timestamp(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let unit = match parse_numbers(cursor)?.as_slice() {
        [] | [9] => TimeUnit::Nanosecond,
        [6] => TimeUnit::Microsecond,
        [3] => TimeUnit::Millisecond,
        [0] => TimeUnit::Second,
        other => {
            return Err(Error::invalid(format!(
                "the precision of a TIMESTAMP is 0, 3, 6 or 9, got {other:?}"
            )));
        }
    };
    if cursor.at(&["WITHOUT"]) {
        return Err(Error::invalid(
            "TIMESTAMP WITHOUT TIME ZONE is not supported: a TIMESTAMP is an instant, kept in UTC",
        ));
    }
    cursor.accept(&["WITH", "TIME", "ZONE"]);
    Ok(DataType::Timestamp(unit, Some(UTC.into())))
}

fn parse_decimal(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let (precision, scale) = match parse_numbers(cursor)?.as_slice() {
        [] => DECIMAL_DEFAULT,
        [precision] => (u8::try_from(*precision).unwrap_or(0), 0),
        [precision, scale, ..] => (u8::try_from(*precision).unwrap_or(0), i8::try_from(*scale).unwrap_or(-1)),
    };
    if !(1..=38).contains(&precision) || scale < 0 || scale as u8 > precision {
        return Err(Error::invalid(format!(
            "DECIMAL(precision, scale) needs 1 <= precision <= 38 and 0 <= scale <= precision, got ({precision}, {scale})"
        )));
    }
    Ok(DataType::Decimal128(precision, scale))
}

fn parse_numbers(cursor: &mut Cursor<'_>) -> Result<Vec<i32>> {
    let mut numbers = vec![];
    if cursor.accept_symbol(&Token::LParen) {
        loop {
            numbers.push(cursor.integer("a whole number")?);
            if !cursor.accept_symbol(&Token::Comma) {
                break;
            }
        }
        cursor.expect_symbol(&Token::RParen)?;
    }
    Ok(numbers)
}

fn parse_struct(cursor: &mut Cursor<'_>) -> Result<DataType> {
    cursor.expect_symbol(&Token::Lt)?;
    let mut fields = vec![];
    loop {
        let name = cursor.identifier("the name of a field")?;
        fields.push(Field::new(name, parse(cursor)?, true));
        if !cursor.accept_symbol(&Token::Comma) {
            break;
        }
    }
    cursor.expect_close_angle()?;
    Ok(DataType::Struct(Fields::from(fields)))
}

fn parse_map(cursor: &mut Cursor<'_>) -> Result<DataType> {
    cursor.expect_symbol(&Token::Lt)?;
    let key = parse(cursor)?;
    cursor.expect_symbol(&Token::Comma)?;
    let value = parse(cursor)?;
    cursor.expect_close_angle()?;
    let entries = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    Ok(DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false))
}

/// The name of an Arrow type in our SQL, as a `CREATE TABLE` would say it.
///
/// # Example
/// ```
/// use driftline::arrow::datatypes::DataType;
/// assert_eq!(driftline::type_name(&DataType::Float64), "DOUBLE");
/// ```
pub fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INTEGER".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::UInt8 => "TINYINT UNSIGNED".into(),
        DataType::UInt16 => "SMALLINT UNSIGNED".into(),
        DataType::UInt32 => "INTEGER UNSIGNED".into(),
        DataType::UInt64 => "BIGINT UNSIGNED".into(),
        DataType::Float32 => "REAL".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "TEXT".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BINARY".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => "TIMESTAMP".into(),
        DataType::Timestamp(unit, zone) => {
            let precision = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let suffix = if zone.is_some() { "" } else { " WITHOUT TIME ZONE" };
            format!("TIMESTAMP({precision}){suffix}")
        }
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::List(item) | DataType::LargeList(item) => format!("{}[]", name(item.data_type())),
        DataType::FixedSizeList(item, length) => format!("{}[{length}]", name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{} {}", field.name(), name(field.data_type()))).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("MAP<{}, {}>", name(fields[0].data_type()), name(fields[1].data_type()))
            }
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}
