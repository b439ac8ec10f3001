//! Writes the result of a statement in the format that was asked for, batch by batch as it arrives.
//!
//! Only the table format keeps rows, up to a named limit, because its column widths depend on all of them.

mod binary;
mod delimited;
mod json;
mod table;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use driftline::QueryStream;
use futures::TryStreamExt;

use crate::args::Format;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Bytes gathered before they are written to the output.
const OUTPUT_BUFFER_BYTES: usize = 64 << 10;

type Out<'a> = &'a mut (dyn Write + Send);

/// Writes results one after the other to standard output or a file.
pub(crate) struct Output {
    format: Format,
    out: BufWriter<Box<dyn Write + Send>>,
    table_columns: Option<usize>,
    results: u64,
}

impl Output {
    /// Opens the output. Binary formats are refused on a terminal.
    pub(crate) fn open(format: Format, file: Option<&Path>, terminal: &Terminal) -> Result<Self> {
        let (out, table_columns): (Box<dyn Write + Send>, _) = match file {
            Some(path) => {
                let file =
                    File::create(path).with_context(|| format!("cannot write '{}'", path.display()))?;
                (Box::new(file), None)
            }
            None if format.is_binary() && terminal.stdout_is_terminal() => {
                return Err(Failure::invalid(format!(
                    "{} is a binary format: name a file with --output or redirect standard output",
                    format.name()
                )));
            }
            None => (Box::new(io::stdout()), terminal.table_columns()),
        };
        Ok(Self {
            format,
            out: BufWriter::with_capacity(OUTPUT_BUFFER_BYTES, out),
            table_columns,
            results: 0,
        })
    }

    pub(crate) fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// Writes one result to its end and flushes it. Returns the number of rows.
    pub(crate) async fn write(&mut self, mut result: QueryStream) -> Result<u64> {
        if self.format.is_binary() && self.results > 0 {
            return Err(Failure::invalid(format!(
                "{} holds one result: run one statement at a time or choose another format",
                self.format.name()
            )));
        }
        self.results += 1;
        let schema = result.schema();
        let mut sink = sink(self.format, &schema, &mut self.out, self.table_columns)?;
        let mut rows = 0;
        while let Some(batch) = result.try_next().await? {
            rows += batch.num_rows() as u64;
            sink.write(&batch)?;
        }
        sink.finish()?;
        self.out.flush()?;
        Ok(rows)
    }
}

/// Takes the batches of one result in order.
trait Sink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what is left. A result without rows is valid in every format.
    fn finish(self: Box<Self>) -> Result<()>;
}

fn sink<'a>(
    format: Format,
    schema: &SchemaRef,
    out: Out<'a>,
    table_columns: Option<usize>,
) -> Result<Box<dyn Sink + Send + 'a>> {
    Ok(match format {
        Format::Table => Box::new(table::TableSink::new(schema, out, table_columns)),
        Format::Csv => Box::new(delimited::CsvSink::new(schema, out)?),
        Format::Json => Box::new(json::array(out)),
        Format::Ndjson => Box::new(json::lines(out)),
        Format::Parquet => Box::new(binary::ParquetSink::new(schema, out)?),
        Format::Arrow => Box::new(binary::ArrowSink::new(schema, out)?),
    })
}

impl Format {
    fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

#[cfg(test)]
mod tests;
