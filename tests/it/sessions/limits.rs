//! What a query of a session may use.

use std::time::Duration;

use anyhow::Result;
use driftline::{Database, ErrorKind, SessionSettings};
use futures::TryStreamExt;

use super::{database, text};

const MEBIBYTE: usize = 1024 * 1024;

/// Breaks when the memory of one query is not its own, or what it used is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_has_its_own_memory() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let large =
        "SELECT length(array_to_string(array_agg(repeat('x', 1000)), '')) FROM generate_series(1, 8000)";
    let limited =
        |bytes| database.session(SessionSettings { memory_bytes: Some(bytes), ..SessionSettings::default() });
    let error =
        limited(2 * MEBIBYTE).sql(large).await?.collect().await.expect_err("8 MB do not fit into 2 MiB");
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    assert!(error.to_string().starts_with("query needs more memory than its limit"), "{error}");
    assert_eq!(text(&limited(512 * MEBIBYTE), large).await?, "8000000");

    let queries = database.queries();
    assert!(queries[0].memory_bytes_peak > 4 * MEBIBYTE as u64, "{:?}", queries[0]);
    assert!(queries[1].memory_bytes_peak <= 2 * MEBIBYTE as u64, "{:?}", queries[1]);
    Ok(())
}

/// Breaks when a sort that is limited by its session fails instead of spilling, or what it spilled is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_query_spills() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::builder(dir.path().join("db")).target_partitions(1).open().await?;
    let session =
        database.session(SessionSettings { memory_bytes: Some(24 * MEBIBYTE), ..SessionSettings::default() });
    let sql =
        "SELECT lpad(CAST(value AS TEXT), 100, '0') AS pad FROM generate_series(1, 300000) ORDER BY pad DESC";
    assert_eq!(text(&session, sql).await?.lines().count(), 300_000);
    let query = &database.queries()[0];
    assert!(query.spilled_bytes > MEBIBYTE as u64, "{query:?}");
    Ok(())
}

/// Breaks when a session runs longer than it may, or gives itself more time than the database allows.
#[tokio::test(flavor = "multi_thread")]
async fn the_shorter_deadline_counts() -> Result<()> {
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b";
    for (of_database, of_session) in [(1, 3_600_000), (3_600_000, 1)] {
        let dir = tempfile::tempdir()?;
        let database = Database::builder(dir.path().join("db"))
            .query_timeout(Duration::from_millis(of_database))
            .open()
            .await?;
        let session = database.session(SessionSettings {
            query_timeout: Some(Duration::from_millis(of_session)),
            ..SessionSettings::default()
        });
        let error = match session.sql(endless).await {
            Ok(stream) => stream.collect().await.expect_err("an hour is longer than a millisecond"),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
        assert_eq!(
            error.to_string(),
            "query ran longer than its limit of 1ms: narrow its time range or raise the limit"
        );
        assert_eq!(database.queries()[0].error.as_deref(), Some(error.to_string().as_str()));
    }
    Ok(())
}

/// Breaks when more queries run than may, or a place is not free again once an answer is read, has failed or is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_queries_run() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::builder(dir.path().join("db"))
        .queries_max(1)
        .queries_queued_max(1)
        .queue_wait(Duration::from_millis(1))
        .open()
        .await?;
    let rows = "SELECT * FROM generate_series(1, 100000)";
    let held = database.sql(rows).await?;
    let error = database.sql("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let mut cancelled = database.sql(&format!("CANCEL QUERY '{}'", held.query_id())).await?;
    assert!(cancelled.try_next().await?.is_some(), "it needs no place");
    drop(held);
    database.sql(rows).await?.collect().await?;
    let failing = "SELECT 10 / (value - 50) FROM generate_series(1, 100)";
    database.sql(failing).await?.collect().await.unwrap_err();
    // its answer is there already, and it need not be read
    let _flushed = database.sql("FLUSH").await?;
    assert_eq!(
        database.sql(rows).await?.collect().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(),
        100_000
    );
    assert!(
        database
            .queries()
            .iter()
            .any(|query| query.error.as_deref().is_some_and(|error| error.contains("try again later")))
    );
    assert!(Database::builder(dir.path().join("more")).queries_max(0).open().await.is_err());
    Ok(())
}
