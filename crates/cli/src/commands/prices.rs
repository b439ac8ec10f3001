//! `driftline prices`: the table of prices brought up to a list.

use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use super::{open_or_create, with_database};
use crate::args::PricesArgs;
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::{Terminal, counted};

pub(crate) async fn run(place: &Place, args: &PricesArgs, terminal: &Terminal) -> Result<()> {
    let list = read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let from = args.from.map(|time| {
        let since =
            time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok());
        since.ok_or_else(|| Failure::invalid("--from must lie between 1970 and 2262"))
    });
    let from = from.transpose()?;
    with_database(open_or_create(place, terminal).await?, async |database| {
        let report = database
            .import_prices(&list, from)
            .await
            .with_context(|| format!("no prices of {}", args.file.display()))?;
        terminal.note(&format!(
            "{} added, {} changed, {} as they were",
            counted(report.added, "price", "prices"),
            report.changed,
            report.unchanged
        ));
        if report.repeated > 0 {
            terminal.note(&format!(
                "{} left out: another name means the same model",
                counted(report.repeated, "price", "prices")
            ));
        }
        if report.not_by_token > 0 {
            terminal.note(&format!(
                "{} left out: not priced by token",
                counted(report.not_by_token, "model", "models")
            ));
        }
        Ok(())
    })
    .await
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut list = vec![];
    std::io::stdin().read_to_end(&mut list)?;
    Ok(list)
}
