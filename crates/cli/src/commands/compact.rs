//! `driftline compact`: bring the segments of tables to a good size, and make deletions physical. Where another process has the database
//! open for writing, the work is done here and offered to it.

use anyhow::Result;
use driftline::storage::{CompactOptions, CompactReport, PartitionEntry};
use driftline::{Database, ErrorKind};

use super::{open_existing, open_to_read, with_database};
use crate::args::CompactArgs;
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::Terminal;

/// The bar while a table is compacted.
const PROGRESS: &str = "{msg} {bar:30} {pos}/{len} partitions, {eta} left";

pub(crate) async fn run(place: &Place, args: &CompactArgs, terminal: &Terminal) -> Result<()> {
    let database = match open_existing(place, terminal).await {
        Err(error) if is_open_for_writing(&error) => {
            return beside_writer(place, args, terminal, error).await;
        }
        opened => opened?,
    };
    with_database(database, async |database| {
        compact_all(database, args, terminal).await?;
        database.storage().apply_retention().await?;
        if args.purge {
            let purged = database.storage().purge().await?.complete().map_err(driftline::Error::from)?;
            let freed = indicatif::HumanBytes(purged.bytes);
            terminal.note(&format!("{} files of older versions are removed, {freed}", purged.objects));
        }
        database.storage().collect_garbage().await?;
        Ok(())
    })
    .await
}

/// Whether a database could not be opened because another process writes it.
fn is_open_for_writing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<driftline::Error>().is_some_and(|error| error.kind() == ErrorKind::Conflict)
}

async fn beside_writer(
    place: &Place,
    args: &CompactArgs,
    terminal: &Terminal,
    writer: anyhow::Error,
) -> Result<()> {
    if args.purge {
        let message = format!("{writer}: only there `COMPACT ... PURGE` removes older versions");
        return Err(Failure::new(ErrorKind::Conflict, message).into());
    }
    with_database(open_to_read(place).await?, async |database| compact_all(database, args, terminal).await)
        .await
}

/// Compacts the tables that are asked for, and says what was done.
async fn compact_all(database: &Database, args: &CompactArgs, terminal: &Terminal) -> Result<()> {
    let tables = match args.tables.as_slice() {
        [] => database.storage().snapshot().tables().map(|table| table.name().to_owned()).collect(),
        named => named.to_vec(),
    };
    for table in &tables {
        let report = compact(database, table, args, terminal).await?;
        if report.partitions > 0 {
            let deleted = match report.deleted_rows {
                0 => String::new(),
                rows => format!("; {rows} deleted rows are gone"),
            };
            terminal.note(&format!(
                "{table}: {} segments of {} into {} of {}{deleted}",
                report.segments_before,
                indicatif::HumanBytes(report.bytes_before),
                report.segments_after,
                indicatif::HumanBytes(report.bytes_after),
            ));
        }
    }
    Ok(())
}

async fn compact(
    database: &Database,
    table: &str,
    args: &CompactArgs,
    terminal: &Terminal,
) -> Result<CompactReport> {
    let storage = database.storage();
    if storage.snapshot().table(table).is_none() {
        return Err(Failure::not_found(format!("table \"{table}\" does not exist")));
    }
    // keys of days and months begin alike: 2026-08 is in the range of 2026-08-01
    let partitions = |entry: &PartitionEntry| {
        let is_from =
            args.since.as_deref().is_none_or(|since| entry.key.as_str() >= &since[..entry.key.len()]);
        is_from && args.until.as_deref().is_none_or(|until| entry.key.as_str() <= &until[..entry.key.len()])
    };
    let progress = terminal.progress(0, PROGRESS);
    progress.set_message(table.to_owned());
    let options = CompactOptions {
        partitions: &partitions,
        progress: &|done, all| {
            progress.set_length(all);
            progress.set_position(done);
        },
    };
    let report = match storage.is_read_only() {
        true => storage.compact_beside_writer(table, options).await,
        false => storage.compact(table, options).await,
    };
    progress.finish_and_clear();
    Ok(report?)
}
