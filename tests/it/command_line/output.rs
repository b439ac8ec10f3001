//! Answers go to the standard output, and nothing else does.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::{Run, Workplace};

const ROWS: &str = "SELECT id, model FROM t ORDER BY id";

#[test]
fn every_text_format_holds_the_rows_and_only_them() -> Result<()> {
    // breaks when a note or a progress bar lands in the data
    let place = Workplace::new()?;
    for (format, expected) in [
        ("csv", "id,model\n1,a\n2,b\n3,\n"),
        ("json", r#"[{"id":1,"model":"a"},{"id":2,"model":"b"},{"id":3,"model":null}]"#),
        ("ndjson", "{\"id\":1,\"model\":\"a\"}\n{\"id\":2,\"model\":\"b\"}\n{\"id\":3,\"model\":null}\n"),
    ] {
        let run = place.run(["sql", "--format", format, "-c", ROWS])?;
        run.succeeds()?;
        let found =
            if format == "json" { run.stdout.split_whitespace().collect() } else { run.stdout.clone() };
        ensure!(found == expected, "{format}: {run:?}");
    }
    Ok(())
}

#[test]
fn a_time_in_another_zone_keeps_its_instant() -> Result<()> {
    // breaks when local time is written with the Z of UTC
    let place = Workplace::new()?;
    let query = "SELECT time, time AT TIME ZONE 'Europe/Berlin' AS there FROM t WHERE id = 1";
    ensure!(place.query(query)? == "time,there\n2026-08-01T00:00:00Z,2026-08-01T02:00:00+02:00\n");
    let run = place.run(["sql", "-c", query])?;
    ensure!(run.stdout.contains("2026-08-01T02:00:00+02:00"), "{run:?}");
    Ok(())
}

#[test]
fn a_statement_without_an_answer_empties_no_file() -> Result<()> {
    // breaks when the file is opened before the statement is known to be good
    let place = Workplace::new()?;
    let kept = place.file("kept.csv", "kept")?;
    place.run(["sql", "--output", "kept.csv", "-c", "SELECT * FROM absent"])?.ends_with(3, &["absent"])?;
    ensure!(std::fs::read(&kept)? == b"kept");
    Ok(())
}

#[test]
fn what_is_written_to_a_file_can_be_imported_again() -> Result<()> {
    // breaks when a format loses a row, a NULL or a type between export and import
    let place = Workplace::new()?;
    for (format, file) in [("parquet", "rows.parquet"), ("csv", "rows.csv"), ("ndjson", "rows.ndjson")] {
        let run =
            place.run(["sql", "--format", format, "--output", file, "-c", "SELECT * FROM t ORDER BY id"])?;
        run.succeeds()?;
        ensure!(run.stdout.is_empty(), "the rows are in the file: {run:?}");
        let table = format!("from_{format}");
        place.run(["import", file, "--table", &table])?.succeeds()?;
        let difference = format!("SELECT time, id, model FROM t EXCEPT SELECT time, id, model FROM {table}");
        ensure!(place.query(&format!("SELECT count(*) FROM ({difference})"))?.ends_with("\n0\n"), "{format}");
        ensure!(place.query(&format!("SELECT count(*) FROM {table}"))?.ends_with("\n3\n"), "{format}");
    }
    Ok(())
}

#[test]
fn statements_come_from_arguments_files_and_the_standard_input() -> Result<()> {
    // breaks when a statement over two lines is cut, or an error on the standard input stops what follows
    let place = Workplace::new()?;
    place.file("two.sql", "SELECT 1 -- one; not two\n AS one;\nSELECT 'a;b' AS two")?;
    place.file("marked.sql", "\u{feff}SELECT 1 AS one")?;
    ensure!(place.run(["sql", "--format", "csv", "-f", "marked.sql"])?.stdout == "one\n1\n");
    ensure!(place.query("-- a comment first\nSELECT 1 AS one")? == "one\n1\n");
    let run = place.run(["sql", "--format", "csv", "-f", "two.sql"])?;
    run.succeeds()?;
    ensure!(run.stdout.contains("one\n1\n") && run.stdout.contains("two\na;b\n"), "{run:?}");
    let run = place
        .feed(["sql", "--format", "csv"], "SELECT 1 AS one;\nSELECT * FROM absent;\nSELECT\n2 AS two;\n")?;
    run.ends_with(3, &["absent"])?;
    ensure!(run.stdout.contains("one\n1\n") && run.stdout.contains("two\n2\n"), "{run:?}");
    // given as arguments, statements stop at the first error
    let run = place.run(["sql", "--format", "csv", "-c", "SELECT * FROM absent; SELECT 2 AS two"])?;
    run.ends_with(3, &["absent"])?;
    ensure!(run.stdout.is_empty(), "{run:?}");
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_error() -> Result<()> {
    // breaks when `driftline sql ... | head` ends with a complaint
    let place = Workplace::new()?;
    let query = "SELECT value FROM generate_series(1, 3000000)";
    let mut command = place.command(["sql", "--format", "csv", "-c", query])?;
    let mut child = command.spawn()?;
    let mut output = BufReader::new(child.stdout.take().context("its standard output")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    drop(output);
    let mut stderr = String::new();
    child.stderr.take().context("its standard error")?.read_to_string(&mut stderr)?;
    ensure!(child.wait()?.success() && stderr.is_empty(), "{stderr}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_heard_while_an_operator_computes() -> Result<()> {
    // breaks when the query runs where signals are waited for: this join gives no rows and does not pause for hours
    let place = Workplace::new()?;
    let join = "SELECT 'started' AS state; SELECT count(*) FROM generate_series(1, 1000000) AS a \
                JOIN generate_series(1, 1000000) AS b ON a.value < b.value";
    let mut child = place.command(["sql", "--format", "csv", "-c", join])?.spawn()?;
    let mut output = BufReader::new(child.stdout.take().context("its standard output")?);
    let mut line = String::new();
    while !line.starts_with("started") {
        line.clear();
        ensure!(output.read_line(&mut line)? > 0, "the first statement has no answer");
    }
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    ensure!(interrupt.success());
    Run::from_output(child.wait_with_output()?)?.ends_with(130, &["interrupted"])
}

#[cfg(unix)]
#[test]
fn an_interrupted_query_leaves_the_database_whole() -> Result<()> {
    // breaks when Ctrl-C does not end a query, or keeps the lock or unflushed rows from the next run
    let place = Workplace::new()?;
    let mut command = place.command(["sql", "--format", "csv"])?;
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("its standard input")?;
    let statements = "INSERT INTO t VALUES ('2026-08-03T00:00:00Z', 4, 'c');\n\
                      SELECT value FROM generate_series(1, 1000000000000);\n";
    std::io::Write::write_all(&mut input, statements.as_bytes())?;
    let mut output = BufReader::new(child.stdout.take().context("its standard output")?);
    // it works on the endless query once its first rows are here
    let mut line = String::new();
    while !line.starts_with("value") {
        line.clear();
        ensure!(output.read_line(&mut line)? > 0, "the query ended");
    }
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    ensure!(interrupt.success());
    std::io::copy(&mut output, &mut std::io::sink())?;
    drop(input);
    let run = Run::from_output(child.wait_with_output()?)?;
    run.ends_with(130, &["interrupted"])?;
    ensure!(place.query("SELECT count(*) FROM t")?.ends_with("4\n"));
    Ok(())
}

/// Breaks when an export leaves out rows, writes what is deleted, mixes with files that are there, or is no plain Parquet.
#[test]
fn an_export_is_read_again() -> Result<()> {
    let place = Workplace::new()?;
    place.run(["sql", "-c", "DELETE FROM t WHERE id = 2"])?.succeeds()?;
    let folder = place.path("exported");
    let target = folder.to_str().context("a path of UTF-8")?.to_owned();
    let run = place.run(["export", "--table", "t", target.as_str()])?;
    run.succeeds()?;
    ensure!(run.stderr.contains("2 rows written"), "{run:?}");
    ensure!(folder.join("date=2026-08-01").is_dir() && folder.join("date=2026-08-02").is_dir());
    let count = format!("SELECT count(*) AS n, sum(id) AS ids FROM '{target}/date=2026-08-01/'");
    let run = place.run(["sql", "--format", "ndjson", "-c", &count])?;
    ensure!(run.stdout.trim() == "{\"n\":1,\"ids\":1}", "{run:?}");
    ensure!(place.run(["export", "--table", "t", target.as_str()])?.code == Some(4), "it is not empty");
    let all = place.path("all");
    let all = all.to_str().context("a path of UTF-8")?;
    let query = "SELECT id, model FROM t WHERE id = 3";
    place.run(["export", "--partition-by", "none", "--query", query, all])?.succeeds()?;
    let run = place.run(["sql", "--format", "ndjson", "-c", &format!("SELECT * FROM '{all}/'")])?;
    ensure!(run.stdout.trim() == "{\"id\":3,\"model\":null}", "{run:?}");
    Ok(())
}

/// The files below a folder, which must all have the names of Parquet files.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            ensure!(path.extension().is_some_and(|extension| extension == "parquet"), "{}", path.display());
            found.push(path);
        }
    }
    Ok(found)
}

// breaks when files stay open to the end, rows are lost where one is finished, or rows that come in no order make many small files
#[test]
fn an_export_of_many_days_is_whole() -> Result<()> {
    let place = Workplace::new()?;
    let days = "CREATE TABLE days (time TIMESTAMP NOT NULL, id BIGINT); \
                INSERT INTO days SELECT \
                to_timestamp_nanos(1785542400000000000 + value % 40 * 86400000000000 + value) AS time, value AS id \
                FROM range(0, 2000); CREATE VIEW mixed AS SELECT * FROM days";
    place.run(["sql", "-c", days])?.succeeds()?;
    for (what, name, folder) in [
        ("--table", "days", "scanned"),
        ("--table", "mixed", "seen"),
        ("--query", "SELECT * FROM days ORDER BY id -- by no day", "asked"),
    ] {
        let run = place.run(["export", what, name, folder])?;
        run.ends_with(0, &[format!("2000 rows written to '{folder}'").as_str()])?;
        let target = place.path(folder);
        ensure!(std::fs::read_dir(&target)?.count() == 40, "{folder}");
        ensure!(folder == "scanned" || files(&target)?.len() == 40, "{folder}");
        let target = target.display();
        let all = format!("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM '{target}/'");
        ensure!(place.query(&all)? == "n,ids\n2000,2000\n", "{folder}");
        let day = format!(
            "SELECT count(*) AS n, min(id % 40) AS first, max(id % 40) AS last FROM '{target}/date=2026-08-02/'"
        );
        ensure!(place.query(&day)? == "n,first,last\n50,1,1\n", "{folder}");
    }
    place
        .run(["export", "--partition-by", "month", "--query", "SELECT * FROM days", "months"])?
        .succeeds()?;
    let september = place.path("months/month=2026-09-01");
    ensure!(files(&place.path("months"))?.len() == 2 && files(&september)?.len() == 1);
    let count = format!("SELECT count(*) AS n FROM '{}/'", september.display());
    ensure!(place.query(&count)? == "n\n450\n");
    Ok(())
}

// breaks when a column of the rows is taken for the day of the folder: it would not be in the files, and its NULLs become values
#[test]
fn an_export_keeps_a_column_called_date() -> Result<()> {
    let place = Workplace::new()?;
    let bookings = "CREATE TABLE bookings (time TIMESTAMP NOT NULL, \"date\" DATE, id BIGINT); \
                    INSERT INTO bookings VALUES ('2026-08-01T00:00:00Z', '2020-02-29', 1), \
                    ('2026-08-02T00:00:00Z', NULL, 2)";
    place.run(["sql", "-c", bookings])?.succeeds()?;
    let said = ["have a column 'date'", "--partition-by none", "rename the column with --query"];
    place.run(["export", "--table", "bookings", "refused"])?.ends_with(2, &said)?;
    ensure!(!place.path("refused").exists());
    let renamed = "SELECT time, \"date\" AS booked, id FROM bookings";
    place.run(["export", "--query", renamed, "renamed"])?.succeeds()?;
    place.run(["export", "--table", "bookings", "--partition-by", "none", "all"])?.succeeds()?;
    place.run(["export", "--table", "bookings", "--partition-by", "month", "months"])?.succeeds()?;
    for (folder, column) in [("renamed", "booked"), ("all", "date"), ("months", "date")] {
        let folder = place.path(folder);
        let rows = format!("SELECT \"{column}\" AS day, id FROM '{}/' ORDER BY id", folder.display());
        let rows = place.query(&rows)?;
        ensure!(rows == "day,id\n2020-02-29,1\n,2\n", "{column}: {rows}");
    }
    Ok(())
}

// breaks when the name of a folder is taken for a pattern or a URL: files would land beside it
#[cfg(unix)]
#[test]
fn an_export_goes_into_the_folder_that_is_named() -> Result<()> {
    let place = Workplace::new()?;
    let folders = ["it's", "out-12:00", "out[1]", "what?*"];
    for folder in folders {
        place.run(["export", "--table", "t", folder])?.succeeds()?;
        let found = files(&place.path(folder))?;
        ensure!(found.len() == 2, "{found:?}");
        for file in found {
            let import = [OsStr::new("import"), file.as_os_str(), OsStr::new("--table"), OsStr::new("back")];
            place.run(import)?.succeeds()?;
        }
    }
    ensure!(place.query("SELECT count(*) AS n, sum(id) AS ids FROM back")? == "n,ids\n12,24\n");
    for entry in std::fs::read_dir(place.folder.path())? {
        let name = entry?.file_name();
        ensure!(name == "db" || folders.iter().any(|folder| name == *folder), "{}", name.display());
    }
    Ok(())
}

// breaks when a row without a time is put into a day, the error does not say what to do, or no rows are no columns
#[test]
fn an_export_without_times_or_rows_is_clear() -> Result<()> {
    let place = Workplace::new()?;
    for (query, said) in [
        ("SELECT id FROM t", "no column 'time'"),
        ("SELECT CAST(id AS TEXT) AS time FROM t", "has type TEXT"),
        ("SELECT id, CASE WHEN id <> 2 THEN time END AS time FROM t", "a row has no time"),
    ] {
        place.run(["export", "--query", query, "x"])?.ends_with(2, &[said, "--partition-by none"])?;
        ensure!(!place.path("x").exists() || files(&place.path("x"))?.is_empty(), "{query}");
    }
    let none = "SELECT time, model FROM t WHERE id > 9";
    place.run(["export", "--query", none, "days"])?.ends_with(0, &["0 rows written"])?;
    ensure!(files(&place.path("days"))?.is_empty());
    place.run(["export", "--query", none, "--partition-by", "none", "all"])?.succeeds()?;
    let all = format!("SELECT * FROM '{}/'", place.path("all").display());
    ensure!(place.query(&all)? == "time,model\n");
    place.run(["export", "--table", "absent", "absent"])?.ends_with(3, &["absent"])?;
    ensure!(!place.path("absent").exists());
    Ok(())
}

// breaks when Ctrl-C is not heard while files are written, or leaves one that is not whole
#[cfg(unix)]
#[test]
fn an_interrupted_export_leaves_nothing_half_done() -> Result<()> {
    let place = Workplace::new()?;
    let query = "SELECT value FROM generate_series(1, 1000000000000)";
    let mut child = place.command(["export", "--partition-by", "none", "--query", query, "out"])?.spawn()?;
    let out = place.path("out");
    let is_begun = || std::fs::read_dir(&out).is_ok_and(|mut entries| entries.next().is_some());
    while !is_begun() {
        ensure!(child.try_wait()?.is_none(), "it ended before it wrote anything");
        std::thread::yield_now();
    }
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    ensure!(interrupt.success());
    Run::from_output(child.wait_with_output()?)?.ends_with(130, &["interrupted"])?;
    ensure!(std::fs::read_dir(&out)?.next().is_none());
    Ok(())
}
