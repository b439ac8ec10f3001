//! `FOR SYSTEM_TIME AS OF`: tables and views as they were, by a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driftline::{Database, ErrorKind, Role, SessionSettings, TableFilter};
use driftline_storage::testing::ManualClock;
use driftline_tests::display_rows;

/// 2026-08-01T12:00:00Z.
const START_NS: i64 = 1_785_585_600_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

async fn rows(database: &Database, sql: &str) -> Result<Vec<String>> {
    let mut rows = vec![];
    for batch in database.sql(sql).await.context(sql.to_owned())?.collect().await? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows)
}

async fn refused(database: &Database, sql: &str, kind: ErrorKind, sentence: &str) -> Result<()> {
    let error = match database.sql(sql).await {
        Ok(_) => anyhow::bail!("{sql} is not refused"),
        Err(error) => error,
    };
    ensure!(
        error.kind() == kind && error.to_string().contains(sentence),
        "{sql}: {:?} {error}",
        error.kind()
    );
    Ok(())
}

/// At 12:00 there is a table, at 12:01 rows in it, at 12:02 one is deleted and a column renamed, at 12:03 one is in memory alone.
async fn database(path: &std::path::Path) -> Result<(Database, Arc<ManualClock>)> {
    let clock = Arc::new(ManualClock::new(START_NS));
    let database = Database::builder(path).clock(Arc::clone(&clock) as _).open().await?;
    for step in [
        &["CREATE TABLE t (time TIMESTAMP NOT NULL, n BIGINT)", "CREATE VIEW v AS SELECT sum(n) AS n FROM t"]
            [..],
        &["INSERT INTO t VALUES ('2026-08-01', 1), ('2026-08-01', 2), ('2026-08-02', 4)", "FLUSH"],
        &[
            "DELETE FROM t WHERE n = 2",
            "ALTER TABLE t RENAME COLUMN n TO m",
            "CREATE OR REPLACE VIEW v AS SELECT -sum(m) AS n FROM t",
        ],
        &["INSERT INTO t VALUES ('2026-08-03', 8)"],
    ] {
        for sql in step {
            rows(&database, sql).await?;
        }
        clock.advance(MINUTE);
    }
    Ok((database, clock))
}

// breaks when rows, columns, views or the present are not those of the time
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_sees_tables_and_views_as_they_were() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (database, _) = database(&dir.path().join("db")).await?;
    let at = |minute: u32| format!("FOR SYSTEM_TIME AS OF '2026-08-01T12:{minute:02}:30Z'");
    for (sql, expected) in [
        ("SELECT sum(m), count(*) FROM t".to_owned(), vec!["13 3"]),
        (format!("SELECT n FROM t {} ORDER BY n", at(1)), vec!["1", "2", "4"]),
        (format!("SELECT t.m FROM public.t {} ORDER BY t.m", at(2)), vec!["1", "4"]),
        // what was in memory is in no version
        (format!("SELECT sum(m) FROM t {}", at(3)), vec!["5"]),
        (format!("SELECT count(*) FROM t {}", at(0)), vec!["0"]),
        (format!("SELECT * FROM v, v {} AS before", at(1)), vec!["-13 7"]),
        (format!("SELECT p.n FROM t {} p LEFT JOIN t ON p.n = t.m WHERE t.m IS NULL", at(1)), vec!["2"]),
        (format!("WITH a AS (SELECT n FROM t {}) SELECT sum(n) FROM a", at(1)), vec!["7"]),
        ("SELECT count(*) FROM t FOR SYSTEM_TIME AS OF now() - INTERVAL '150 seconds'".to_owned(), vec!["3"]),
        (
            "SELECT count(*) FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2026-08-01 12:01:00'".to_owned(),
            vec!["3"],
        ),
        (format!("SELECT count(*) FROM spans {}", at(1)), vec!["0"]),
    ] {
        let found = rows(&database, &sql).await?;
        ensure!(found == expected, "{sql}: {found:?}");
    }
    // what was deleted comes back
    let undo = format!("INSERT INTO t SELECT * FROM t {} WHERE n = 2", at(1));
    rows(&database, &undo).await?;
    ensure!(rows(&database, "SELECT sum(m) FROM t").await? == ["15"]);
    let explained = rows(&database, &format!("EXPLAIN SELECT * FROM t {}", at(1))).await?;
    ensure!(!explained.is_empty());
    Ok(())
}

