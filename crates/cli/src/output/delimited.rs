//! CSV with a header. Lists, structs and maps are written as JSON, since CSV has no words for them.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, StringArray};
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::writer::LineDelimited;
use arrow::record_batch::RecordBatch;

use super::json::{self, RFC_3339_UTC};
use super::{Out, Sink};

pub(super) struct CsvSink<'a> {
    writer: Writer<Out<'a>>,
    schema: SchemaRef,
}

impl<'a> CsvSink<'a> {
    /// Starts the file: the header is there even when no row follows.
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        let writer = WriterBuilder::new()
            .with_header(true)
            .with_timestamp_format(RFC_3339_UTC.to_owned())
            .with_timestamp_tz_format(RFC_3339_UTC.to_owned())
            .build(out);
        let mut sink = Self { writer, schema: flat_schema(schema) };
        sink.writer.write(&RecordBatch::new_empty(Arc::clone(&sink.schema)))?;
        Ok(sink)
    }
}

impl Sink for CsvSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().map(flat_column).collect::<Result<Vec<_>>>()?;
        Ok(self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

fn flat_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let ty = if field.data_type().is_nested() { DataType::Utf8 } else { field.data_type().clone() };
        Field::new(field.name(), ty, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn flat_column(column: &ArrayRef) -> Result<ArrayRef> {
    if column.data_type().is_nested() { Ok(Arc::new(as_json(column)?)) } else { Ok(Arc::clone(column)) }
}

/// Each value of a nested column as JSON text, NULL where it is NULL.
fn as_json(column: &ArrayRef) -> Result<StringArray> {
    let mut lines = Vec::new();
    let batch = RecordBatch::try_from_iter_with_nullable([("v", Arc::clone(column), true)])?;
    let mut writer = json::builder().build::<_, LineDelimited>(&mut lines);
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    // every line is {"v":...}
    let text = String::from_utf8(lines)?;
    let values = text.lines().enumerate().map(|(row, line)| {
        let value = line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}'));
        value.filter(|_| !column.is_null(row))
    });
    Ok(values.collect())
}
