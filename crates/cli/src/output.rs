//! Writes the result of a statement in the format that was asked for, batch by batch as it arrives.
//!
//! Only the table format keeps rows, up to a named limit, because its column widths depend on all of them.

mod binary;
mod delimited;
mod json;
mod table;
mod zoned;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::args::Format;
use crate::failure::Failure;
use crate::target::Rows;
use crate::terminal::Terminal;

/// Bytes gathered before they are written to the output.
const OUTPUT_BUFFER_BYTES: usize = 64 << 10;

type Out<'a> = &'a mut (dyn Write + Send);

/// Batches of a result that wait to be written.
const BATCHES_WAITING_MAX: usize = 2;

/// Writes results one after the other to standard output or a file.
pub(crate) struct Output {
    format: Format,
    file: Option<PathBuf>,
    /// Opened for the first result: a statement that cannot be answered empties no file.
    out: Option<BufWriter<Box<dyn Write + Send>>>,
    table_columns: Option<usize>,
    results: u64,
}

impl Output {
    /// An output to standard output or a file. Binary formats are refused on a terminal.
    pub(crate) fn new(format: Format, file: Option<&Path>, terminal: &Terminal) -> Result<Self> {
        if file.is_none() && format.is_binary() && terminal.stdout_is_terminal() {
            return Err(Failure::invalid(format!(
                "{} is a binary format: name a file with --output or redirect standard output",
                format.name()
            )));
        }
        let table_columns = if file.is_none() { terminal.table_columns() } else { None };
        Ok(Self { format, file: file.map(Path::to_owned), out: None, table_columns, results: 0 })
    }

    pub(crate) fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// Writes one result to its end and flushes it. Returns the number of rows.
    ///
    /// The query runs in a task of its own, so that Ctrl-C is heard while an operator computes.
    pub(crate) async fn write(&mut self, result: impl Into<Rows>) -> Result<u64> {
        if self.format.is_binary() && self.results > 0 {
            return Err(Failure::invalid(format!(
                "{} holds one result: run one statement at a time or choose another format",
                self.format.name()
            )));
        }
        self.results += 1;
        let Rows { schema, batches } = result.into();
        let zoned = if self.format.is_binary() { None } else { zoned::schema_as_text(&schema) };
        let out = match &mut self.out {
            Some(out) => out,
            none => none.insert(open(self.file.as_deref())?),
        };
        let mut sink = sink(self.format, zoned.as_ref().unwrap_or(&schema), out, self.table_columns)?;
        let (mut batches, mut query) = run(batches);
        let mut rows = 0;
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            match &zoned {
                Some(schema) => sink.write(&zoned::as_text(&batch, schema)?)?,
                None => sink.write(&batch)?,
            }
        }
        // without this a query that panicked would look like one that ended
        query.join_next().await.transpose()?;
        sink.finish()?;
        out.flush()?;
        Ok(rows)
    }
}

/// Runs a query in a task that ends with the set: it goes on while rows are written, and Ctrl-C is heard while it computes.
pub(crate) fn run(
    mut result: BoxStream<'static, driftline::Result<RecordBatch>>,
) -> (mpsc::Receiver<driftline::Result<RecordBatch>>, JoinSet<()>) {
    let (sender, batches) = mpsc::channel(BATCHES_WAITING_MAX);
    let mut query = JoinSet::new();
    query.spawn(async move {
        while let Some(batch) = result.next().await {
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    (batches, query)
}

fn open(file: Option<&Path>) -> Result<BufWriter<Box<dyn Write + Send>>> {
    let out: Box<dyn Write + Send> = match file {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("cannot write '{}'", path.display()))?)
        }
        None => Box::new(io::stdout()),
    };
    Ok(BufWriter::with_capacity(OUTPUT_BUFFER_BYTES, out))
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
