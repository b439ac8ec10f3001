//! `driftline backup` and `driftline restore`: a copy of a database, and a database of a copy.

use anyhow::Result;
use driftline::Database;
use driftline::storage::{BackupOptions, BackupReport};
use indicatif::{HumanBytes, ProgressBar};

use super::{interruptible, nanoseconds, open_to_read, with_database};
use crate::args::{BackupArgs, RestoreArgs};
use crate::place::Place;
use crate::terminal::{Terminal, counted};

/// The bar while files are copied.
const PROGRESS: &str = "{bar:40} {bytes} of {total_bytes}, {eta} left";

pub(crate) async fn run(place: &Place, args: &BackupArgs, terminal: &Terminal) -> Result<()> {
    // for reading only: a server may have it open, and nothing in it is changed
    with_database(open_to_read(place).await?, async |database| {
        let bar = terminal.progress(0, PROGRESS);
        let progress = progress(&bar);
        let options = BackupOptions { prune: args.prune, progress: &progress };
        let report = database.backup(&args.destination, options).await;
        bar.finish_and_clear();
        let report = report?;
        if report.is_unchanged {
            terminal.note(&format!("version {} was backed up before: nothing has changed", report.version));
        } else {
            terminal.note(&format!("version {} is backed up: {}", report.version, copied(&report)));
        }
        if report.removed > 0 {
            terminal.note(&format!(
                "{} of earlier backups removed, {}",
                counted(report.removed, "file", "files"),
                HumanBytes(report.removed_bytes)
            ));
        }
        Ok(())
    })
    .await
}

pub(crate) async fn restore(args: &RestoreArgs, terminal: &Terminal) -> Result<()> {
    Place::new(args.source.clone(), None).check_exists()?;
    let as_of_ns = args.as_of.map(nanoseconds).transpose()?;
    let bar = terminal.progress(0, PROGRESS);
    let progress = progress(&bar);
    let options = BackupOptions { progress: &progress, ..BackupOptions::default() };
    let work = async { Ok(Database::restore(&args.source, &args.destination, as_of_ns, options).await?) };
    let report = interruptible(work).await;
    bar.finish_and_clear();
    let report = copied(&report?);
    terminal.note(&format!("{} is a database: {report}", args.destination.display()));
    Ok(())
}

fn progress(bar: &ProgressBar) -> impl Fn(u64, u64) + Send + Sync {
    |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    }
}

fn copied(report: &BackupReport) -> String {
    let rows = match report.log_rows {
        0 => String::new(),
        rows => format!("; {} out of the log", counted(rows, "row", "rows")),
    };
    let files = counted(report.copied, "file", "files");
    let bytes = HumanBytes(report.copied_bytes);
    format!("{files} copied, {bytes}, {} there already{rows}", report.present)
}
