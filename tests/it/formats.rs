//! What was written once is read for ever: every released format lies in `tests/fixtures/vN`, and today's program opens it.
//!
//! A fixture is a small database with every kind of object. It is never changed. When a format changes, the program keeps reading the old
//! one, its number goes up, and the next fixture is made by
//! `DRIFTLINE_WRITE_FIXTURE=vN cargo test --workspace --test it todays_program`.

mod make;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use driftline::Database;
use driftline_tests::display_rows;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// A fixture lies in everybody's clone for ever.
const FIXTURE_BYTES_MAX: u64 = 200_000;

/// What a fixture has at least one of.
const KINDS: [&str; 8] = [
    "manifest format 1",
    "day list format 1",
    "log format 1",
    "segment format 1",
    "index version 1",
    "deletion vectors",
    "named object",
    "baseline format 1",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// All files of a database that are part of it, by their paths below it.
fn files(database: &Path) -> Result<Vec<String>> {
    let (mut directories, mut found) = (vec![database.to_owned()], vec![]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            let below = path.strip_prefix(database)?.to_str().context("a name in UTF-8")?.to_owned();
            match path.is_dir() {
                true if below != "tmp" && below != "spill" => directories.push(path),
                false if below != "LOCK" => found.push(below),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let target = to.join(&file);
        std::fs::create_dir_all(target.parent().context("it lies below the database")?)?;
        std::fs::copy(from.join(&file), target)?;
    }
    Ok(())
}

/// The formats that the files of a database say they have, and the kinds that have none of their own.
fn formats(database: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for file in files(database)? {
        let bytes = std::fs::read(database.join(&file))?;
        let folder = file.split_once('/').context("every file lies in a folder")?.0;
        found.extend(match folder {
            "manifest" if file.starts_with("manifest/days/") => vec![of_text("day list", &bytes)?],
            "manifest" => vec![of_text("manifest", &bytes)?],
            "wal" => vec![format!("log format {}", u32::from_le_bytes(bytes[8..12].try_into()?))],
            "deletions" => vec!["deletion vectors".to_owned()],
            "objects" => of_object(bytes)?,
            "data" => of_segment(bytes)?,
            folder => anyhow::bail!("what is {folder}?"),
        });
    }
    Ok(found)
}

/// The format at the beginning of a manifest object.
fn of_text(kind: &str, bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes)?;
    let number = text.strip_prefix("{\"format\":").and_then(|rest| rest.split_once(','));
    Ok(format!("{kind} format {}", number.context("it begins with its format")?.0))
}

fn of_object(bytes: Vec<u8>) -> Result<Vec<String>> {
    let mut found = vec!["named object".to_owned()];
    if bytes.starts_with(b"ARROW1") {
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None)?;
        let number = reader.schema().metadata().get("driftline.baseline.format").cloned();
        found.extend(number.map(|number| format!("baseline format {number}")));
    }
    Ok(found)
}

fn of_segment(bytes: Vec<u8>) -> Result<Vec<String>> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    let pairs = reader.metadata().file_metadata().key_value_metadata().into_iter().flatten();
    let mut found = vec![];
    for pair in pairs {
        let value = pair.value.as_deref().unwrap_or_default();
        match pair.key.as_str() {
            "driftline.format" => found.push(format!("segment format {value}")),
            "driftline.index" => {
                let note: serde_json::Value = serde_json::from_str(value)?;
                found.push(format!("index version {}", note["version"]));
            }
            _ => {}
        }
    }
    Ok(found)
}

async fn answer(database: &Database, sql: &str) -> Result<Vec<String>> {
    let mut rows = vec![];
    for batch in database.sql(sql).await.context(sql.to_owned())?.collect().await.context(sql.to_owned())? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows)
}

