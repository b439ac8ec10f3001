//! `driftline export`: a table, or the answer of a query, as plain Parquet files in Hive partitions. Reads beside a process that writes.
//!
//! One query gives the rows, of one moment. Few files are open at a time, so what it takes does not grow with the days: a table of days
//! is scanned about in their order, and everything else is sorted by day first.

mod files;
mod partitions;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use arrow::record_batch::RecordBatch;
use driftline::storage::TableSnapshot;
use driftline::{Database, ErrorKind, QueryStream, SessionSettings};
use futures::StreamExt;
use indicatif::ProgressBar;
use tokio::task::block_in_place;

use self::files::{Files, OPEN_FILES_MAX};
use self::partitions::Partitions;
use super::with_database;
use crate::args::{ExportArgs, ExportPartition};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;
use crate::terminal::{Terminal, counted};

/// The bar while the rows of a table are written.
const PROGRESS: &str = "{bar:40} {human_pos}/{human_len} rows, {eta} left";

/// The same where nobody knows how many rows there are.
const PROGRESS_UNKNOWN: &str = "{spinner} {human_pos} rows";

/// Row groups of a table that are read at the same time: each may be of another day, and at the end of its day be of two.
const SCANS_AT_ONCE: usize = OPEN_FILES_MAX / 2;

pub(crate) async fn run(place: &Place, args: &ExportArgs, terminal: &Terminal) -> Result<()> {
    check_empty(&args.destination)?;
    with_database(open(place, args).await?, async |database| {
        let rows = export(database, args, terminal).await?;
        let files = args.destination.display();
        terminal.note(&format!("{} written to '{files}'", counted(rows, "row", "rows")));
        Ok(())
    })
    .await
}

/// Opens the database to read all of a table, however long it takes.
async fn open(place: &Place, args: &ExportArgs) -> Result<Database> {
    place.check_exists()?;
    let builder = place.builder().read_only(true).without_query_timeout();
    let builder = match &args.query {
        Some(_) => builder,
        None => builder.target_partitions(SCANS_AT_ONCE),
    };
    Ok(builder.open().await?)
}

async fn export(database: &Database, args: &ExportArgs, terminal: &Terminal) -> Result<u64> {
    let select = format!("SELECT * FROM {} AS exported", source(args)?);
    // rows that fit into no folder are refused before any is sorted
    let planned = database.session(SessionSettings::default()).prepare(&select).await?;
    let partitions = Partitions::of(args.partition_by, &planned.schema())?;
    let (known_rows, order) = {
        let snapshot = database.storage().snapshot();
        let table = args.table.as_deref().and_then(|name| snapshot.table(name));
        let is_in_order = match table {
            Some(table) => partitions.are_together_in(table.schema()) && has_few_in_memory(table, args)?,
            None => false,
        };
        let order = if is_in_order { String::new() } else { partitions.order() };
        (table.map(|table| rows(table)), order)
    };
    let answer = database.sql(&format!("{select}{order}")).await?;
    let bar = match known_rows {
        Some(rows) => terminal.progress(rows, PROGRESS),
        None => terminal.progress(0, PROGRESS_UNKNOWN),
    };
    let written = write(answer, args, &bar).await;
    bar.finish_and_clear();
    written
}

/// What stands behind FROM.
fn source(args: &ExportArgs) -> Result<String> {
    match (&args.query, &args.table) {
        // a comment at its end must not reach the parenthesis
        (Some(query), _) => Ok(format!("({}\n)", query.trim().trim_end_matches(';'))),
        (None, Some(table)) => Ok(format!("\"{}\"", table.replace('"', "\"\""))),
        (None, None) => Err(Failure::invalid("name a table, or a query with --query")),
    }
}

/// Whether rows that lie in no segment yet, which come in any order, are of no more folders than files are open.
fn has_few_in_memory(table: &TableSnapshot, args: &ExportArgs) -> Result<bool> {
    let mut folders = BTreeSet::new();
    for batch in table.memory() {
        let partitions = Partitions::of(args.partition_by, &batch.schema())?;
        folders.extend(partitions.split(batch)?.into_iter().map(|(folder, _)| folder));
    }
    Ok(folders.len() <= OPEN_FILES_MAX)
}

/// The rows of a table, without those that are deleted.
fn rows(table: &TableSnapshot) -> u64 {
    let stored: u64 = table.partitions().iter().map(|partition| partition.rows).sum();
    stored + table.memory_rows() as u64
}

/// Writes an answer to its end and returns the number of rows. When it fails, or is dropped, no file is left that is not whole.
async fn write(answer: QueryStream, args: &ExportArgs, bar: &ProgressBar) -> Result<u64> {
    let schema = answer.schema();
    // a writer may have given the table another column since it was planned
    let partitions = Partitions::of(args.partition_by, &schema)?;
    let mut files = Files::create(&args.destination, &schema)?;
    let (mut batches, mut query) = output::run(answer.boxed());
    let mut rows = 0;
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        block_in_place(|| -> Result<()> {
            for (folder, part) in partitions.split(&batch)? {
                files.write(&folder, &part)?;
            }
            Ok(())
        })?;
        rows += batch.num_rows() as u64;
        bar.set_position(rows);
    }
    // without this a query that panicked would look like one that ended
    query.join_next().await.transpose()?;
    if rows == 0 && args.partition_by == ExportPartition::None {
        // a file without rows says which columns there are
        files.write("", &RecordBatch::new_empty(schema))?;
    }
    block_in_place(|| files.finish())?;
    Ok(rows)
}

/// What is there already must not end up among the files.
fn check_empty(destination: &Path) -> Result<()> {
    let shown = destination.display();
    if !destination.exists() {
        return Ok(());
    }
    let mut entries =
        std::fs::read_dir(destination).with_context(|| format!("cannot export into '{shown}'"))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Failure::new(ErrorKind::AlreadyExists, format!("'{shown}' is not empty")).into()),
    }
}

#[cfg(test)]
mod tests;
