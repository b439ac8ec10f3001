//! Batches at the door: checked against the schema, brought into its types, tagged with column ids.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, RecordBatch, UInt32Array},
    compute::{CastOptions, cast_with_options, take},
    datatypes::{DataType, Field, Schema},
    util::display::FormatOptions,
};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::{Column, ColumnType, TableSchema, one_nan::one_nan};
use crate::error::{Error, Result};

/// A batch that is a slice of buffers this many times larger than itself is copied, so that it frees them.
const SLICE_WASTE_MAX: usize = 4;

impl TableSchema {
    /// Checks a batch and brings it into the form in which rows are kept: the columns that the batch has, in the
    /// order of the schema, in its Arrow types, with one NaN, each field with the column id in its metadata. All-null
    /// columns are left out.
    ///
    /// # Errors
    /// `Invalid` for an unknown or doubled column, another type, or a missing value in a NOT NULL column.
    pub(crate) fn conform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.columns().len()];
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            let column = self.column(field.name());
            let column = column.ok_or_else(|| Error::invalid(self.no_column(field.name())))?;
            let position = self.index_of(column.id).expect("the column came from this schema");
            if arrays[position].is_some() {
                return Err(Error::invalid(format!("column {:?} occurs twice in the batch", column.name)));
            }
            arrays[position] = Some(one_nan(&conform_array(column, array)?)?);
        }
        let mut fields = Vec::with_capacity(arrays.len());
        let mut kept = Vec::with_capacity(arrays.len());
        for ((column, field), array) in self.columns().iter().zip(self.arrow().fields()).zip(arrays) {
            let nulls = array.as_ref().map_or(batch.num_rows(), |array| array.logical_null_count());
            if nulls > 0 && !column.nullable {
                let message =
                    format!("column {:?} must have a value in every row: {nulls} have none", column.name);
                return Err(Error::invalid(message));
            }
            match array {
                Some(array) if nulls < array.len() || !column.nullable => {
                    fields.push(Arc::clone(field));
                    kept.push(array);
                }
                _ => {}
            }
        }
        let conformed = RecordBatch::try_new(Arc::new(Schema::new(fields)), kept)
            .map_err(|error| Error::invalid("the batch does not fit the table").with_source(error))?;
        compact(conformed)
    }
}

/// Reads the column id from the metadata of a field.
pub fn column_id(field: &Field) -> Option<u32> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY)?.parse().ok()
}

/// Counts the bytes of the rows of a batch itself, without what its buffers hold beside them.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> usize {
    let slices = batch.columns().iter().map(|array| {
        let data = array.to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| data.get_array_memory_size())
    });
    slices.sum()
}

fn conform_array(column: &Column, array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = column.ty.to_arrow();
    if *array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    let null = *array.data_type() == DataType::Null;
    if !null && ColumnType::from_arrow(array.data_type()).ok().as_ref() != Some(&column.ty) {
        let got = ColumnType::from_arrow(array.data_type())
            .map_or_else(|_| array.data_type().to_string(), |ty| ty.to_string());
        return Err(Error::invalid(format!("column {:?} is {}, got {got}", column.name, column.ty)));
    }
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    cast_with_options(array, &wanted, &options).map_err(|error| {
        Error::invalid(format!("column {:?} cannot be read as {}", column.name, column.ty)).with_source(error)
    })
}

/// Copies a batch that keeps much larger buffers alive.
fn compact(batch: RecordBatch) -> Result<RecordBatch> {
    let held = batch.get_array_memory_size();
    if held <= 64 * 1024 || held <= SLICE_WASTE_MAX * batch_bytes(&batch) {
        return Ok(batch);
    }
    let all = UInt32Array::from_iter_values(0..batch.num_rows() as u32);
    let copies: Result<Vec<ArrayRef>, _> =
        batch.columns().iter().map(|array| take(array, &all, None)).collect();
    copies
        .and_then(|copies| RecordBatch::try_new(batch.schema(), copies))
        .map_err(|error| Error::internal("cannot copy a batch").with_source(error))
}
