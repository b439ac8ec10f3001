//! The verbs, one a file, and what they share: opening a database and stopping on Ctrl-C.

mod alert;
mod backup;
mod check;
mod compact;
mod demo;
mod export;
mod import;
mod info;
mod ingest;
mod prices;
mod serve;
mod slo;
mod sql;
mod user;

use std::io;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};
use driftline::storage::wal::Torn;
use driftline::{Database, DatabaseBuilder};
use tokio::sync::Notify;

use crate::args::{Args, Command, SqlArgs};
use crate::failure::{EXIT_INTERRUPTED, Failure, Interrupted};
use crate::place::Place;
use crate::terminal::Terminal;

/// Runs the verb that the command line names.
pub(crate) async fn run(args: Args, terminal: &Terminal) -> Result<()> {
    match &args.command {
        Command::Demo(demo) => demo::run(demo, args.named_database(), terminal).await,
        Command::Sql(sql @ SqlArgs { url: Some(url), .. }) => sql::run_remote(url, sql, terminal).await,
        Command::Sql(sql) => sql::run(&args.database()?, sql, terminal).await,
        Command::Serve(serve) => serve::run(&args.database()?, serve, terminal).await,
        Command::User(user) => user::run(user, terminal).await,
        Command::Ingest(ingest) => ingest::run(&args.database()?, ingest, terminal).await,
        Command::Import(import) => import::run(&args.database()?, import, terminal).await,
        Command::Prices(prices) => prices::run(&args.database()?, prices, terminal).await,
        Command::Alert(alert) => alert::run(&args.database()?, alert, terminal).await,
        Command::Slo(slo) => slo::run(&args.database()?, slo, terminal).await,
        Command::Info => info::run(&args.database()?, terminal).await,
        Command::Compact(compact) => compact::run(&args.database()?, compact, terminal).await,
        Command::Backup(backup) => backup::run(&args.database()?, backup, terminal).await,
        Command::Restore(restore) => backup::restore(restore, terminal).await,
        Command::Export(export) => export::run(&args.database()?, export, terminal).await,
        Command::Check(check) => check::run(&args.database()?, check, terminal).await,
    }
}

/// Opens a database that must be there: a mistyped path shall not leave an empty database behind.
pub(crate) async fn open_existing(place: &Place, terminal: &Terminal) -> Result<Database> {
    place.check_exists()?;
    open(place.builder().create_missing(false), terminal).await
}

/// Opens a database for reading only: another process may be writing it.
pub(crate) async fn open_to_read(place: &Place) -> Result<Database> {
    place.check_exists()?;
    Ok(place.builder().read_only(true).open().await?)
}

/// Opens a database as it was at a time.
pub(crate) async fn open_as_of(place: &Place, time: SystemTime) -> Result<Database> {
    place.check_exists()?;
    Ok(place.builder().as_of(nanoseconds(time)?).open().await?)
}

/// A time in nanoseconds since 1970.
fn nanoseconds(time: SystemTime) -> Result<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_nanos());
    let nanos = since.and_then(|nanos| i64::try_from(nanos).ok());
    nanos.ok_or_else(|| Failure::invalid("a time must lie between 1970 and 2262"))
}

/// Opens a database, creating it if there is none.
pub(crate) async fn open_or_create(place: &Place, terminal: &Terminal) -> Result<Database> {
    open(place.builder(), terminal).await
}

/// Opens a database, and says what had to be repaired.
pub(crate) async fn open(database: DatabaseBuilder, terminal: &Terminal) -> Result<Database> {
    let database = database.open().await?;
    if let Some(Torn { file, offset, bytes: bytes @ 1.. }) = &database.storage().recovery().torn {
        terminal.warn(&format!(
            "wal/{file} ended in {bytes} bytes of an interrupted write at offset {offset}: never acknowledged, cut off"
        ));
    }
    Ok(database)
}

/// Says what lies at the end of the log that is no whole record; `None` where there is nothing.
fn unfinished(database: &Database) -> Option<String> {
    let torn = database.storage().recovery().torn.as_ref().filter(|torn| torn.bytes > 0)?;
    let Torn { file, offset, bytes } = torn;
    Some(format!(
        "wal/{file} ends in {bytes} bytes of an unfinished write at offset {offset}: a writer is at work, or the next one cuts them off"
    ))
}

/// Whether a database lies at the path.
pub(crate) fn is_database(path: &Path) -> bool {
    path.join("manifest").is_dir()
}

/// Runs `work` until it ends or the user presses Ctrl-C, and closes the database either way: what was acknowledged is flushed.
pub(crate) async fn with_database<T>(
    database: Database,
    work: impl AsyncFnOnce(&Database) -> Result<T>,
) -> Result<T> {
    let done = interruptible(work(&database)).await;
    let closed = database.close().await.context("could not close the database");
    let value = done?;
    closed?;
    Ok(value)
}

/// Drops `work` when the user presses Ctrl-C, or the program is asked to end.
pub(crate) async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    watch_for_interrupts();
    IS_INTERRUPTIBLE.store(true, Ordering::SeqCst);
    let done = tokio::select! {
        biased;
        done = work => done,
        () = INTERRUPTED.notified() => Err(Interrupted.into()),
    };
    IS_INTERRUPTIBLE.store(false, Ordering::SeqCst);
    done
}

/// Waits until the user presses Ctrl-C, or the program is asked to end.
///
/// It counts from the call on, not from the first poll.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    watch_for_interrupts();
    let mut interrupted = Box::pin(INTERRUPTED.notified());
    interrupted.as_mut().enable();
    IS_INTERRUPTIBLE.store(true, Ordering::SeqCst);
    interrupted
}

/// Woken at each Ctrl-C.
static INTERRUPTED: Notify = Notify::const_new();

/// Whether work goes on that was not interrupted yet. Otherwise Ctrl-C ends the program, as it does by default.
static IS_INTERRUPTIBLE: AtomicBool = AtomicBool::new(false);

/// Starts, once, the thread that waits for Ctrl-C. It has a runtime of its own: a query that computes for seconds without a pause
/// can keep every worker of the main runtime from looking at signals. Such work ends at the second Ctrl-C, with the program;
/// acknowledged rows are in the log.
fn watch_for_interrupts() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let (ready, listening) = std::sync::mpsc::sync_channel(1);
        let watch = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
                return;
            };
            runtime.block_on(async {
                let Ok(mut signals) = Signals::listen() else { return };
                // nobody waits any more only where the program ends
                let _ = ready.send(());
                while signals.next().await.is_ok() {
                    if !IS_INTERRUPTIBLE.swap(false, Ordering::SeqCst) {
                        std::process::exit(i32::from(EXIT_INTERRUPTED));
                    }
                    INTERRUPTED.notify_waiters();
                }
            });
        };
        // without the thread Ctrl-C ends the program at once, as it does by default: acknowledged rows are safe either way
        let _ = std::thread::Builder::new().name("driftline-interrupt".to_owned()).spawn(watch);
        // from here on a signal ends nothing at once; an error is a thread that is not there
        let _ = listening.recv();
    });
}

/// Ctrl-C, and what asks a program to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}
