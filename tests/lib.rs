//! Shared by the two test binaries.

use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use driftline::{Database, Error};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tempfile::TempDir;

/// What happens to the database after every statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: rows stay in memory.
    Memory,
    /// Rows are flushed into segments.
    Flushed,
    /// The database is closed and opened again.
    Reopened,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Flushed => "flushed",
            Self::Reopened => "reopened",
        })
    }
}

/// A database in a temporary directory, as sqllogictest drives it.
pub struct Session {
    mode: Mode,
    dir: TempDir,
    database: Database,
}

impl Session {
    /// Makes an empty database.
    pub async fn open(mode: Mode) -> Result<Self, Error> {
        let dir = tempfile::tempdir()
            .map_err(|error| Error::new(driftline::ErrorKind::Unavailable, error.to_string()))?;
        let database = open(&dir).await?;
        Ok(Self { mode, dir, database })
    }

    /// The database as it now is.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Does what the mode demands after a statement.
    pub async fn settle(&mut self) -> Result<(), Error> {
        match self.mode {
            Mode::Memory => {}
            Mode::Flushed => {
                self.database.flush().await?;
            }
            Mode::Reopened => {
                self.database.close().await?;
                self.database = open(&self.dir).await?;
            }
        }
        Ok(())
    }
}

async fn open(dir: &TempDir) -> Result<Database, Error> {
    Database::builder(dir.path().join("db")).target_partitions(2).open().await
}

#[async_trait]
impl AsyncDB for Session {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let answer = self.database.sql(sql).await?;
        let types = answer.schema().fields().iter().map(|field| column_type(field.data_type())).collect();
        let batches = answer.collect().await?;
        self.settle().await?;
        let mut rows = vec![];
        for batch in &batches {
            rows.extend(display_rows(batch)?);
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "driftline"
    }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => DefaultColumnType::Text,
        integer if integer.is_integer() => DefaultColumnType::Integer,
        float if float.is_floating() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Any,
    }
}

/// The values of a batch as texts, row by row: NULL for a missing value, `(empty)` for an empty text.
pub fn display_rows(batch: &RecordBatch) -> Result<Vec<Vec<String>>, Error> {
    let options = FormatOptions::default().with_null("NULL");
    let formatters: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<_, _>>()?;
    let cell = |formatter: &ArrayFormatter<'_>, row: usize| match formatter.value(row).to_string() {
        text if text.is_empty() => "(empty)".to_owned(),
        text => text,
    };
    Ok((0..batch.num_rows())
        .map(|row| formatters.iter().map(|formatter| cell(formatter, row)).collect())
        .collect())
}
