//! `driftline import`: Parquet, CSV and NDJSON files into a table, created when it is not there. All rows or none.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use driftline::BulkLoad;

use super::{open_or_create, with_database};
use crate::args::ImportArgs;
use crate::failure::Failure;
use crate::import::rows::RowFile;
use crate::import::table::Mapping;
use crate::import::time_column::TimeColumn;
use crate::place::Place;
use crate::terminal::{Terminal, counted};

const PROGRESS: &str = "{msg} {bar:40.cyan/dim} {bytes} of {total_bytes}, {eta} left";

pub(crate) async fn run(place: &Place, args: &ImportArgs, terminal: &Terminal) -> Result<()> {
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
    with_database(open_or_create(place, terminal).await?, async |database| {
        let is_new = database.storage().snapshot().table(&args.table).is_none();
        // all or nothing: a table left without rows would make the next attempt keep today's guess of the types
        let load = match is_new {
            true => {
                database.bulk_create(&mapping.create_table(&args.table, &columns, args.sort.as_deref())?)?
            }
            false => database.bulk_load(&args.table)?,
        };
        let table = Arc::clone(load.schema().arrow());
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
        let rows = fill(load, &files, &table, args, terminal).await?;
        let verb = if is_new { "created table" } else { "extended table" };
        terminal.note(&format!("{verb} '{}': {}", args.table, counted(rows as u64, "row", "rows")));
        Ok(())
    })
    .await
}

/// Loads the rows of all files, or none.
async fn fill(
    mut load: BulkLoad,
    files: &[RowFile],
    table: &SchemaRef,
    args: &ImportArgs,
    terminal: &Terminal,
) -> Result<usize> {
    let bytes = files.iter().map(RowFile::bytes).sum::<Result<u64>>()?;
    let bar = terminal.progress(bytes, PROGRESS);
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
