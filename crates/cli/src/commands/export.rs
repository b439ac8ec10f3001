//! `driftline export`: a table, or the answer of a query, as plain Parquet files in Hive partitions. Reads beside a process that writes.

use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use driftline::{Database, ErrorKind};

use super::{open_to_read, with_database};
use crate::args::{ExportArgs, ExportPartition};
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::{Terminal, counted};

pub(crate) async fn run(place: &Place, args: &ExportArgs, terminal: &Terminal) -> Result<()> {
    check_empty(&args.destination)?;
    with_database(open_to_read(place).await?, async |database| {
        let rows = export(database, args).await?;
        let files = args.destination.display();
        terminal.note(&format!("{} written to '{files}'", counted(rows, "row", "rows")));
        Ok(())
    })
    .await
}

async fn export(database: &Database, args: &ExportArgs) -> Result<u64> {
    let source = match (&args.query, &args.table) {
        (Some(query), _) => format!("({})", query.trim().trim_end_matches(';')),
        (None, Some(table)) => format!("\"{}\"", table.replace('"', "\"\"")),
        (None, None) => return Err(Failure::invalid("name a table, or a query with --query")),
    };
    let (columns, partitioned) = match args.partition_by {
        ExportPartition::None => ("*", ""),
        ExportPartition::Day => {
            ("*, CAST(date_trunc('day', time) AS DATE) AS date", " PARTITIONED BY (date)")
        }
        ExportPartition::Month => {
            ("*, CAST(date_trunc('month', time) AS DATE) AS month", " PARTITIONED BY (month)")
        }
    };
    // a folder of files, also where there is but one
    let folder = format!("{}/", args.destination.display()).replace('\'', "''");
    let sql = format!(
        "COPY (SELECT {columns} FROM {source} AS exported) TO '{folder}' STORED AS PARQUET{partitioned}"
    );
    let answer = database.sql(&sql).await?.collect().await?;
    let rows = answer.iter().filter_map(|batch| batch.column(0).as_primitive_opt::<UInt64Type>());
    Ok(rows.flat_map(|counts| counts.values().iter()).sum())
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
