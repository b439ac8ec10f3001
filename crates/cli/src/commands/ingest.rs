//! `driftline ingest`: OTLP files into the database. The good part of a file is kept; the rest is reported with file and offset.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use driftline::{Database, Encoding, Signal};
use driftline_server::Settings;

use super::{open, with_database};
use crate::args::{EncodingArg, IngestArgs, SignalArg};
use crate::failure::{self, AlreadyReported};
use crate::import::bodies::{Bodies, Body};
use crate::place::Place;
use crate::terminal::{Terminal, counted};

const PROGRESS: &str = "{msg:30!} {bar:40.cyan/dim} {pos} of {len} files, {eta} left";

/// What one run took and refused.
#[derive(Default)]
struct Tally {
    accepted: BTreeMap<(&'static str, &'static str), u64>,
    rejected: u64,
    moved: u64,
    redacted: u64,
    repeated: u64,
    unusable_bodies: u64,
    exit_code: Option<u8>,
}

pub(crate) async fn run(place: &Place, args: &IngestArgs, terminal: &Terminal) -> Result<()> {
    let settings = args.config.as_deref().map(Settings::read).transpose()?;
    let database = place.builder();
    let database = settings.map_or(database.clone(), |settings| settings.limits(database));
    with_database(open(database, terminal).await?, async |database| {
        let mut tally = Tally::default();
        let bar = terminal.progress(args.files.len() as u64, PROGRESS);
        for file in &args.files {
            bar.set_message(file.display().to_string());
            if let Err(error) = ingest_file(database, file, args, &mut tally, terminal).await {
                bar.suspend(|| failure::print(terminal, &error));
                tally.exit_code.get_or_insert(failure::exit_code(&error));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        tally.report(terminal);
        if tally.rejected > 0 && tally.repeated == 0 && tally.accepted.values().all(|count| *count == 0) {
            // nothing of what was given could be used
            tally.exit_code.get_or_insert(2);
        }
        tally.exit_code.map_or(Ok(()), |code| Err(AlreadyReported(code).into()))
    })
    .await
}

async fn ingest_file(
    database: &Database,
    file: &Path,
    args: &IngestArgs,
    tally: &mut Tally,
    terminal: &Terminal,
) -> Result<()> {
    for body in Bodies::open(file, args.encoding.map(Encoding::from))? {
        let body = body?;
        if let Err(error) = ingest_body(database, &body, args, tally, terminal).await {
            // a closed or full database refuses every further body too
            if failure::exit_code(&error) != 2 {
                return Err(error);
            }
            failure::print(terminal, &error);
            tally.unusable_bodies += 1;
            tally.exit_code.get_or_insert(2);
        }
    }
    Ok(())
}

async fn ingest_body(
    database: &Database,
    body: &Body,
    args: &IngestArgs,
    tally: &mut Tally,
    terminal: &Terminal,
) -> Result<()> {
    let (signal, encoding) = body.kind(args.signal.map(Signal::from), args.encoding.map(Encoding::from))?;
    let report =
        database.ingest_otlp(signal, encoding, &body.bytes).await.map_err(|error| body.locate(error))?;
    if report.repeated {
        tally.repeated += report.accepted;
        terminal.warn(&format!(
            "{}: stored before, so its {} are not stored again",
            body.place(),
            counted(report.accepted, noun(signal).0, noun(signal).1)
        ));
        return Ok(());
    }
    *tally.accepted.entry(noun(signal)).or_default() += report.accepted;
    for rejected in &report.rejected {
        tally.rejected += rejected.count;
        terminal.warn(&format!("{}: {} left out: {}", body.place(), rejected.count, rejected.reason));
    }
    for moved in &report.moved {
        tally.moved += moved.count;
        terminal.warn(&format!(
            "{}: {} of another type than column {} kept in attributes",
            body.place(),
            counted(moved.count, "value", "values"),
            moved.column
        ));
    }
    tally.redacted += report.redacted.iter().map(|redacted| redacted.count).sum::<u64>();
    Ok(())
}

impl Tally {
    fn report(&self, terminal: &Terminal) {
        let mut parts: Vec<String> =
            self.accepted.iter().map(|((one, many), count)| counted(*count, one, many)).collect();
        if parts.is_empty() {
            parts.push("nothing".to_owned());
        }
        let mut line = format!("stored {}", parts.join(", "));
        if self.rejected > 0 {
            line.push_str(&format!("; {} left out", self.rejected));
        }
        if self.repeated > 0 {
            line.push_str(&format!("; {} were there before", self.repeated));
        }
        if self.moved > 0 {
            line.push_str(&format!("; {} kept in attributes", counted(self.moved, "value", "values")));
        }
        if self.redacted > 0 {
            line.push_str(&format!("; {} redacted", counted(self.redacted, "value", "values")));
        }
        if self.unusable_bodies > 0 {
            let bodies = counted(self.unusable_bodies, "body", "bodies");
            line.push_str(&format!("; {bodies} could not be used"));
        }
        terminal.note(&line);
    }
}

/// What one item of a signal is called, and many.
fn noun(signal: Signal) -> (&'static str, &'static str) {
    match signal {
        Signal::Traces => ("span", "spans"),
        Signal::Metrics => ("metric point", "metric points"),
        Signal::Logs => ("log record", "log records"),
    }
}

impl From<SignalArg> for Signal {
    fn from(signal: SignalArg) -> Self {
        match signal {
            SignalArg::Traces => Self::Traces,
            SignalArg::Metrics => Self::Metrics,
            SignalArg::Logs => Self::Logs,
        }
    }
}

impl From<EncodingArg> for Encoding {
    fn from(encoding: EncodingArg) -> Self {
        match encoding {
            EncodingArg::Protobuf => Self::Protobuf,
            EncodingArg::Json => Self::Json,
        }
    }
}
