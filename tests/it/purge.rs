//! What is deleted and purged is nowhere any more: not in a segment, not in the log, not in any other file.

use std::path::Path;

use anyhow::Result;
use driftline::Database;
use driftline_tests::display_rows;

/// What nobody else writes.
const SECRET: &str = "7f3c9a1e5b2d4860-ann";

async fn run(database: &Database, sql: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = vec![];
    for batch in database.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?);
    }
    Ok(rows)
}

/// The files below a directory that have the secret: as it is, or as a value of a column, which another database reads.
async fn files_with_it(directory: &Path) -> Result<Vec<String>> {
    let elsewhere = tempfile::tempdir()?;
    let reader = Database::open(elsewhere.path().join("db")).await?;
    let (mut directories, mut found) = (vec![directory.to_owned()], vec![]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if has_it(&reader, &path).await? {
                found.push(path.display().to_string());
            }
        }
    }
    Ok(found)
}

async fn has_it(reader: &Database, path: &Path) -> Result<bool> {
    let bytes = std::fs::read(path)?;
    if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
        return Ok(true);
    }
    if path.extension().is_none_or(|extension| extension != "parquet") {
        return Ok(false);
    }
    let file = path.display();
    let columns = run(reader, &format!("DESCRIBE \"{file}\"")).await?;
    if !columns.iter().any(|column| column[0] == "user_id") {
        return Ok(false);
    }
    let count = run(reader, &format!("SELECT count(*) FROM '{file}' WHERE user_id = '{SECRET}'")).await?;
    Ok(count != [["0"]])
}

// breaks when a purge leaves a segment, a file of the log, or statistics with a deleted value behind
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purged_bytes_are_gone() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::open(dir.path().join("db")).await?;
    run(
        &database,
        "CREATE TABLE t (time TIMESTAMP NOT NULL, user_id TEXT, n BIGINT) WITH (sort = 'user_id, time')",
    )
    .await?;
    let insert = |day: u32, n: u32| {
        format!(
            "INSERT INTO t VALUES ('2026-01-{day:02}', '{SECRET}', {n}), ('2026-01-{day:02}', 'bob', {n}), ('2026-01-{day:02}', NULL, {n})"
        )
    };
    // in segments, in the log, and in both
    for (day, n) in [(1, 1), (2, 2), (2, 3)] {
        run(&database, &insert(day, n)).await?;
        run(&database, "FLUSH").await?;
    }
    run(&database, &insert(3, 4)).await?;
    assert!(files_with_it(dir.path()).await?.len() >= 4, "three segments and the log");

    assert_eq!(run(&database, &format!("DELETE FROM t WHERE user_id = '{SECRET}'")).await?, [["4"]]);
    assert_eq!(run(&database, "SELECT count(*), max(user_id) FROM t").await?, [["8", "bob"]]);
    assert!(!files_with_it(dir.path()).await?.is_empty(), "a deletion alone leaves the bytes");
    run(&database, "COMPACT t PURGE").await?;
    assert_eq!(files_with_it(dir.path()).await?, Vec::<String>::new());
    assert_eq!(run(&database, "SELECT count(*), max(user_id) FROM t").await?, [["8", "bob"]]);
    database.close().await?;
    assert_eq!(files_with_it(dir.path()).await?, Vec::<String>::new());
    Ok(())
}

// breaks when a reader in another process, which nobody waits for, is told of damage where it came too late
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stays_too_long_is_told() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let writer = Database::open(dir.path().join("db")).await?;
    run(&writer, "CREATE TABLE t (time TIMESTAMP NOT NULL, n BIGINT)").await?;
    for day in 0..5 {
        run(
            &writer,
            &format!("INSERT INTO t SELECT to_timestamp(value + {day} * 86400), value FROM range(1000)"),
        )
        .await?;
        run(&writer, "FLUSH").await?;
    }
    let reader = Database::builder(dir.path().join("db")).read_only(true).cache_limit(0).batch_rows(100);
    let reader = reader.open().await?;
    let mut running = reader.sql("SELECT n FROM t").await?;
    assert!(futures::TryStreamExt::try_next(&mut running).await?.is_some());
    run(&writer, "DELETE FROM t WHERE n <> 7").await?;
    run(&writer, "COMPACT t PURGE").await?;
    let late = running.collect().await.expect_err("its files are gone");
    assert_eq!(late.kind(), driftline::ErrorKind::Unavailable, "{late}");
    assert!(late.to_string().contains("run it again"), "{late}");
    // a file that the newest version names is damage
    for file in std::fs::read_dir(dir.path().join("db/data/t/date=1970-01-03"))? {
        std::fs::remove_file(file?.path())?;
    }
    let reader = Database::open_read_only(dir.path().join("db")).await?;
    let damaged = run(&reader, "SELECT n FROM t").await.expect_err("a file is missing");
    assert!(damaged.to_string().contains("is damaged"), "{damaged}");
    Ok(())
}

// breaks when a purge takes files away from a query that runs
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_runs_keeps_its_files() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::builder(dir.path().join("db")).cache_limit(0).batch_rows(100).open().await?;
    run(&database, "CREATE TABLE t (time TIMESTAMP NOT NULL, user_id TEXT)").await?;
    for day in 0..5 {
        run(
            &database,
            &format!(
                "INSERT INTO t SELECT to_timestamp(value + {day} * 86400), 'u' || value FROM range(1000)"
            ),
        )
        .await?;
        run(&database, "FLUSH").await?;
    }
    let mut running = database.sql("SELECT user_id FROM t").await?;
    let first = futures::TryStreamExt::try_next(&mut running).await?;
    assert!(first.is_some());
    run(&database, "DELETE FROM t WHERE user_id <> 'u7'").await?;
    let refused = run(&database, "COMPACT t PURGE").await;
    assert!(refused.unwrap_err().to_string().contains("still read older versions"));
    let rest: usize = running.collect().await?.iter().map(arrow::array::RecordBatch::num_rows).sum();
    assert_eq!(rest + first.map_or(0, |batch| batch.num_rows()), 5_000);
    run(&database, "COMPACT t PURGE").await?;
    assert_eq!(run(&database, "SELECT count(*) FROM t").await?, [["5"]]);
    Ok(())
}
