//! Sessions: what a caller may do, name and use, and what is kept of its queries.

mod limits;
mod prepared;
mod queries;

use anyhow::Result;
use driftline::{
    Database, EmptyStatement, ErrorKind, FileAccess, Role, Session, SessionSettings, TableFilter,
};
use driftline_tests::display_rows;
use tempfile::TempDir;

/// A database with the table `t` (three rows) and `other` (one), and a view of each.
async fn database(dir: &TempDir) -> Result<Database> {
    let database = Database::builder(dir.path().join("db")).target_partitions(2).open().await?;
    for sql in [
        "CREATE TABLE t (time TIMESTAMP NOT NULL, name TEXT, n BIGINT)",
        "CREATE TABLE other (time TIMESTAMP NOT NULL, secret TEXT)",
        "INSERT INTO t VALUES ('2026-01-01', 'a', 1), ('2026-01-02', 'b', 2), ('2026-01-03', NULL, 3)",
        "INSERT INTO other VALUES ('2026-01-01', 'hidden')",
        "CREATE VIEW v AS SELECT time, n FROM t",
        "CREATE VIEW over_other AS SELECT count(*) AS rows FROM other",
        "CREATE BASELINE b AS SELECT n FROM t",
        "CREATE BASELINE hidden AS SELECT n FROM t",
        "CREATE VIEW over_hidden AS SELECT psi(n, baseline('hidden')) AS psi FROM t",
    ] {
        database.sql(sql).await?.collect().await?;
    }
    Ok(database)
}

async fn text(session: &Session, sql: &str) -> Result<String> {
    let mut rows = vec![];
    for batch in session.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows.join("\n"))
}

async fn denied(session: &Session, sql: &str) -> String {
    let error = match session.sql(sql).await {
        Ok(stream) => stream.collect().await.expect_err(sql),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{sql}: {error}");
    let error = session.prepare(sql).await.expect_err(sql);
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "prepare {sql}: {error}");
    error.to_string()
}

/// Breaks when a role may do more than it should, or less.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_decides_statements() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let file = dir.path().join("t.parquet").display().to_string();
    let read = [
        "SELECT count(*) FROM t",
        "SHOW TABLES",
        "DESCRIBE t",
        "EXPLAIN DROP TABLE t",
        "DESCRIBE BASELINE b",
    ];
    let write = ["INSERT INTO t VALUES ('2026-01-04', 'd', 4)", "FLUSH", "FLUSH t"];
    let admin = [
        "CREATE TABLE made (time TIMESTAMP NOT NULL)".to_owned(),
        "ALTER TABLE made ADD COLUMN a BIGINT".to_owned(),
        "CREATE TABLE copied AS SELECT * FROM t".to_owned(),
        "CREATE VIEW made_view AS SELECT 1".to_owned(),
        "CREATE BASELINE made_baseline AS SELECT n FROM t".to_owned(),
        "DROP BASELINE made_baseline".to_owned(),
        "DROP VIEW made_view".to_owned(),
        "DROP TABLE made".to_owned(),
        format!("COPY t TO '{file}'"),
        format!("CREATE EXTERNAL TABLE made STORED AS PARQUET LOCATION '{file}'"),
        format!("EXPLAIN ANALYZE COPY t TO '{file}'"),
    ];
    for role in [Role::Read, Role::Write, Role::Admin] {
        let session = database.session(SessionSettings { role, ..SessionSettings::default() });
        for sql in read {
            text(&session, sql).await?;
        }
        for sql in write {
            match role {
                Role::Read => {
                    let message = denied(&session, sql).await;
                    assert!(message.ends_with("needs the role write, this session has read"), "{message}");
                }
                Role::Write | Role::Admin => drop(text(&session, sql).await?),
            }
        }
        for sql in &admin {
            match role {
                Role::Read | Role::Write => {
                    let message = denied(&session, sql).await;
                    let end = format!("needs the role admin, this session has {role}");
                    assert!(message.ends_with(&end) || message.contains("need"), "{message}");
                }
                Role::Admin => drop(text(&session, sql).await?),
            }
        }
        let batch = driftline::arrow::array::RecordBatch::new_empty(
            database.storage().snapshot().table("t").unwrap().schema().arrow().clone(),
        );
        assert_eq!(session.append("t", batch).await.is_ok(), role >= Role::Write);
        assert_eq!(session.bulk_load("t").is_ok(), role >= Role::Write);
        let loaded = session.bulk_create("CREATE TABLE loaded (time TIMESTAMP NOT NULL)");
        assert_eq!(loaded.is_ok(), role == Role::Admin);
    }
    Ok(())
}

