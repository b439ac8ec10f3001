//! `backup`, `restore` and `--as-of`: copies of a database, and the database as it was.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Run, Workplace};
use crate::program;

const ROWS: &str = "SELECT count(*) AS n, max(id) AS id FROM t";

/// Runs the program on another database of the place.
fn run_on(place: &Workplace, database: &str, arguments: &[&str]) -> Result<Run> {
    Run::of(Command::new(program::path()?).arg("--db").arg(place.path(database)).args(arguments))
}

fn rows_of(place: &Workplace, database: &str, options: &[&str]) -> Result<String> {
    let run = run_on(place, database, &[&["sql", "--format", "csv", "-c", ROWS], options].concat())?;
    run.succeeds()?;
    Ok(run.stdout)
}

#[test]
fn a_backup_beside_a_writer_becomes_a_database() -> Result<()> {
    // breaks when rows that are in no segment yet are not in a backup, or it cannot be read and restored
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
    place.run(["backup", "copy"])?.ends_with(0, &["is backed up", "files copied", "1 row out of the log"])?;
    place.run(["backup", "copy"])?.ends_with(0, &["was backed up before: nothing has changed"])?;
    drop(input);
    ensure!(writer.wait()?.success());
    ensure!(rows_of(&place, "copy", &["--read-only"])? == "n,id\n4,4\n");

    // what happens later is in the next one
    place.run(["sql", "-c", "DELETE FROM t WHERE id = 1"])?.succeeds()?;
    place.run(["--quiet", "backup", "copy", "--prune"])?.ends_with(0, &[])?;
    ensure!(rows_of(&place, "copy", &["--read-only"])? == "n,id\n3,4\n");
    run_on(&place, "copy", &["check", "--deep"])?.ends_with(0, &["read and decoded"])?;

    place.run(["restore", "copy", "again"])?.ends_with(0, &["again is a database"])?;
    ensure!(rows_of(&place, "again", &[])? == "n,id\n3,4\n");
    place.run(["restore", "copy", "again"])?.ends_with(4, &["again is not empty"])?;
    place.run(["restore", "nothing", "new"])?.ends_with(3, &["there is no database at"])?;
    place.run(["restore", "db", "new"])?.ends_with(2, &["this is no backup but a database"])?;
    place.run(["backup", "db/copy"])?.ends_with(2, &["lie in each other"])?;
    std::fs::create_dir(place.path("full"))?;
    place.file("full/letter.txt", "dear")?;
    place.run(["backup", "full"])?.ends_with(4, &["neither empty nor a backup of this database"])?;
    Ok(())
}

#[test]
fn a_database_is_read_as_it_was() -> Result<()> {
    // breaks when a time shows another version than that of the time, or an error does not say which times there are
    let place = Workplace::new()?;
    let run = place.run(["sql", "--format", "csv", "-c", "SELECT now() AS n"])?;
    run.succeeds()?;
    let time = run.stdout.lines().nth(1).context("a time")?.to_owned();
    place.run(["sql", "-c", "DELETE FROM t WHERE id < 3"])?.succeeds()?;
    ensure!(rows_of(&place, "db", &[])? == "n,id\n1,3\n");
    ensure!(rows_of(&place, "db", &["--as-of", &time])? == "n,id\n3,3\n");
    let sql = format!(
        "SELECT id FROM t FOR SYSTEM_TIME AS OF '{time}' AS then WHERE then.id NOT IN (SELECT id FROM t) ORDER BY id"
    );
    ensure!(place.query(&sql)? == "id\n1\n2\n");
    let insert = ["sql", "--as-of", &time, "-c", "INSERT INTO t (time, id) VALUES ('2026-01-01', 9)"];
    place.run(insert)?.ends_with(2, &["open for reading only"])?;
    place
        .run(["sql", "--as-of", "2001-01-01", "-c", "SELECT 1"])?
        .ends_with(3, &["the earliest is from 20"])?;
    place.run(["sql", "--as-of", "2200-01-01", "-c", "SELECT 1"])?.ends_with(2, &["is still to come"])?;

    // a backup keeps its versions until they are pruned
    place.run(["backup", "copy"])?.succeeds()?;
    let run = place.run(["sql", "--format", "csv", "-c", "SELECT now() AS n"])?;
    let time = run.stdout.lines().nth(1).context("a time")?.to_owned();
    place.run(["sql", "-c", "DELETE FROM t"])?.succeeds()?;
    place.run(["backup", "copy"])?.succeeds()?;
    ensure!(rows_of(&place, "copy", &["--read-only"])? == "n,id\n0,\n");
    ensure!(rows_of(&place, "copy", &["--as-of", &time])? == "n,id\n1,3\n");
    place.run(["restore", "copy", "before", "--as-of", &time])?.succeeds()?;
    ensure!(rows_of(&place, "before", &[])? == "n,id\n1,3\n");
    place.run(["sql", "-c", "DROP TABLE t"])?.succeeds()?;
    place.run(["backup", "copy", "--prune"])?.ends_with(0, &["of earlier backups removed"])?;
    place
        .run(["restore", "copy", "gone", "--as-of", &time])?
        .ends_with(3, &["is kept: the earliest is from"])?;
    Ok(())
}
