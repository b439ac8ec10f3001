//! The table that files are loaded into: its columns from theirs, and their batches in its types.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::cast_with_options;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;

use super::time_column::{STRICT, TimeColumn};
use crate::failure::Failure;

/// Which column of the table each column of a file becomes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// Table column by position in the file.
    names: Vec<String>,
    time: usize,
}

impl Mapping {
    /// Names in SQL need no quotes: lower case, digits and underscores. The time column becomes `time`.
    pub(crate) fn new(file: &Schema, time_column: &str) -> Result<Self> {
        let time = file.fields().iter().position(|field| field.name() == time_column).ok_or_else(|| {
            let names: Vec<&str> = file.fields().iter().map(|field| field.name().as_str()).collect();
            Failure::invalid(format!(
                "the file has no column '{time_column}' for the time: name one with --time-column ({})",
                names.join(", ")
            ))
        })?;
        let mut seen = HashSet::new();
        let mut names = Vec::with_capacity(file.fields().len());
        for (index, field) in file.fields().iter().enumerate() {
            let name = if index == time { "time".to_owned() } else { column_name(field.name()) };
            if !seen.insert(name.clone()) {
                return Err(Failure::invalid(format!(
                    "two columns of the file would be called '{name}', one of them is '{}': rename it in the file",
                    field.name()
                )));
            }
            names.push(name);
        }
        Ok(Self { names, time })
    }

    /// Columns whose name changes: from, to.
    pub(crate) fn renamed<'a>(&'a self, file: &'a Schema) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs =
            file.fields().iter().zip(&self.names).map(|(field, name)| (field.name().as_str(), name.as_str()));
        pairs.filter(|(from, to)| from != to)
    }

    /// The table column that a column of the file becomes, except the time.
    pub(crate) fn table_column(&self, file: &Schema, column: &str) -> Option<&str> {
        let index = file.fields().iter().position(|field| field.name() == column)?;
        (index != self.time).then(|| self.names[index].as_str())
    }

    /// `CREATE TABLE` for the columns of the file.
    pub(crate) fn create_table(&self, table: &str, file: &Schema, sort: Option<&str>) -> Result<String> {
        let mut columns = vec!["time TIMESTAMP NOT NULL".to_owned()];
        for (index, (field, name)) in file.fields().iter().zip(&self.names).enumerate() {
            if index != self.time {
                let ty = sql_type(field.data_type()).with_context(|| format!("column '{}'", field.name()))?;
                columns.push(format!("{} {ty}", quoted(name)));
            }
        }
        let sort =
            sort.map_or_else(String::new, |sort| format!(" WITH (sort = '{}')", sort.replace('\'', "''")));
        Ok(format!("CREATE TABLE {} ({}){sort}", quoted(table), columns.join(", ")))
    }

    /// A batch of the file as rows of the table: columns by name, in the table's types; what the file lacks is NULL.
    pub(crate) fn convert(
        &self,
        batch: &RecordBatch,
        table: &SchemaRef,
        time: &mut TimeColumn,
    ) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(table.fields().len());
        for field in table.fields() {
            let source = self.names.iter().position(|name| name == field.name());
            columns.push(match source {
                Some(index) if index == self.time => time.convert(batch.column(index))?,
                Some(index) => self.cast(batch.column(index), field)?,
                None => new_null_array(field.data_type(), batch.num_rows()),
            });
        }
        RecordBatch::try_new(Arc::clone(table), columns).map_err(|error| Failure::invalid(error.to_string()))
    }

    /// Columns of the file that the table does not have.
    pub(crate) fn unknown<'a>(&'a self, table: &'a Schema) -> Vec<&'a str> {
        self.names.iter().map(String::as_str).filter(|name| table.field_with_name(name).is_err()).collect()
    }

    fn cast(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
        cast_with_options(column, field.data_type(), &STRICT).map_err(|error| {
            Failure::invalid(format!(
                "column '{}' does not fit the table's type {}: {error}",
                field.name(),
                field.data_type()
            ))
        })
    }
}

/// A name that SQL takes without quotes.
fn column_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            c if c.is_ascii_alphanumeric() || c == '_' => plain.push(c.to_ascii_lowercase()),
            c if c.is_alphanumeric() => plain.extend(c.to_lowercase()),
            _ if !plain.ends_with('_') && !plain.is_empty() => plain.push('_'),
            _ => {}
        }
    }
    let plain = plain.trim_end_matches('_');
    if plain.is_empty() || plain.starts_with(|c: char| c.is_ascii_digit()) {
        format!("c_{plain}")
    } else {
        plain.to_owned()
    }
}

/// An identifier that may hold anything, keywords too.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name of an Arrow type in our SQL.
fn sql_type(ty: &DataType) -> Result<String> {
    Ok(match ty {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt8 => "TINYINT UNSIGNED".to_owned(),
        DataType::UInt16 => "SMALLINT UNSIGNED".to_owned(),
        DataType::UInt32 => "INTEGER UNSIGNED".to_owned(),
        DataType::UInt64 => "BIGINT UNSIGNED".to_owned(),
        DataType::Float16 | DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "TEXT".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "BINARY".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => "TIMESTAMP(0)".to_owned(),
            TimeUnit::Millisecond => "TIMESTAMP(3)".to_owned(),
            TimeUnit::Microsecond => "TIMESTAMP(6)".to_owned(),
            TimeUnit::Nanosecond => "TIMESTAMP".to_owned(),
        },
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Dictionary(_, values) => sql_type(values)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            format!("{}[]", sql_type(item.data_type())?)
        }
        DataType::FixedSizeList(item, length) => format!("{}[{length}]", sql_type(item.data_type())?),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| Ok(format!("{} {}", quoted(field.name()), sql_type(field.data_type())?)))
                .collect::<Result<_>>()?;
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("MAP<{}, {}>", sql_type(fields[0].data_type())?, sql_type(fields[1].data_type())?)
            }
            other => return Err(unsupported(other)),
        },
        other => return Err(unsupported(other)),
    })
}

fn unsupported(ty: &DataType) -> anyhow::Error {
    Failure::invalid(format!("a table has no column type for {ty}: convert it or leave the column out"))
}