// breaks when a wrong question is answered, or its error does not say what can be asked
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_said() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (database, clock) = database(&dir.path().join("db")).await?;
    let then = "FOR SYSTEM_TIME AS OF '2026-08-01T12:01:30Z'";
    let kept = "cannot stand in a view, an SLO or an alert";
    use ErrorKind::{Invalid, NotFound};
    for (sql, kind, sentence) in [
        (
            "SELECT * FROM t FOR SYSTEM_TIME AS OF '2026-08-01T11:59:59Z'",
            NotFound,
            "the earliest is from 2026-08-01T12:00:00",
        ),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF '2026-08-01T12:04:01Z'", Invalid, "is still to come"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF 'yesterday'", Invalid, "yesterday"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF NULL", Invalid, "takes a time, got NULL"),
        (&format!("SELECT m FROM t {then}"), NotFound, "m"),
        (
            &format!("SELECT * FROM tt {then}"),
            NotFound,
            "table \"tt FOR SYSTEM_TIME AS OF '2026-08-01T12:01:30Z'\" does not exist",
        ),
        (&format!("SELECT * FROM driftline.tables {then}"), Invalid, "follows the name of a table or view"),
        (&format!("CREATE VIEW w AS SELECT * FROM t {then}"), Invalid, kept),
        (&format!("CREATE ALERT a AS SELECT sum(n) AS value FROM t {then}"), Invalid, kept),
        (
            &format!(
                "CREATE SLO s ON (SELECT time, n > 1 AS ok FROM t {then}) GOOD WHEN ok OBJECTIVE 0.9 WINDOW '1 day'"
            ),
            Invalid,
            kept,
        ),
        ("DELETE FROM t FOR SYSTEM_TIME AS OF '2026-08-01T12:01:30Z'", NotFound, "table \"t FOR SYSTEM_TIME"),
    ] {
        refused(&database, sql, kind, sentence).await?;
    }
    // rights are those of today
    let settings = SessionSettings {
        role: Role::Read,
        tables: Some(TableFilter::of(["v"])),
        ..SessionSettings::default()
    };
    let session = database.session(settings);
    let refused_name =
        session.sql(&format!("SELECT * FROM t {then}")).await.err().context("t is not granted")?;
    ensure!(refused_name.kind() == ErrorKind::PermissionDenied, "{refused_name}");
    ensure!(session.sql(&format!("SELECT * FROM v {then}")).await.is_ok());
    // past the grace period
    clock.advance(Duration::from_secs(2 * 3_600));
    database.flush().await?;
    database.storage().collect_garbage().await?;
    clock.advance(Duration::from_secs(2 * 3_600));
    database.storage().collect_garbage().await?;
    refused(
        &database,
        &format!("SELECT * FROM t {then}"),
        NotFound,
        "is kept: the earliest is from 2026-08-01T14:04:00",
    )
    .await
}

// breaks when a purge leaves what was deleted for those who look back
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_purged_has_no_past() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (database, _) = database(&dir.path().join("db")).await?;
    let then = "SELECT n FROM t FOR SYSTEM_TIME AS OF '2026-08-01T12:01:30Z' WHERE n = 2";
    ensure!(rows(&database, then).await? == ["2"], "a deletion is seen from its time on");
    rows(&database, "COMPACT t PURGE").await?;
    refused(&database, then, ErrorKind::NotFound, "no version of the database").await
}
