//! Statements that are planned once and run with values.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UnionArray,
};
use arrow::datatypes::{DataType, Field, TimeUnit, UnionFields};
use driftline::{
    Database, ErrorKind, Prepared, QueryStream, ScalarValue, Session, SessionSettings, StatementKind,
};
use driftline_tests::display_rows;

use super::{database, text};

async fn rows(stream: QueryStream) -> Result<String> {
    let mut rows = vec![];
    for batch in stream.collect().await? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows.join("\n"))
}

fn session(database: &Database) -> Session {
    database.session(SessionSettings::default())
}

fn types(prepared: &Prepared) -> Vec<Option<DataType>> {
    prepared.parameters().iter().map(|parameter| parameter.data_type.clone()).collect()
}

/// Breaks when planning runs the statement, or announces another answer than running gives.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_is_answered() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = session(&database);
    use StatementKind::{Change, Query};
    let statements = [
        ("SELECT * FROM t", Query),
        ("SELECT name, count(*), avg(n) AS mean FROM t GROUP BY name ORDER BY 1", Query),
        ("SELECT 1 AS a UNION ALL SELECT 2.5", Query),
        ("SELECT date_bin(INTERVAL '1 day', time) AS time, count(*) FROM t GROUP BY time", Query),
        ("SELECT psi(n, baseline('b')) FROM t", Query),
        ("SELECT * FROM llm_calls", Query),
        ("SELECT count(*), count(*) FROM t", Query),
        ("SELECT * FROM driftline.queries", Query),
        ("SHOW TABLES", Query),
        ("DESCRIBE t", Query),
        ("DESCRIBE BASELINE b", Query),
        ("EXPLAIN SELECT * FROM t", Query),
        ("EXPLAIN INSERT INTO t VALUES ('2026-01-04', 'd', 4)", Query),
        ("SHOW COLUMNS FROM v", Query),
        ("INSERT INTO t VALUES ('2026-01-04', 'd', 4)", Change),
        ("CREATE TABLE made (time TIMESTAMP NOT NULL, a BIGINT)", Change),
        ("CREATE TABLE copied AS SELECT * FROM t", Change),
        ("CREATE VIEW made_view AS SELECT 1 AS one", Change),
        ("CREATE BASELINE made_baseline AS SELECT n FROM t", Change),
        ("ALTER TABLE made ADD COLUMN b TEXT", Change),
        ("DROP VIEW made_view", Change),
        ("FLUSH", Change),
    ];
    for (sql, kind) in statements {
        let before = text(&session, "SELECT count(*) FROM t").await?;
        let prepared = session.prepare(sql).await?;
        assert_eq!(text(&session, "SELECT count(*) FROM t").await?, before, "{sql}");
        assert_eq!((prepared.kind(), prepared.parameters().len()), (kind, 0), "{sql}");
        let stream = prepared.run(&[]).await?;
        assert_eq!(stream.schema(), prepared.schema(), "{sql}");
        for batch in stream.collect().await? {
            assert_eq!(batch.schema(), prepared.schema(), "{sql}");
        }
    }
    let file = dir.path().join("t.csv").display().to_string();
    let copy = session.prepare(&format!("COPY t TO '{file}'")).await?;
    assert_eq!((copy.kind(), std::fs::exists(&file)?), (Change, false));
    copy.run(&[]).await?.collect().await?;
    assert!(std::fs::exists(&file)?);
    Ok(())
}