/// Breaks when a session sees or touches a table that it may not name, by whatever statement, or cannot use one that it may.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_decides_names() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    database.flush().await?;
    let session = database.session(SessionSettings {
        tables: Some(TableFilter::of(["t", "over_other", "over_hidden", "b"])),
        ..SessionSettings::default()
    });
    let others = [
        "SELECT * FROM other",
        "SELECT * FROM public.other",
        "SELECT * FROM driftline.public.other",
        "SELECT * FROM nowhere",
        "SELECT * FROM v",
        "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM other)",
        "WITH x AS (SELECT * FROM other) SELECT * FROM x",
        "EXPLAIN SELECT * FROM other",
        "DESCRIBE other",
        "SHOW COLUMNS FROM other",
        "INSERT INTO other VALUES ('2026-01-01', 'x')",
        "INSERT INTO t SELECT time, secret, 1 FROM other",
        "EXPLAIN INSERT INTO other VALUES ('2026-01-01', 'x')",
        "CREATE TABLE more (time TIMESTAMP NOT NULL)",
        "CREATE OR REPLACE VIEW over_other AS SELECT * FROM other",
        "CREATE BASELINE c AS SELECT secret FROM other",
        "CREATE TABLE more AS SELECT * FROM t",
        "ALTER TABLE t RENAME TO other2",
        "ALTER TABLE other ADD COLUMN a BIGINT",
        "DROP TABLE other",
        "DROP TABLE IF EXISTS other",
        "SELECT psi(n, baseline('hidden')) FROM t",
        "SELECT * FROM drift_report('t', reference => baseline('hidden'), current => n > 2)",
        "DESCRIBE BASELINE hidden",
        "CREATE BASELINE more AS SELECT n FROM t",
        "CREATE OR REPLACE BASELINE hidden AS SELECT n FROM t",
        "DROP BASELINE hidden",
        "DROP BASELINE IF EXISTS hidden",
        "FLUSH other",
    ];
    for sql in others {
        let message = denied(&session, sql).await;
        assert!(message.ends_with("is not among the names that this session may use"), "{sql}: {message}");
        assert!(sql.contains("hidden") || !message.contains("hidden"), "{message}");
    }
    assert_eq!(text(&session, "SELECT * FROM over_other").await?, "1", "a view may stand on what is hidden");
    assert_eq!(text(&session, "SELECT * FROM over_hidden").await?, "0.0", "and compare with what is hidden");
    assert_eq!(text(&session, "SELECT psi(n, baseline('b')) FROM t").await?, "0.0");
    assert_eq!(text(&session, "SELECT name FROM driftline.baselines").await?, "b");
    let error = session.sql("SELECT psi(n, baseline('B')) FROM t").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(text(&session, "WITH other AS (SELECT 7 AS a) SELECT a FROM other").await?, "7");
    assert_eq!(text(&session, "SELECT count(*) FROM generate_series(1, 3)").await?, "3");
    for sql in [
        "SELECT name FROM driftline.tables ORDER BY name",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name",
        "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name",
    ] {
        assert_eq!(text(&session, sql).await?, "over_hidden\nover_other\nt", "{sql}");
    }
    assert_eq!(text(&session, "SELECT DISTINCT table_name FROM driftline.segments").await?, "t");
    assert!(session.bulk_load("t").is_ok());
    let error = session.bulk_load("other").map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let error = session.bulk_create("CREATE TABLE more (time TIMESTAMP NOT NULL)").map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let error = session.sql("SELECT * FROM over_othr").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    Ok(())
}

