//! Makes the database of a fixture: every kind of object, and rows of every age of their table.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use driftline::storage::StorageOptions;
use driftline::{Database, Encoding, Signal};
use driftline_storage::testing::ManualClock;
use serde_json::json;

/// 2026-08-05T00:00:00Z.
const NOW_NS: i64 = 1_785_888_000_000_000_000;

/// Tables with rows in segments, compacted ones with an index and flushed ones without.
const FIRST: &[&str] = &[
    "CREATE TABLE predictions (time TIMESTAMP NOT NULL, model TEXT, conf DOUBLE, junk BIGINT, request TEXT, ok BOOLEAN)
     WITH (sort = 'model, time', bloom = 'request')",
    "INSERT INTO predictions
     SELECT to_timestamp(1785542400 + value), CASE WHEN value % 1500 = 7 THEN 'rare' ELSE 'usual' END,
            (value % 100) / 128.0, value, 'r' || value, value % 3 = 0
     FROM range(1500)",
    "FLUSH",
    "INSERT INTO predictions
     SELECT to_timestamp(1785544000 + value), CASE WHEN value % 1500 = 7 THEN 'rare' ELSE 'usual' END,
            (value % 100) / 128.0, value, 'r' || (value + 1500), value % 3 = 0
     FROM range(1500)",
    "FLUSH",
    "COMPACT predictions",
    "INSERT INTO predictions (time, model, conf) VALUES ('2026-08-02T00:00:00Z', 'usual', CAST('NaN' AS DOUBLE)), ('2026-08-02T00:00:01Z', NULL, -0.0)",
    "FLUSH",
    // the columns of these rows are not those of today
    "ALTER TABLE predictions RENAME COLUMN conf TO confidence",
    "ALTER TABLE predictions DROP COLUMN junk",
    "ALTER TABLE predictions ADD COLUMN region TEXT",
    "INSERT INTO predictions VALUES ('2026-08-03T00:00:00Z', 'usual', 0.5, 'r3000', true, 'eu'), ('2026-08-03T00:00:01Z', 'rare', 0.25, 'r3001', NULL, 'us')",
    "CREATE TABLE bills (time TIMESTAMP NOT NULL, customer TEXT, amount DECIMAL(10, 2)) WITH (partition = 'month')",
    "INSERT INTO bills VALUES ('2026-06-30T23:59:59.999999999Z', 'a', 12.34), ('2026-07-01T00:00:00Z', 'b', -0.01), ('2026-08-01T00:00:00Z', NULL, 99999999.99)",
    "CREATE TABLE kinds (time TIMESTAMP NOT NULL, i TINYINT, u INT UNSIGNED, f REAL, d DATE, b BYTEA, tags TEXT[], ms TIMESTAMP(3))",
    "INSERT INTO kinds VALUES
     ('1969-12-31T23:59:59Z', -128, 4294967295, 0.1, '1969-12-31', CAST('bytes' AS BYTEA), ['x', NULL], '2026-08-01T00:00:00.123'),
     ('2026-08-01T00:00:00.000000001Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "CREATE TABLE events (time TIMESTAMP NOT NULL, n BIGINT, attributes MAP<TEXT, TEXT>)",
    "INSERT INTO events VALUES ('2026-08-01T00:00:00Z', 1, map(['user.tier', 'n'], ['\"gold\"', '41'])), ('2026-08-01T00:00:01Z', 2, NULL)",
    "FLUSH",
    "ALTER TABLE events ADD COLUMN tier TEXT FROM ATTRIBUTE 'user.tier'",
    "INSERT INTO events (time, n, tier) VALUES ('2026-08-01T00:00:02Z', 3, 'silver')",
    "FLUSH",
    "COMPACT events",
    "CREATE TABLE empty (time TIMESTAMP NOT NULL, old TEXT) WITH (retention = '40000 days')",
    "CREATE TABLE gone (time TIMESTAMP NOT NULL)",
    "DROP TABLE gone",
    "CREATE VIEW by_model AS SELECT model, count(*) AS n FROM predictions GROUP BY model",
    "CREATE BASELINE training AS SELECT confidence, model FROM predictions WHERE time < '2026-08-02'",
    "CREATE SLO good ON predictions GOOD WHEN ok OBJECTIVE 0.9 WINDOW '30 days' GROUP BY model",
    "SELECT count(*) FROM slo_status('good', '2026-08-04T00:00:00Z')",
    "CREATE ALERT slow AS SELECT avg(confidence) AS value FROM predictions",
];

/// Some rows are deleted; others are in the log alone, among them some of a table that has none in a segment.
const SECOND: &[&str] = &[
    "DELETE FROM predictions WHERE request IN ('r10', 'r11', 'r2999') OR time = '2026-08-02T00:00:01Z'",
    "DELETE FROM bills WHERE customer = 'b'",
];
const THIRD: &[&str] = &[
    "INSERT INTO predictions VALUES ('2026-08-04T00:00:00Z', 'new', 0.75, 'r4000', false, NULL)",
    "INSERT INTO empty VALUES ('2026-08-04T00:00:00Z', 'only in the log')",
    "ALTER TABLE empty RENAME COLUMN old TO note",
    "INSERT INTO bills VALUES ('2026-08-04T00:00:00Z', 'c', 1), ('2026-09-01T00:00:00Z', 'c', 2)",
];

async fn run(database: &Database, statements: &[&str]) -> Result<()> {
    for sql in statements {
        let answer = database.sql(sql).await.with_context(|| (*sql).to_owned())?;
        answer.collect().await.with_context(|| (*sql).to_owned())?;
    }
    Ok(())
}

async fn open(path: &Path) -> Result<Database> {
    // nothing happens by itself, and no old version stays
    let options = StorageOptions {
        grace_period: Duration::ZERO,
        compaction: false,
        maintenance_interval: Duration::from_secs(3_600),
        flush_age: Duration::from_secs(3_600),
        ..StorageOptions::default()
    };
    let clock = Arc::new(ManualClock::new(NOW_NS));
    Ok(Database::builder(path).storage(options).clock(clock).seed(1).open().await?)
}

/// A body of two log records, which is known again when it is sent again.
fn body() -> Vec<u8> {
    let record = |text: &str| json!({"timeUnixNano": "1785542400000000000", "body": {"stringValue": text}});
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record("one"), record("two")]}]}]})
        .to_string()
        .into_bytes()
}

/// Makes the database and leaves it open.
pub(super) async fn database(path: &Path) -> Result<Database> {
    let database = open(path).await?;
    run(&database, FIRST).await?;
    database.ingest_otlp(Signal::Logs, Encoding::Json, &body()).await?;
    database.close().await?;
    let database = open(path).await?;
    run(&database, SECOND).await?;
    database.storage().purge().await?;
    run(&database, THIRD).await?;
    // DDL made versions of its own
    database.storage().collect_garbage().await?;
    Ok(database)
}
