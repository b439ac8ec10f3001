//! `driftline check`: verify the files of a database, also while another process writes it. Damage is named, and the exit code says
//! so.

use std::io::Write;

use anyhow::Result;
use driftline::ErrorKind;

use super::{open_to_read, unfinished, with_database};
use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::Terminal;

pub(crate) async fn run(place: &Place, args: &CheckArgs, terminal: &Terminal) -> Result<()> {
    with_database(open_to_read(place).await?, async |database| {
        let report = database.storage().check(args.deep).await?;
        let mut out = std::io::stdout();
        for finding in &report.findings {
            match finding.problem.starts_with(&finding.object) {
                true => writeln!(out, "{}", finding.problem)?,
                false => writeln!(out, "{}: {}", finding.object, finding.problem)?,
            }
        }
        let looked_at = format!(
            "version {}: {} tables, {} segments, {} rows, {} bytes {}; {} named objects read",
            report.version,
            report.tables,
            report.segments,
            report.rows,
            report.bytes,
            if args.deep { "read and decoded" } else { "by size and footer (--deep reads every byte)" },
            report.objects
        );
        terminal.note(&looked_at);
        if let Some(unfinished) = unfinished(database) {
            terminal.note(&unfinished);
        }
        match report.findings.len() {
            0 => Ok(writeln!(out, "ok")?),
            1 => Err(damaged("1 object is damaged")),
            n => Err(damaged(&format!("{n} objects are damaged"))),
        }
    })
    .await
}

fn damaged(message: &str) -> anyhow::Error {
    Failure::new(ErrorKind::Corrupted, message).into()
}