/// Breaks when a session reaches files that it may not, also those that others made tables of, or stored in a view.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_files_reaches_none() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let file = dir.path().join("t.parquet").display().to_string();
    for sql in [
        format!("COPY t TO '{file}'"),
        format!("CREATE EXTERNAL TABLE outside STORED AS PARQUET LOCATION '{file}'"),
        format!("CREATE VIEW of_file AS SELECT count(*) AS n FROM '{file}'"),
        "CREATE VIEW of_outside AS SELECT count(*) AS n FROM outside".to_owned(),
    ] {
        database.sql(&sql).await?.collect().await?;
    }
    let session =
        database.session(SessionSettings { file_access: FileAccess::Refused, ..SessionSettings::default() });
    for sql in [
        format!("SELECT * FROM '{file}'"),
        format!("SELECT * FROM iox.'{file}'"),
        format!("COPY t TO '{file}'"),
        format!("EXPLAIN COPY t TO '{file}'"),
        format!("CREATE EXTERNAL TABLE more STORED AS PARQUET LOCATION '{file}'"),
        format!("INSERT INTO t SELECT * FROM '{file}'"),
        "SELECT * FROM of_file".to_owned(),
        "SELECT * FROM outside".to_owned(),
        "SELECT * FROM of_outside".to_owned(),
        "DROP TABLE outside".to_owned(),
        "SELECT * FROM '/etc/passwd'".to_owned(),
        "SELECT * FROM 'http://127.0.0.1:1/x.parquet'".to_owned(),
    ] {
        let error = match session.sql(&sql).await {
            Ok(stream) => stream.collect().await.expect_err(&sql),
            Err(error) => error,
        };
        let expected = [ErrorKind::PermissionDenied, ErrorKind::NotFound, ErrorKind::Invalid];
        assert!(expected.contains(&error.kind()), "{sql}: {:?} {error}", error.kind());
        let in_name = sql.contains(&file) && !sql.contains("iox.");
        assert!(!in_name || error.kind() == ErrorKind::PermissionDenied, "{sql}: {:?} {error}", error.kind());
        assert!(!error.to_string().contains("root:"), "{error}");
    }
    assert_eq!(text(&session, "SELECT count(*) FROM driftline.tables WHERE name = 'outside'").await?, "0");
    assert_eq!(text(&session, "SELECT count(*) FROM t").await?, "3");
    Ok(())
}

/// Breaks when the schema has no other name where it should, or one that hides another.
#[tokio::test(flavor = "multi_thread")]
async fn the_public_schema_has_an_alias() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let alias = |alias: &str| {
        database
            .session(SessionSettings { schema_alias: Some(alias.to_owned()), ..SessionSettings::default() })
    };
    let session = alias("iox");
    assert_eq!(text(&session, "SELECT count(*) FROM iox.t").await?, "3");
    assert_eq!(text(&session, "SELECT count(*) FROM iox.v").await?, "3");
    text(&session, "INSERT INTO iox.t VALUES ('2026-01-04', 'd', 4)").await?;
    assert_eq!(text(&session, "SELECT iox.t.n FROM iox.t WHERE iox.t.n = 4").await?, "4");
    let columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'iox' AND table_name = 't' ORDER BY 1";
    assert_eq!(text(&session, columns).await?, "n\nname\ntime");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'iox' AND table_name IN ('t', 'v', 'spans')";
    assert_eq!(text(&session, tables).await?, "3");

    let plain = database.session(SessionSettings::default());
    assert_eq!(plain.sql("SELECT * FROM iox.t").await.unwrap_err().kind(), ErrorKind::NotFound);
    let session = alias("driftline");
    assert_eq!(text(&session, "SELECT count(*) FROM driftline.tables WHERE name = 't'").await?, "1");
    assert!(session.sql("SELECT * FROM driftline.t").await.is_err());
    Ok(())
}

/// Breaks when an empty statement is no error where it should be one, or one where it should answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_statement_answers_where_it_may() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = database
        .session(SessionSettings { empty_statement: EmptyStatement::OneRow, ..SessionSettings::default() });
    for sql in ["", "  \n", ";", "-- nothing\n;"] {
        assert_eq!(database.sql(sql).await.unwrap_err().to_string(), "the statement is empty");
        assert_eq!(text(&session, sql).await?, "1", "{sql:?}");
        assert_eq!(session.prepare(sql).await?.schema().fields().len(), 1);
    }
    Ok(())
}
