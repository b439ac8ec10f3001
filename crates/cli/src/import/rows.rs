//! Rows of Parquet, CSV and NDJSON files as record batches.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json;
use arrow::record_batch::RecordBatch;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::args::InputFormat;
use crate::failure::Failure;

const BATCH_ROWS: usize = 8_192;

/// A file and what it is made of.
pub(crate) struct RowFile {
    path: PathBuf,
    format: InputFormat,
    schema: SchemaRef,
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

impl RowFile {
    /// Looks into the file: format by name, columns and types from the first `infer_rows` rows (0: all) or the Parquet footer.
    pub(crate) fn inspect(path: &Path, format: Option<InputFormat>, infer_rows: usize) -> Result<Self> {
        let format = match format {
            Some(format) => format,
            None => format_of(path)?,
        };
        let limit = (infer_rows > 0).then_some(infer_rows);
        let context = || format!("cannot read the columns of '{}'", path.display());
        let schema = match format {
            InputFormat::Parquet => {
                let file = open(path)?;
                ParquetRecordBatchReaderBuilder::try_new(file)
                    .with_context(context)?
                    .schema()
                    .as_ref()
                    .clone()
            }
            InputFormat::Csv => {
                let reader = reader(path, &ProgressBar::hidden())?;
                csv::reader::Format::default()
                    .with_header(true)
                    .infer_schema(reader, limit)
                    .with_context(context)?
                    .0
            }
            InputFormat::Ndjson => {
                let reader = reader(path, &ProgressBar::hidden())?;
                json::reader::infer_json_schema(reader, limit).with_context(context)?.0
            }
        };
        if schema.fields().is_empty() {
            return Err(Failure::invalid(format!("'{}' has no columns", path.display())));
        }
        Ok(Self { path: path.to_owned(), format, schema: Arc::new(schema) })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> Result<u64> {
        Ok(open(&self.path)?.metadata()?.len())
    }

    /// Text formats have no types of their own: reads these columns as the table has them.
    pub(crate) fn read_as(&mut self, type_of: impl Fn(&str) -> Option<DataType>) {
        if self.format == InputFormat::Parquet {
            return;
        }
        let fields = self.schema.fields().iter().map(|field| {
            let wanted = type_of(field.name()).filter(|ty| !ty.is_nested() && !field.data_type().is_nested());
            let ty = wanted.unwrap_or_else(|| field.data_type().clone());
            Field::new(field.name(), if ty.is_null() { DataType::Utf8 } else { ty }, true)
        });
        self.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    }

    /// Reads all rows; `bar` moves by the file's bytes.
    pub(crate) fn batches(&self, bar: &ProgressBar) -> Result<Batches> {
        let context = format!(
            "in '{}' (types come from the first rows: --infer-rows 0 reads all)",
            self.path.display()
        );
        let schema = Arc::clone(&self.schema);
        Ok(match self.format {
            InputFormat::Parquet => self.parquet_batches(bar)?,
            InputFormat::Csv => {
                let reader = reader(&self.path, bar)?;
                let rows = csv::ReaderBuilder::new(schema)
                    .with_header(true)
                    .with_batch_size(BATCH_ROWS)
                    .build_buffered(reader)?;
                Box::new(rows.map(move |batch| batch.context(context.clone())))
            }
            InputFormat::Ndjson => {
                let reader = reader(&self.path, bar)?;
                // strict: a key that only later rows have must not vanish
                let rows = json::ReaderBuilder::new(schema)
                    .with_batch_size(BATCH_ROWS)
                    .with_strict_mode(true)
                    .build(reader)?;
                Box::new(rows.map(move |batch| batch.context(context.clone())))
            }
        })
    }

    fn parquet_batches(&self, bar: &ProgressBar) -> Result<Batches> {
        let file = open(&self.path)?;
        let bytes = file.metadata()?.len();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS);
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0).max(1);
        let (bar, start) = (bar.clone(), bar.position());
        let context = format!("in '{}'", self.path.display());
        let mut done = 0;
        Ok(Box::new(builder.build()?.map(move |batch| {
            done += batch.as_ref().map_or(0, RecordBatch::num_rows) as u64;
            bar.set_position(start + (u128::from(bytes) * u128::from(done) / u128::from(rows)) as u64);
            batch.context(context.clone())
        })))
    }
}

fn format_of(path: &Path) -> Result<InputFormat> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    match plain.rsplit_once('.').map(|(_, extension)| extension) {
        Some("parquet") if plain == name => Ok(InputFormat::Parquet),
        Some("csv") => Ok(InputFormat::Csv),
        Some("ndjson" | "jsonl") => Ok(InputFormat::Ndjson),
        _ => Err(Failure::invalid(format!(
            "'{}' is neither .parquet, .csv, .ndjson nor .jsonl (the last three also .gz): name its format with --input-format",
            path.display()
        ))),
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot read '{}'", path.display()))
}

fn reader(path: &Path, bar: &ProgressBar) -> Result<Box<dyn BufRead + Send>> {
    let file = bar.wrap_read(open(path)?);
    let is_packed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let input: Box<dyn Read + Send> =
        if is_packed { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
    Ok(Box::new(BufReader::with_capacity(1 << 20, input)))
}
