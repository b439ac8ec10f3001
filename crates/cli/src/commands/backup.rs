//! `driftline backup` and `driftline restore`: a copy of a database, and a database of a copy.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use driftline::storage::{BackupOptions, BackupReport};
use driftline::{Database, ErrorKind};
use indicatif::HumanBytes;

use super::{interrupted, nanoseconds, open_to_read};
use crate::args::{BackupArgs, RestoreArgs};
use crate::failure::Interrupted;
use crate::place::Place;
use crate::terminal::{Terminal, counted};

/// The bar while files are copied.
const PROGRESS: &str = "{bar:40} {bytes} of {total_bytes}, {eta} left";

pub(crate) async fn run(place: &Place, args: &BackupArgs, terminal: &Terminal) -> Result<()> {
    // for reading only: a server may have it open, and nothing in it is changed
    let database = open_to_read(place).await?;
    let report = copy(terminal, async |options| {
        let options = BackupOptions { prune: args.prune, ..options };
        database.backup(&args.destination, options).await
    })
    .await;
    let closed = database.close().await.context("could not close the database");
    let report = report?;
    closed?;
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
}

pub(crate) async fn restore(args: &RestoreArgs, terminal: &Terminal) -> Result<()> {
    Place::new(args.source.clone(), None).check_exists()?;
    let as_of_ns = args.as_of.map(nanoseconds).transpose()?;
    let report = copy(terminal, async |options| {
        Database::restore(&args.source, &args.destination, as_of_ns, options).await
    })
    .await?;
    terminal.note(&format!("{} is a database: {}", args.destination.display(), copied(&report)));
    Ok(())
}

/// Copies with a progress bar. Ctrl-C asks the copy to stop, which gives its place back first; a second one ends the program.
async fn copy(
    terminal: &Terminal,
    work: impl AsyncFnOnce(BackupOptions<'_>) -> driftline::Result<BackupReport>,
) -> Result<BackupReport> {
    let interrupted = interrupted();
    let bar = terminal.progress(0, PROGRESS);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let stop = AtomicBool::new(false);
    let is_cancelled = || stop.load(Ordering::Relaxed);
    let mut work =
        pin!(work(BackupOptions { progress: &progress, is_cancelled: &is_cancelled, prune: false }));
    let report = tokio::select! {
        biased;
        report = &mut work => report,
        () = interrupted => {
            stop.store(true, Ordering::Relaxed);
            terminal.note("stopping; Ctrl-C again ends it at once");
            work.await
        }
    };
    bar.finish_and_clear();
    report.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => Interrupted.into(),
        _ => error.into(),
    })
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