/// Breaks when parameters lose their order, their types or their values.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_go_by_their_places() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = session(&database);
    let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));

    let prepared = session.prepare("SELECT n FROM t WHERE name = ? AND n < ? AND time >= ? LIMIT ?").await?;
    assert_eq!(types(&prepared)[1..3], [Some(DataType::Int64), Some(utc.clone())]);
    let names: Vec<&str> = prepared.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["$1", "$2", "$3", "$4"]);
    let values = [
        ScalarValue::from("b"),
        ScalarValue::from(10_i32),
        ScalarValue::from("2026-01-02T00:00:00Z"),
        ScalarValue::from(5_i64),
    ];
    assert_eq!(rows(prepared.run(&values).await?).await?, "2");

    let prepared = session.prepare("SELECT $2 || '-' || $1, $2").await?;
    assert_eq!(rows(prepared.run(&["a".into(), "it's".into()]).await?).await?, "it's-a it's");
    let prepared =
        session.prepare("SELECT count(*) FROM t WHERE n IN ($1, $2) OR n BETWEEN $1 AND $2").await?;
    assert_eq!(rows(prepared.run(&[1_i64.into(), 2_i64.into()]).await?).await?, "2");
    let prepared =
        session.prepare("SELECT (SELECT max(n) FROM t WHERE n < $1) AS m FROM t WHERE n = 1").await?;
    assert_eq!(rows(prepared.run(&[3_i64.into()]).await?).await?, "2");
    let prepared = session
        .prepare("SELECT date_bin(?, time) AS time, count(*) FROM t GROUP BY time ORDER BY time")
        .await?;
    assert_eq!(rows(prepared.run(&["2 days".into()]).await?).await?.lines().count(), 2);
    let prepared = session.prepare("SELECT psi(n, baseline($1)) FROM t").await;
    assert_eq!(
        prepared.unwrap_err().kind(),
        ErrorKind::Invalid,
        "the name of a baseline is part of the plan"
    );

    for (sql, count, message) in [
        ("SELECT $1", 0, "the statement takes 1 parameters, got 0"),
        ("SELECT $3", 1, "the statement takes 3 parameters, got 1"),
        ("SELECT 1", 2, "the statement takes 0 parameters, got 2"),
    ] {
        let error =
            session.prepare(sql).await?.run(&vec![ScalarValue::from(1_i64); count]).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, message), "{sql}");
    }
    for (sql, message) in [
        ("SELECT $1", "parameter $1 has no value: 0 are given"),
        ("SELECT ? + $2", "parameters are written ? or $1, $2, ..., not both at line 1, column 12"),
        ("SELECT $name", "parameters are written ? or $1, $2, ... up to $65535, got $name"),
        (
            "CREATE VIEW w AS SELECT n FROM t WHERE n > $1",
            "view \"w\": parameter $1 has no value: 0 are given",
        ),
        ("CREATE BASELINE w AS SELECT n FROM t WHERE n > $1", "parameter $1 has no value: 0 are given"),
    ] {
        let error = session.sql(sql).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, message), "{sql}");
    }
    Ok(())
}

/// Breaks when a bound statement announces another schema than it answers.
#[tokio::test(flavor = "multi_thread")]
async fn binding_makes_the_schema_exact() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let prepared = session(&database).prepare("SELECT $1 AS a, n FROM t WHERE name = $2").await?;
    assert_eq!(prepared.schema().field(0).data_type(), &DataType::Null);
    let bound = prepared.bind(&[2.5_f64.into(), "a".into()]).await?;
    assert_eq!(bound.schema().field(0).data_type(), &DataType::Float64);
    assert!(bound.parameters().is_empty());
    let stream = bound.run(&[]).await?;
    assert_eq!(stream.schema(), bound.schema());
    assert_eq!(rows(stream).await?, "2.5 1");
    Ok(())
}

/// Breaks when INSERT takes no parameters, or stores another value than it was given.
#[tokio::test(flavor = "multi_thread")]
async fn inserts_take_parameters() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = session(&database);
    let prepared =
        session.prepare("INSERT INTO t (time, name, n) VALUES (?, ?, ?), (now(), 'x', ? + 1)").await?;
    assert_eq!(prepared.kind(), StatementKind::Change);
    let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    assert_eq!(types(&prepared)[..3], [Some(utc), Some(DataType::Utf8), Some(DataType::Int64)]);
    let time = ScalarValue::TimestampMicrosecond(Some(1_767_225_600_000_001), None);
    let values = [time, ScalarValue::Utf8(None), ScalarValue::from("77"), 41_i32.into()];
    assert_eq!(rows(prepared.run(&values).await?).await?, "2");
    assert_eq!(
        text(&session, "SELECT time, name, n FROM t WHERE n = 77").await?,
        "2026-01-01T00:00:00.000001Z NULL 77"
    );
    assert_eq!(text(&session, "SELECT name FROM t WHERE n = 42").await?, "x");
    let values = ["2026-01-01".into(), 5_i64.into(), 2.5_f64.into(), 1_i64.into()];
    assert_eq!(prepared.run(&values).await.unwrap_err().kind(), ErrorKind::Invalid, "a number is no text");

    let copied = session.prepare("INSERT INTO t SELECT time, $1, n + $2 FROM t WHERE n = $3").await?;
    assert_eq!(rows(copied.run(&["copy".into(), 100_i64.into(), 77_i64.into()]).await?).await?, "1");
    assert_eq!(text(&session, "SELECT name FROM t WHERE n = 177").await?, "copy");
    Ok(())
}

