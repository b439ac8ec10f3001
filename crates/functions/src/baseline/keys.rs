//! The keys of a baseline, and the way from the values of a row to the reference that is kept for them.

use std::collections::HashMap;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{and, cast};
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_err};

/// The keys of a baseline: for each of its references one value a key column, NULL being a value like any other.
#[derive(Debug)]
pub struct Keys {
    names: Vec<String>,
    columns: Vec<ArrayRef>,
    converter: RowConverter,
    found: HashMap<Box<[u8]>, u32>,
}

impl Keys {
    /// Reads the key columns of a baseline.
    ///
    /// # Errors
    /// Fails where two references have the same keys.
    pub fn new(names: Vec<String>, columns: Vec<ArrayRef>) -> Result<Self> {
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let numbers: Vec<ArrayRef> = columns.iter().map(one_zero).collect::<Result<_>>()?;
        let rows = converter.convert_columns(&numbers)?;
        let found: HashMap<Box<[u8]>, u32> =
            rows.iter().zip(0..).map(|(row, index)| (Box::from(row.as_ref()), index)).collect();
        if found.len() != rows.num_rows() {
            return internal_err!("a baseline has a key twice");
        }
        Ok(Self { names, columns, converter, found })
    }

    /// The names of the key columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The key columns: one row a reference.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// The type in which a key is stored.
    pub fn stored_type(kind: &DataType) -> DataType {
        match kind {
            DataType::Dictionary(_, value) => Self::stored_type(value),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
            unsigned @ DataType::UInt64 => unsigned.clone(),
            whole if whole.is_integer() => DataType::Int64,
            float if float.is_floating() => DataType::Float64,
            other => other.clone(),
        }
    }

    /// For each row of `columns`, which reference its keys have. They are read in the stored types: that costs a cast of a row a
    /// group, and spares the plan one of every row. A value that the stored type does not have is the key of no reference.
    pub(crate) fn find(&self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>> {
        let mut read = Vec::with_capacity(columns.len());
        let mut kept: Option<BooleanArray> = None;
        for (column, stored) in columns.iter().zip(&self.columns) {
            let as_stored = one_zero(&cast(column, stored.data_type())?)?;
            if column.data_type() != stored.data_type() && column.data_type().is_primitive() {
                let back = cast(&as_stored, column.data_type())?;
                let same = not_distinct(&one_zero(&back)?, &one_zero(column)?)?;
                kept = Some(match kept {
                    Some(kept) => and(&kept, &same)?,
                    None => same,
                });
            }
            read.push(as_stored);
        }
        let rows = self.converter.convert_columns(&read)?;
        let is_kept = |row: usize| kept.as_ref().is_none_or(|kept| kept.value(row));
        let find = |(at, row): (usize, arrow::row::Row<'_>)| match is_kept(at) {
            true => self.found.get(row.as_ref()).copied(),
            false => None,
        };
        Ok(rows.iter().enumerate().map(find).collect())
    }
}

/// Floats with one zero and one NaN, as GROUP BY sees them, as DOUBLE; anything else as it is.
fn one_zero(column: &ArrayRef) -> Result<ArrayRef> {
    if !column.data_type().is_floating() {
        return Ok(Arc::clone(column));
    }
    let numbers = cast(column, &DataType::Float64)?;
    let one = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
    let numbers: Float64Array = numbers.as_primitive::<Float64Type>().unary(one);
    Ok(Arc::new(numbers))
}
