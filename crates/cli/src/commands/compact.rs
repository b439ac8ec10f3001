//! `driftline compact`: bring the segments of tables to a good size, and make deletions physical.

use anyhow::Result;
use driftline::storage::{CompactOptions, CompactReport, PartitionEntry};
use driftline::{Database, ErrorKind};

use super::{open_existing, with_database};
use crate::args::CompactArgs;
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::Terminal;

/// The bar while a table is compacted.
const PROGRESS: &str = "{msg} {bar:30} {pos}/{len} partitions, {eta} left";

pub(crate) async fn run(place: &Place, args: &CompactArgs, terminal: &Terminal) -> Result<()> {
    with_database(open_existing(place, terminal).await?, async |database| {
        let tables = match args.tables.as_slice() {
            [] => database.storage().snapshot().tables().map(|table| table.name().to_owned()).collect(),
            named => named.to_vec(),
        };
        for table in &tables {
            let report = compact(database, table, args, terminal).await?;
            if report.partitions > 0 {
                terminal.note(&format!(
                    "{table}: {} segments of {} into {} of {}{}",
                    report.segments_before,
                    indicatif::HumanBytes(report.bytes_before),
                    report.segments_after,
                    indicatif::HumanBytes(report.bytes_after),
                    if report.deleted_rows > 0 {
                        format!("; {} deleted rows are gone", report.deleted_rows)
                    } else {
                        String::new()
                    }
                ));
            }
        }
        database.storage().apply_retention().await?;
        if args.purge {
            let purged = database.storage().purge().await?;
            if purged.is_held {
                let message = "files of older versions stay: something still reads or writes";
                return Err(Failure::new(ErrorKind::Unavailable, message).into());
            }
            let freed = indicatif::HumanBytes(purged.bytes);
            terminal.note(&format!("{} files of older versions are removed, {freed}", purged.objects));
        }
        database.storage().collect_garbage().await?;
        Ok(())
    })
    .await
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
    let report = storage.compact(table, options).await;
    progress.finish_and_clear();
    Ok(report?)
}
