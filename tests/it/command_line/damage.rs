//! Two writers, and bytes that are not those that were written.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::Workplace;
use crate::served::Served;

#[test]
fn a_second_writer_is_told_who_has_the_database_and_readers_are_let_in() -> Result<()> {
    // breaks when two processes can write at once, or when looking needs the right to write
    let place = Workplace::new()?;
    let mut command = place.command(["sql", "--format", "csv"])?;
    let mut writer = command.stdin(Stdio::piped()).spawn()?;
    let mut input = writer.stdin.take().context("its standard input")?;
    input.write_all(b"INSERT INTO t VALUES ('2026-08-03T00:00:00Z', 4, 'c');\nSELECT 'ready' AS state;\n")?;
    let mut output = BufReader::new(writer.stdout.take().context("its standard output")?);
    let mut line = String::new();
    while !line.starts_with("ready") {
        line.clear();
        ensure!(output.read_line(&mut line)? > 0, "the writer ended");
    }
    let process = format!("process {}", writer.id());
    place.run(["sql", "-c", "SELECT 1"])?.ends_with(4, &[&process])?;
    place.run(["info"])?.succeeds()?;
    place.run(["check"])?.succeeds()?;
    let reader = ["sql", "--read-only", "--format", "csv", "-c"];
    let run = place.run(reader.into_iter().chain(["SELECT count(*) FROM t"]))?;
    run.succeeds()?;
    ensure!(run.stdout.ends_with("4\n"), "a reader sees what is acknowledged: {run:?}");
    place.run(reader.into_iter().chain(["DROP TABLE t"]))?.ends_with(2, &["reading only"])?;
    drop(input);
    ensure!(writer.wait()?.success());
    Ok(())
}

#[test]
fn a_database_that_is_served_is_compacted_by_another_process() -> Result<()> {
    // breaks when the process that has the database open does not take what this one compacted, or loses a row by it
    let place = Workplace::new()?;
    place.run(["sql", "-c", "INSERT INTO t VALUES ('2026-08-01T02:00:00Z', 4, 'c'); FLUSH"])?.succeeds()?;
    let server = Served::start(&place.database())?;
    let segments =
        "SELECT count(*) AS segments, sum(rows) AS rows FROM driftline.segments WHERE table_name = 't'";
    let ask = ["sql", "--url", server.flight.as_str(), "--format", "csv", "-c", segments];
    let before = place.run(ask)?;
    ensure!(before.stdout.ends_with("3,4\n"), "{before:?}");
    place.run(["compact", "t", "--purge"])?.ends_with(4, &["is open for writing by process", "PURGE"])?;
    place.run(["compact", "t"])?.ends_with(0, &["2 segments", "into 1 of"])?;
    let after = place.run(ask)?;
    ensure!(after.stdout.ends_with("2,4\n"), "{after:?}");
    place.run(["compact", "t"])?.succeeds()?;
    server.kill()
}

#[test]
fn a_torn_end_of_the_log_is_cut_and_reported() -> Result<()> {
    // breaks when an unfinished write makes a database unusable, or when its loss is kept secret
    let place = Workplace::new()?;
    let log = killed_writer(&place)?;
    let mut bytes = std::fs::read(&log)?;
    bytes.extend_from_slice(&[7; 21]);
    std::fs::write(&log, &bytes)?;
    let run = place.run(["sql", "--format", "csv", "-c", "SELECT count(*) FROM t"])?;
    run.ends_with(0, &["21 bytes", "cut off"])?;
    ensure!(run.stdout.ends_with("4\n"), "{run:?}");
    let again = place.run(["sql", "-c", "SELECT count(*) FROM t"])?;
    ensure!(again.stderr.is_empty(), "it is cut once: {again:?}");
    Ok(())
}

#[test]
fn a_flipped_byte_names_the_object() -> Result<()> {
    // breaks when damage gives wrong rows, or an error that nobody can act on
    let place = Workplace::new()?;
    let query = ["sql", "-c", "SELECT * FROM t"];
    for (directory, ending) in [("data", ".parquet"), ("manifest/days", ".json")] {
        let file = place.first_file(directory, ending)?;
        let written = std::fs::read(&file)?;
        flip(&file, &written, written.len() / 2)?;
        let name = file.file_name().context("a name")?.to_string_lossy().into_owned();
        place.run(query)?.ends_with(7, &[&name])?;
        let check = place.run(["check"])?;
        check.ends_with(7, &["damaged"])?;
        ensure!(check.stdout.contains(&name), "damaged objects are what was asked for: {check:?}");
        std::fs::write(&file, &written)?;
    }
    place.run(query)?.succeeds()?;
    let log = killed_writer(&place)?;
    let written = std::fs::read(&log)?;
    // the first record, with whole ones behind it
    flip(&log, &written, 70)?;
    let name = log.file_name().context("a name")?.to_string_lossy().into_owned();
    place.run(query)?.ends_with(7, &[&name, "offset"])
}

fn flip(file: &Path, written: &[u8], offset: usize) -> Result<()> {
    let mut bytes = written.to_vec();
    *bytes.get_mut(offset).context("the file is long enough")? ^= 16;
    Ok(std::fs::write(file, bytes)?)
}

/// Leaves rows in the log as a killed process does; gives the log's last file.
fn killed_writer(place: &Workplace) -> Result<std::path::PathBuf> {
    let mut command = place.command(["sql", "--format", "csv"])?;
    let mut writer = command.stdin(Stdio::piped()).spawn()?;
    let mut input = writer.stdin.take().context("its standard input")?;
    for statement in [
        "INSERT INTO t VALUES ('2026-08-03T00:00:00Z', 4, 'c')",
        "CREATE TABLE other (time TIMESTAMP NOT NULL)",
        "INSERT INTO other VALUES ('2026-08-03T00:00:00Z')",
        "INSERT INTO other VALUES ('2026-08-03T00:00:01Z')",
        "SELECT 'ready' AS state",
    ] {
        writeln!(input, "{statement};")?;
    }
    let mut output = BufReader::new(writer.stdout.take().context("its standard output")?);
    let mut line = String::new();
    while !line.starts_with("ready") {
        line.clear();
        ensure!(output.read_line(&mut line)? > 0, "the writer ended");
    }
    writer.kill()?;
    writer.wait()?;
    let mut logs = std::fs::read_dir(place.database().join("wal"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    logs.sort();
    logs.pop().context("the log has a file")
}
