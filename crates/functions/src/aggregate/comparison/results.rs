//! The answers of many groups as one column: DOUBLE, or STRUCT with whatever fields a function declares.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, internal_err, resources_err};

/// What a function returns.
pub(crate) enum Returns {
    Double,
    /// The names and kinds of the fields.
    Struct(&'static [(&'static str, Kind)]),
}

/// The kind of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Double,
    BigInt,
    Integer,
    Boolean,
    Text,
    /// A list of structs.
    Rows(&'static [(&'static str, Kind)]),
}

/// The answer of one group.
#[derive(Debug)]
pub(crate) enum Answer {
    /// As a whole.
    Null,
    Double(f64),
    /// The fields in the order of their declaration.
    Struct(Vec<Cell>),
}

/// One field of an answer.
#[derive(Debug)]
pub(crate) enum Cell {
    Null,
    Double(f64),
    /// A count, as BIGINT.
    Count(u64),
    Integer(i32),
    Boolean(bool),
    Text(Cow<'static, str>),
    Rows(Vec<Vec<Cell>>),
}

impl From<Option<f64>> for Answer {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Null, Self::Double)
    }
}

impl From<f64> for Answer {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Null, Self::Double)
    }
}

impl Returns {
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Double => DataType::Float64,
            Self::Struct(fields) => DataType::Struct(fields_of(fields)),
        }
    }

    /// One answer as a value.
    pub(crate) fn value(&self, answer: Answer) -> Result<ScalarValue> {
        match (self, answer) {
            (Self::Double, Answer::Double(value)) => Ok(ScalarValue::Float64(known(value))),
            (Self::Double, Answer::Null) => Ok(ScalarValue::Float64(None)),
            (_, answer) => {
                let mut results = Results::new(self);
                results.push(answer)?;
                ScalarValue::try_from_array(&results.finish()?, 0)
            }
        }
    }
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Double => DataType::Float64,
            Self::BigInt => DataType::Int64,
            Self::Integer => DataType::Int32,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::Utf8,
            Self::Rows(fields) => DataType::new_list(DataType::Struct(fields_of(fields)), true),
        }
    }
}

fn fields_of(fields: &[(&str, Kind)]) -> Fields {
    fields.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true)).collect()
}

/// A number beyond the largest DOUBLE, such as a distance from one end of the number line to the other, is NULL.
fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Collects the answers of groups.
pub(crate) enum Results {
    Doubles(Vec<Option<f64>>),
    Structs(Table),
}

/// Rows of structs, column by column.
pub(crate) struct Table {
    fields: &'static [(&'static str, Kind)],
    columns: Vec<Column>,
    known: Vec<bool>,
}

enum Column {
    Doubles(Vec<Option<f64>>),
    BigInts(Vec<Option<i64>>),
    Integers(Vec<Option<i32>>),
    Booleans(Vec<Option<bool>>),
    Texts(StringBuilder),
    Rows { table: Table, ends: Vec<i32> },
}

impl Results {
    pub(crate) fn new(returns: &Returns) -> Self {
        match returns {
            Returns::Double => Self::Doubles(Vec::new()),
            Returns::Struct(fields) => Self::Structs(Table::new(fields)),
        }
    }

    pub(crate) fn push(&mut self, answer: Answer) -> Result<()> {
        match (self, answer) {
            (Self::Doubles(values), Answer::Double(value)) => values.push(known(value)),
            (Self::Doubles(values), Answer::Null) => values.push(None),
            (Self::Structs(table), Answer::Struct(cells)) => table.push(Some(cells))?,
            (Self::Structs(table), Answer::Null) => table.push(None)?,
            (_, answer) => return internal_err!("a measure does not return what it declares: {answer:?}"),
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<ArrayRef> {
        match self {
            Self::Doubles(values) => Ok(Arc::new(Float64Array::from(values))),
            Self::Structs(table) => Ok(Arc::new(table.finish()?)),
        }
    }
}

impl Table {
    fn new(fields: &'static [(&'static str, Kind)]) -> Self {
        let columns = fields.iter().map(|(_, kind)| Column::new(*kind)).collect();
        Self { fields, columns, known: Vec::new() }
    }

