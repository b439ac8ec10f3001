//! Baselines through the API: what a query keeps, what survives, what a plan shows and what is counted.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use driftline::arrow::array::{Array, AsArray, RecordBatch, StructArray};
use driftline::arrow::datatypes::Schema;
use driftline::arrow::ipc::reader::FileReader;
use driftline::arrow::ipc::writer::FileWriter;
use driftline::arrow::util::pretty::pretty_format_batches;
use driftline::{Database, ErrorKind};
use tempfile::TempDir;

async fn text(database: &Database, sql: &str) -> Result<String> {
    Ok(pretty_format_batches(&database.sql(sql).await?.collect().await?)?.to_string())
}

/// A table whose days differ, with a baseline of the first.
async fn two_days(path: &Path) -> Result<Database> {
    let database = Database::open(path).await?;
    database.sql("CREATE TABLE p (time TIMESTAMP NOT NULL, model TEXT, score DOUBLE)").await?;
    database
        .sql(
            "INSERT INTO p SELECT arrow_cast(value * 86400000000, 'Timestamp(Nanosecond, Some(\"UTC\"))'), \
             CASE value % 2 WHEN 0 THEN 'a' ELSE 'b' END, (value * 37 % 100) * (1 + value / 1000) \
             FROM generate_series(0, 1999)",
        )
        .await?;
    database.sql("CREATE BASELINE training AS SELECT score FROM p WHERE time < '1970-01-02'").await?;
    Ok(database)
}

const DRIFT: &str = "SELECT psi(score, baseline('training')) AS psi FROM p WHERE time >= '1970-01-02'";

/// Breaks when a running query sees a baseline that came after it began.
#[tokio::test]
async fn a_query_keeps_the_baseline_of_its_moment() -> Result<()> {
    let directory = TempDir::new()?;
    let database = two_days(directory.path()).await?;
    let before = text(&database, DRIFT).await?;
    let running = database.sql(DRIFT).await?;
    let dropped = database.sql(DRIFT).await?;
    database
        .sql("CREATE OR REPLACE BASELINE training AS SELECT score FROM p WHERE time >= '1970-01-02'")
        .await?;
    ensure!(pretty_format_batches(&running.collect().await?)?.to_string() == before, "it was replaced");
    ensure!(text(&database, DRIFT).await?.contains("| 0.0 "), "the new one is the window itself");
    database.sql("DROP BASELINE training").await?;
    ensure!(pretty_format_batches(&dropped.collect().await?)?.to_string() == before, "it was dropped");
    let error =
        text(&database, DRIFT).await.err().and_then(|error| error.downcast::<driftline::Error>().ok());
    ensure!(error.is_some_and(|error| error.kind() == ErrorKind::NotFound));
    Ok(())
}

/// Breaks when a baseline is lost or another one with a restart, with a reader beside the writer, or when damage goes unnoticed.
#[tokio::test]
async fn a_baseline_survives_and_is_checked() -> Result<()> {
    let directory = TempDir::new()?;
    let database = two_days(directory.path()).await?;
    let before = text(&database, DRIFT).await?;
    let reader = Database::builder(directory.path()).read_only(true).open().await?;
    ensure!(text(&reader, DRIFT).await? == before, "a reader sees it");
    for statement in ["CREATE OR REPLACE BASELINE training AS SELECT score FROM p", "DROP BASELINE training"]
    {
        ensure!(reader.sql(statement).await.is_err(), "a reader changes nothing: {statement}");
    }
    drop(reader);
    database.close().await?;
    drop(database);

    let database = Database::open(directory.path()).await?;
    ensure!(text(&database, DRIFT).await? == before, "it is the same after a restart");
    let report = database.storage().check(false).await?;
    ensure!(report.objects == 1 && report.findings.is_empty(), "{report:?}");
    drop(database);

    let object = std::fs::read_dir(directory.path().join("objects"))?.next().expect("an object")?.path();
    let mut bytes = std::fs::read(&object)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes)?;
    let database = Database::open(directory.path()).await?;
    let error = database.sql(DRIFT).await.expect_err("damage is an error");
    ensure!(error.kind() == ErrorKind::Corrupted && error.to_string().contains("objects/"), "{error}");
    ensure!(database.storage().check(false).await?.findings.len() == 1);
    ensure!(text(&database, "SELECT count(*) FROM p").await?.contains("2000"), "nothing else is hurt");
    Ok(())
}