/// Breaks when rows of parameters are written one by one, in part, or in another order than they have.
#[tokio::test(flavor = "multi_thread")]
async fn an_insert_takes_many_rows_of_parameters() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = session(&database);
    let batch = |names: Vec<&str>| -> Result<RecordBatch> {
        let rows = names.len() as i64;
        let times = TimestampNanosecondArray::from_iter_values((0..rows).map(|row| row * 1_000_000_000));
        Ok(RecordBatch::try_from_iter([
            ("0", Arc::new(times) as ArrayRef),
            ("1", Arc::new(Int64Array::from_iter_values(1000..1000 + rows))),
            ("2", Arc::new(StringArray::from(names))),
        ])?)
    };
    let prepared = session.prepare("INSERT INTO t (time, n, name) VALUES (?, ?, ?)").await?;
    assert_eq!(rows(prepared.run_rows(&batch(vec!["x", "y", "z"])?).await?).await?, "3");
    assert_eq!(
        text(&session, "SELECT time, n, name FROM t WHERE n >= 1000 ORDER BY n").await?,
        "1970-01-01T00:00:00Z 1000 x\n1970-01-01T00:00:01Z 1001 y\n1970-01-01T00:00:02Z 1002 z"
    );
    assert_eq!(rows(prepared.run_rows(&batch(vec!["w"])?).await?).await?, "1");

    let numbers = session
        .prepare("INSERT INTO t (time, n, name) VALUES (?, ?, 'a'), (now(), CAST(? AS BIGINT), 'b')")
        .await?;
    let error = match numbers.run_rows(&batch(vec!["1", "2", "three"])?).await {
        Ok(stream) => stream.collect().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(
        text(&session, "SELECT count(*) FROM t WHERE name IN ('a', 'b') AND n <> 1 AND n <> 2").await?,
        "0"
    );

    for (sql, rows, kind) in [
        ("SELECT ?, ?, ?", vec!["x", "y"], ErrorKind::Invalid),
        ("INSERT INTO t (time, n, name) VALUES (?, ?, 'x')", vec!["x", "y"], ErrorKind::Invalid),
        ("INSERT INTO t (time, n, name) VALUES (?, ?, ?)", vec![], ErrorKind::Invalid),
        ("INSERT INTO t (time, n, name) VALUES (?, ?, ?)", vec!["x"; 65_537], ErrorKind::ResourceExhausted),
    ] {
        let error = session.prepare(sql).await?.run_rows(&batch(rows)?).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
    }
    Ok(())
}

/// Breaks when a prepared statement answers of the moment of its planning, or in columns that were not announced.
#[tokio::test(flavor = "multi_thread")]
async fn every_run_sees_its_own_moment() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = session(&database);
    let count = session.prepare("SELECT count(*) FROM t").await?;
    let all = session.prepare("SELECT * FROM t").await?;
    text(&session, "INSERT INTO t VALUES ('2026-01-04', 'd', 4)").await?;
    assert_eq!(rows(count.run(&[]).await?).await?, "4");
    text(&session, "ALTER TABLE t ADD COLUMN more TEXT").await?;
    assert_eq!(rows(count.run(&[]).await?).await?, "4");
    let error = all.run(&[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "the tables have changed since the statement was prepared: prepare it again"
    );
    text(&session, "DROP TABLE t").await?;
    assert_eq!(count.run(&[]).await.unwrap_err().kind(), ErrorKind::NotFound);
    Ok(())
}

/// Breaks when the values of a row depend on the names of its columns, or stay in their unions.
#[test]
fn a_row_is_a_list_of_values() -> Result<()> {
    let fields = UnionFields::try_new(
        [0, 1],
        [Field::new("int", DataType::Int32, true), Field::new("text", DataType::Utf8, true)],
    )?;
    let children: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![7])), Arc::new(StringArray::from(vec!["seven"]))];
    let union = UnionArray::try_new(fields, vec![1, 0].into(), Some(vec![0, 0].into()), children)?;
    let batch = RecordBatch::try_from_iter([
        ("1", Arc::new(union) as ArrayRef),
        ("0", Arc::new(Int64Array::from(vec![1, 2]))),
        ("time", Arc::new(TimestampNanosecondArray::from(vec![None, Some(5)]))),
    ])?;
    assert_eq!(
        Prepared::values_of(&batch, 0)?,
        [ScalarValue::from("seven"), 1_i64.into(), ScalarValue::TimestampNanosecond(None, None)]
    );
    assert_eq!(Prepared::values_of(&batch, 1)?[0], ScalarValue::from(7_i32));
    assert_eq!(Prepared::values_of(&batch, 2).unwrap_err().kind(), ErrorKind::Invalid);
    Ok(())
}