/// The questions of `formats/questions.slt`, each with its rows.
fn questions() -> Result<Vec<(String, Vec<String>)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/formats/questions.slt");
    let text = std::fs::read_to_string(path)?;
    let blocks = text.split("\n\n").filter(|block| !block.starts_with('#'));
    let questions = blocks.map(|block| {
        let (sql, rows) = block.split_once("\n----").context(block.to_owned())?;
        Ok((sql.to_owned(), rows.lines().skip(1).map(str::to_owned).collect()))
    });
    questions.collect()
}

/// Asks everything and compares; then looks at every byte.
async fn check(database: &Database) -> Result<()> {
    let mut wrong = vec![];
    for (sql, expected) in questions()? {
        let found = answer(database, &sql).await?;
        if found != expected {
            wrong.push(format!("{sql}\n----\n{}\n\nexpected\n{}\n", found.join("\n"), expected.join("\n")));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let report = database.storage().check(true).await?;
    ensure!(report.findings.is_empty(), "{:?}", report.findings);
    ensure!(report.segments > 5 && report.objects > 1, "{report:?}");
    Ok(())
}

/// Goes red when a change of any format leaves rows of before unreadable, or gives other ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_released_format_opens() -> Result<()> {
    let mut opened = 0;
    for entry in std::fs::read_dir(fixtures())? {
        let fixture = entry?.path();
        let copied = tempfile::tempdir()?;
        copy(&fixture, copied.path())?;
        let place = || fixture.display().to_string();
        // for reading only, which changes nothing
        let database = Database::open_read_only(copied.path()).await.with_context(place)?;
        check(&database).await.with_context(place)?;
        database.close().await?;
        ensure!(files(copied.path())? == files(&fixture)?, "a reader changes nothing");
        // for writing, with the rows of the log; and once more, when they lie in segments of today
        for _ in 0..2 {
            let database = Database::open(copied.path()).await.with_context(place)?;
            check(&database).await.with_context(place)?;
            database.close().await?;
        }
        // what the old program wrote is merged with what the new one writes
        let database = Database::open(copied.path()).await?;
        for table in ["predictions", "bills", "kinds", "events", "logs"] {
            answer(&database, &format!("COMPACT {table}")).await?;
        }
        check(&database).await.with_context(place).context("compacted")?;
        database.close().await?;
        opened += 1;
    }
    ensure!(opened > 0, "there are fixtures");
    Ok(())
}

/// Goes red when a format changes without its number, or its number without a fixture: see the head of this file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn todays_program_writes_the_newest_released_format() -> Result<()> {
    if let Ok(target) = std::env::var("DRIFTLINE_WRITE_FIXTURE") {
        ensure!(target.starts_with('v'), "a fixture is called after its format, as v1");
        let fresh = tempfile::tempdir()?;
        drop(make::database(fresh.path()).await?);
        copy(fresh.path(), &fixtures().join(target))?;
    }
    let made = tempfile::tempdir()?;
    let database = make::database(made.path()).await?;
    // as a process leaves it that dies now: rows in the log alone
    let left = tempfile::tempdir()?;
    copy(made.path(), left.path())?;
    database.close().await?;
    let kinds: BTreeSet<String> = KINDS.map(str::to_owned).into();
    ensure!(formats(left.path())? == kinds, "{:?}", formats(left.path())?);
    let database = Database::open(left.path()).await?;
    check(&database).await?;
    database.close().await?;
    let newest =
        std::fs::read_dir(fixtures())?.map(|entry| Ok(entry?.path())).collect::<Result<BTreeSet<_>>>()?;
    let newest = newest.last().context("there are fixtures")?;
    ensure!(formats(newest)? == kinds, "{}: {:?}", newest.display(), formats(newest)?);
    let bytes: u64 =
        files(newest)?.iter().map(|file| Ok(newest.join(file).metadata()?.len())).sum::<Result<u64>>()?;
    ensure!(bytes < FIXTURE_BYTES_MAX, "the fixture has {bytes} bytes");
    Ok(())
}
