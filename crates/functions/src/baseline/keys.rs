//! The keys of a baseline, and the way from the values of a row to the reference that is kept for them.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
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
        let rows = converter.convert_columns(&columns)?;
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
    /// group, and spares the plan one of every row.
    pub(crate) fn find(&self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>> {
        let stored = self.columns.iter().map(|stored| stored.data_type());
        let columns = columns
            .iter()
            .zip(stored)
            .map(|(column, stored)| cast(column, stored))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = self.converter.convert_columns(&columns)?;
        Ok(rows.iter().map(|row| self.found.get(row.as_ref()).copied()).collect())
    }
}
