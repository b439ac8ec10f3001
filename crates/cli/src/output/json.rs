//! JSON: one array of objects, or one object a line. NULL and NaN are null, times are RFC 3339 in UTC.

use std::io::Write;

use anyhow::Result;
use arrow::json::WriterBuilder;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer};
use arrow::record_batch::RecordBatch;

use super::{Out, Sink};

/// A timestamp without a zone is an instant in UTC, as everywhere in Driftline.
pub(super) const RFC_3339_UTC: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

pub(super) struct JsonSink<'a, F: JsonFormat> {
    writer: Writer<Out<'a>, F>,
    ends_with_newline: bool,
}

pub(super) fn array(out: Out<'_>) -> JsonSink<'_, JsonArray> {
    JsonSink { writer: builder().build(out), ends_with_newline: false }
}

pub(super) fn lines(out: Out<'_>) -> JsonSink<'_, LineDelimited> {
    JsonSink { writer: builder().build(out), ends_with_newline: true }
}

pub(super) fn builder() -> WriterBuilder {
    WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_format(RFC_3339_UTC.to_owned())
        .with_timestamp_tz_format(RFC_3339_UTC.to_owned())
}

impl<F: JsonFormat> Sink for JsonSink<'_, F> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.finish()?;
        if !self.ends_with_newline {
            self.writer.get_mut().write_all(b"\n")?;
        }
        Ok(())
    }
}