/// Breaks when a plan hides what it compares with, carries the reference in its rows, or compares the same twice.
#[tokio::test]
async fn a_plan_shows_the_baseline() -> Result<()> {
    let directory = TempDir::new()?;
    let database = two_days(directory.path()).await?;
    let plan = text(&database, &format!("EXPLAIN {DRIFT}")).await?;
    ensure!(
        plan.matches("psi(p.score,baseline(Utf8(\"training\")))").count() >= 2,
        "both plans say it: {plan}"
    );
    ensure!(plan.contains("columns=[score]"), "only the value is read: {plan}");
    ensure!(!plan.contains("is_current"), "{plan}");
    Ok(())
}

/// Breaks when a key without a reference is an error or goes uncounted, or a replaced baseline takes over the count.
#[tokio::test]
async fn missing_keys_are_counted() -> Result<()> {
    let directory = TempDir::new()?;
    let database = two_days(directory.path()).await?;
    let keyed =
        "CREATE OR REPLACE BASELINE training AS SELECT model, score FROM p WHERE model = 'a' GROUP BY model";
    database.sql(keyed).await?;
    let sql = "SELECT model, psi(score, baseline('training', 'score', model)) IS NULL AS unknown FROM p GROUP BY model ORDER BY model";
    let answer = text(&database, sql).await?;
    ensure!(answer.contains("| a     | false") && answer.contains("| b     | true"), "{answer}");
    let count = "SELECT keys_missed FROM driftline.baselines";
    ensure!(text(&database, count).await?.contains("| 1 "), "{}", text(&database, count).await?);
    database.sql(keyed).await?;
    ensure!(text(&database, count).await?.contains("| 0 "));
    Ok(())
}

/// Breaks when a baseline of an earlier version, without distributions, cannot be read, or what it lacks is not named.
#[tokio::test]
async fn baselines_without_distributions_are_read() -> Result<()> {
    let directory = TempDir::new()?;
    let database = two_days(directory.path()).await?;
    let drift = text(&database, DRIFT).await?;
    let object = std::fs::read_dir(directory.path().join("objects"))?.next().expect("an object")?.path();
    let before = without_distributions(&std::fs::read(object)?)?;
    database.storage().put_object("baseline", "training", before.into(), true).await?;
    ensure!(text(&database, DRIFT).await? == drift, "what it keeps is compared as ever");
    let described = text(&database, "DESCRIBE BASELINE training").await?;
    ensure!(described.contains("| 0.0 | 49.5   | 99.0 |         |"), "{described}");
    let between = "SELECT ks_between(distribution(score), baseline('training')) FROM p";
    let error = database.sql(between).await.expect_err("it has no distribution");
    let message = error.to_string();
    ensure!(
        error.kind() == ErrorKind::Invalid && message.contains("CREATE OR REPLACE BASELINE"),
        "{message}"
    );
    let query = "CREATE OR REPLACE BASELINE training AS SELECT score FROM p WHERE time < '1970-01-02'";
    database.sql(query).await?;
    ensure!(text(&database, between).await?.contains("lo:"), "made again it has");
    Ok(())
}

/// The object of a baseline as it was before distributions were kept.
fn without_distributions(object: &[u8]) -> Result<Vec<u8>> {
    let reader = FileReader::try_new(Cursor::new(object), None)?;
    let schema = reader.schema();
    let batch = reader.into_iter().next().expect("one batch")?;
    let (mut fields, mut columns) = (vec![], vec![]);
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let (parts, arrays, nulls) = column.as_struct().clone().into_parts();
        let kept: Vec<_> =
            parts.iter().zip(arrays).filter(|(part, _)| part.name() != "distribution").collect();
        ensure!(kept.len() + 1 == parts.len(), "it had one");
        let (parts, arrays): (Vec<_>, Vec<_>) =
            kept.into_iter().map(|(part, array)| (part.clone(), array)).unzip();
        let column = StructArray::new(parts.into(), arrays, nulls);
        fields.push(Arc::new(field.as_ref().clone().with_data_type(column.data_type().clone())));
        columns.push(Arc::new(column) as _);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&RecordBatch::try_new(schema, columns)?)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}
