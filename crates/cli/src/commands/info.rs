//! `driftline info`: what lies in the database, also while another process writes it.

use std::io::Write;

use super::{open_to_read, unfinished, with_database};
use crate::args::Format;
use crate::output::Output;
use crate::place::Place;
use crate::terminal::Terminal;
use anyhow::Result;

const TABLES: &str =
    "SELECT name, kind, rows, segments, bytes, min_time, max_time FROM driftline.tables ORDER BY kind, name";

pub(crate) async fn run(place: &Place, terminal: &Terminal) -> Result<()> {
    with_database(open_to_read(place).await?, async |database| {
        let status = database.storage().status();
        let recovery = database.storage().recovery();
        let mut out = std::io::stdout();
        writeln!(out, "database   {}", place.display())?;
        writeln!(out, "program    driftline {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "manifest   version {}", status.manifest_version)?;
        writeln!(
            out,
            "log        {} bytes; {} rows are not yet in segments",
            status.wal_bytes, status.memtable_rows
        )?;
        writeln!(
            out,
            "opened in  {:.0} ms, {} records read from the log",
            recovery.elapsed.as_secs_f64() * 1e3,
            recovery.frames
        )?;
        if let Some(unfinished) = unfinished(database) {
            writeln!(out, "log's end  {unfinished}")?;
        }
        let mut output = Output::new(Format::Table, None, terminal)?;
        output.write(database.sql(TABLES).await?).await?;
        Ok(())
    })
    .await
}
