//! `driftline import`: Parquet, CSV and NDJSON files into a table, created when it is not there. All rows or none.

use std::path::Path;

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use driftline::Database;

use super::{closing, interruptible, open_or_create};
use crate::args::ImportArgs;
use crate::failure::Failure;
use crate::import::rows::RowFile;
use crate::import::table::Mapping;
use crate::import::time_column::TimeColumn;
use crate::terminal::{Terminal, counted};

const PROGRESS: &str = "{msg} {bar:40.cyan/dim} {bytes} of {total_bytes}, {eta} left";

pub(crate) async fn run(path: &Path, args: &ImportArgs, terminal: &Terminal) -> Result<()> {
    let mut files = args
        .files
        .iter()
        .map(|file| RowFile::inspect(file, args.input_format, args.infer_rows))
        .collect::<Result<Vec<_>>>()?;
    let columns = merged(&files)?;
    let mapping = Mapping::new(&columns, &args.time_column)?;
    for (from, to) in mapping.renamed(&columns) {
        terminal.note(&format!("column '{from}' becomes '{to}'"));
    }
    closing(open_or_create(path, terminal).await?, async |database| {
        let present = table_schema(database, &args.table);
        let is_new = present.is_none();
        let table = match present {
            Some(table) => table,
            None => create(database, &mapping, &columns, args).await?,
        };
        let unknown = mapping.unknown(&table);
        if !unknown.is_empty() {
            return Err(Failure::invalid(format!(
                "table '{}' has no column '{}' (add it with ALTER TABLE {} ADD COLUMN)",
                args.table,
                unknown.join("', '"),
                args.table
            )));
        }
        for file in &mut files {
            let schema = file.schema().clone();
            file.read_as(|column| {
                let field = table.field_with_name(mapping.table_column(&schema, column)?).ok()?;
                Some(field.data_type().clone())
            });
        }
        let loaded = interruptible(load(database, &files, &table, args, terminal)).await;
        if is_new && loaded.is_err() {
            // all or nothing: an empty table would make the next attempt keep today's guess of the types
            let drop = format!("DROP TABLE \"{}\"", args.table.replace('"', "\"\""));
            database.sql(&drop).await?.collect().await?;
        }
        let rows = loaded?;
        let verb = if is_new { "created table" } else { "extended table" };
        terminal.note(&format!("{verb} '{}': {}", args.table, counted(rows as u64, "row", "rows")));
        Ok(())
    })
    .await
}

async fn load(
    database: &Database,
    files: &[RowFile],
    table: &SchemaRef,
    args: &ImportArgs,
    terminal: &Terminal,
) -> Result<usize> {
    let bytes = files.iter().map(RowFile::bytes).sum::<Result<u64>>()?;
    let bar = terminal.progress(bytes, PROGRESS);
    let mut load = database.bulk_load(&args.table)?;
    let mut rows = 0;
    for file in files {
        bar.set_message(file.path().display().to_string());
        let mapping = Mapping::new(file.schema(), &args.time_column)?;
        let mut time = TimeColumn::new(&args.time_column, args.time_unit);
        for batch in file.batches(&bar)? {
            let batch = mapping
                .convert(&batch?, table, &mut time)
                .with_context(|| format!("in '{}'", file.path().display()))?;
            rows += batch.num_rows();
            load.push(batch).await?;
        }
    }
    load.commit().await?;
    bar.finish_and_clear();
    Ok(rows)
}

async fn create(
    database: &Database,
    mapping: &Mapping,
    columns: &Schema,
    args: &ImportArgs,
) -> Result<SchemaRef> {
    let statement = mapping.create_table(&args.table, columns, args.sort.as_deref())?;
    database.sql(&statement).await?.collect().await?;
    table_schema(database, &args.table).with_context(|| format!("table '{}' is gone", args.table))
}

/// The exact types of a table; `None` when there is no such table.
fn table_schema(database: &Database, table: &str) -> Option<SchemaRef> {
    database.storage().snapshot().table(table).map(|table| table.schema().arrow().clone())
}

/// The columns of all files together. Whole and broken numbers meet as DOUBLE; a column that is empty in one file takes the type of
/// the others.
fn merged(files: &[RowFile]) -> Result<Schema> {
    let mut fields: Vec<arrow::datatypes::Field> = Vec::new();
    for file in files {
        for field in file.schema().fields() {
            let Some(known) = fields.iter_mut().find(|known| known.name() == field.name()) else {
                fields.push(field.as_ref().clone().with_nullable(true));
                continue;
            };
            let ty = match (known.data_type(), field.data_type()) {
                (a, b) if a == b => a.clone(),
                (DataType::Null, other) | (other, DataType::Null) => other.clone(),
                (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
                    DataType::Float64
                }
                (a, b) => {
                    return Err(Failure::invalid(format!(
                        "column '{}' is {a} in one file and {b} in '{}': load them separately",
                        field.name(),
                        file.path().display()
                    )));
                }
            };
            known.set_data_type(ty);
        }
    }
    Ok(Schema::new(fields))
}
