//! Times in another zone than UTC, as text with their offset: the text formats have one pattern for all times, and it says UTC.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

const RFC_3339_OFFSET: &str = "%Y-%m-%dT%H:%M:%S%.f%:z";

/// The schema with these times as text; `None` where there are none.
pub(super) fn schema_as_text(schema: &Schema) -> Option<SchemaRef> {
    if !schema.fields().iter().any(|field| is_zoned(field.data_type())) {
        return None;
    }
    let fields = schema.fields().iter().map(|field| match is_zoned(field.data_type()) {
        true => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        false => Arc::clone(field),
    });
    Some(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// A batch in the schema that [`schema_as_text`] gave.
pub(super) fn as_text(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| match is_zoned(column.data_type()) {
        true => with_offset(column),
        false => Ok(Arc::clone(column)),
    });
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_>>()?)?)
}

fn with_offset(column: &ArrayRef) -> Result<ArrayRef> {
    let options = FormatOptions::default().with_timestamp_tz_format(Some(RFC_3339_OFFSET));
    let formatter = ArrayFormatter::try_new(column, &options)?;
    let text = |row| column.is_valid(row).then(|| formatter.value(row).to_string());
    Ok(Arc::new(StringArray::from_iter((0..column.len()).map(text))))
}

fn is_zoned(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(_, Some(zone)) if !matches!(zone.as_ref(), "UTC" | "Z" | "+00:00"))
}
