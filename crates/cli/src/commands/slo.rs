//! `driftline slo`: SLOs out of files and into files.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use driftline::SloFile;

use super::{open_or_create, open_to_read, with_database};
use crate::args::{SloArgs, SloCommand};
use crate::place::Place;
use crate::terminal::{Terminal, counted};

pub(crate) async fn run(place: &Place, args: &SloArgs, terminal: &Terminal) -> Result<()> {
    match &args.command {
        SloCommand::Apply { files, dry_run } => apply(place, files, *dry_run, terminal).await,
        SloCommand::Export { names, output } => export(place, names, output.as_deref()).await,
    }
}

async fn apply(place: &Place, files: &[PathBuf], dry_run: bool, terminal: &Terminal) -> Result<()> {
    let files: Vec<SloFile> = files.iter().map(|file| read(file)).collect::<Result<_>>()?;
    let database = if dry_run { open_to_read(place).await? } else { open_or_create(place, terminal).await? };
    with_database(database, async |database| {
        let applied = database.apply_slos(&files, dry_run).await?;
        let mut out = std::io::stdout();
        for slo in &applied {
            for note in &slo.notes {
                terminal.warn(&format!("{}: {note}", slo.name));
            }
            if dry_run {
                slo.statements.iter().try_for_each(|statement| writeln!(out, "{statement};"))?;
            }
        }
        let verb = if dry_run { "would be applied" } else { "applied" };
        terminal.note(&format!("{} {verb}", counted(applied.len() as u64, "SLO", "SLOs")));
        Ok(())
    })
    .await
}

async fn export(place: &Place, names: &[String], output: Option<&Path>) -> Result<()> {
    with_database(open_to_read(place).await?, async |database| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let yaml = database.export_slos(&names)?;
        match output {
            Some(file) => {
                std::fs::write(file, yaml).with_context(|| format!("cannot write '{}'", file.display()))
            }
            None => Ok(std::io::stdout().write_all(yaml.as_bytes())?),
        }
    })
    .await
}

fn read(file: &Path) -> Result<SloFile> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(SloFile { name: "standard input".to_owned(), text });
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read '{}'", file.display()))?;
    Ok(SloFile { name: file.display().to_string(), text })
}
