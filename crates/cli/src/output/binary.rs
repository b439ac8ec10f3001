//! Formats for programs: a Parquet file, an Arrow IPC stream.

use anyhow::Result;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{Out, Sink};

pub(super) struct ParquetSink<'a> {
    writer: ArrowWriter<Out<'a>>,
}

impl<'a> ParquetSink<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
        Ok(Self { writer: ArrowWriter::try_new(out, schema.clone(), Some(properties))? })
    }
}

impl Sink for ParquetSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.writer.close()?;
        Ok(())
    }
}

pub(super) struct ArrowSink<'a> {
    writer: StreamWriter<Out<'a>>,
}

impl<'a> ArrowSink<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        Ok(Self { writer: StreamWriter::try_new(out, schema)? })
    }
}

impl Sink for ArrowSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.writer.finish()?)
    }
}