    /// Adds a row; `None` is NULL as a whole.
    fn push(&mut self, cells: Option<Vec<Cell>>) -> Result<()> {
        self.known.push(cells.is_some());
        let cells = cells.unwrap_or_else(|| self.columns.iter().map(|_| Cell::Null).collect());
        if cells.len() != self.columns.len() {
            return internal_err!("a measure gave {} fields of {}", cells.len(), self.columns.len());
        }
        self.columns.iter_mut().zip(cells).try_for_each(|(column, cell)| column.push(cell))
    }

    fn finish(self) -> Result<StructArray> {
        let rows = self.known.len();
        let columns = self.columns.into_iter().map(Column::finish).collect::<Result<Vec<_>>>()?;
        let nulls = Some(NullBuffer::from(self.known)).filter(|nulls| nulls.null_count() > 0);
        Ok(StructArray::try_new_with_length(fields_of(self.fields), columns, nulls, rows)?)
    }
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Double => Self::Doubles(Vec::new()),
            Kind::BigInt => Self::BigInts(Vec::new()),
            Kind::Integer => Self::Integers(Vec::new()),
            Kind::Boolean => Self::Booleans(Vec::new()),
            Kind::Text => Self::Texts(StringBuilder::new()),
            Kind::Rows(fields) => Self::Rows { table: Table::new(fields), ends: Vec::new() },
        }
    }

    fn push(&mut self, cell: Cell) -> Result<()> {
        match (self, cell) {
            (Self::Doubles(values), Cell::Double(value)) => values.push(Some(value)),
            (Self::Doubles(values), Cell::Null) => values.push(None),
            (Self::BigInts(values), Cell::Count(value)) => values.push(Some(value as i64)),
            (Self::BigInts(values), Cell::Null) => values.push(None),
            (Self::Integers(values), Cell::Integer(value)) => values.push(Some(value)),
            (Self::Integers(values), Cell::Null) => values.push(None),
            (Self::Booleans(values), Cell::Boolean(value)) => values.push(Some(value)),
            (Self::Booleans(values), Cell::Null) => values.push(None),
            (Self::Texts(texts), Cell::Text(text)) => texts.append_value(text),
            (Self::Texts(texts), Cell::Null) => texts.append_null(),
            (Self::Rows { table, ends }, cell @ (Cell::Rows(_) | Cell::Null)) => {
                if let Cell::Rows(rows) = cell {
                    rows.into_iter().try_for_each(|row| table.push(Some(row)))?;
                }
                match i32::try_from(table.known.len()) {
                    Ok(end) => ends.push(end),
                    Err(_) => {
                        return resources_err!("more than {} rows in the lists of one result", i32::MAX);
                    }
                }
            }
            (_, cell) => return internal_err!("a measure does not return what it declares: {cell:?}"),
        }
        Ok(())
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Doubles(values) => Arc::new(Float64Array::from(values)),
            Self::BigInts(values) => Arc::new(Int64Array::from(values)),
            Self::Integers(values) => Arc::new(Int32Array::from(values)),
            Self::Booleans(values) => Arc::new(BooleanArray::from(values)),
            Self::Texts(mut texts) => Arc::new(texts.finish()),
            Self::Rows { table, mut ends } => {
                ends.insert(0, 0);
                let rows = table.finish()?;
                let field =
                    Arc::new(Field::new_list_field(arrow::array::Array::data_type(&rows).clone(), true));
                Arc::new(ListArray::new(
                    field,
                    OffsetBuffer::new(ScalarBuffer::from(ends)),
                    Arc::new(rows),
                    None,
                ))
            }
        })
    }
}
