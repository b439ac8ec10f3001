//! A database of many segments: how long it takes to open, and how long a query is planned.
//!
//! Not one of the timed benchmarks, for it makes many files: `DRIFTLINE_SEGMENTS=10000 cargo bench --workspace --bench driftline`.

#![expect(clippy::disallowed_methods, reason = "real time is what is measured")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftline::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline::{Database, DatabaseBuilder, StorageOptions};
use tokio::runtime::Runtime;

use crate::load::quantile;

const DAY_NS: i64 = 86_400_000_000_000;
/// 2000-01-01T00:00:00Z: ten thousand days are before today.
const START_NS: i64 = 946_684_800_000_000_000;
const ASKED: usize = 20;

const QUERIES: &[(&str, &str)] = &[
    ("one day", "SELECT avg(v) FROM t WHERE time >= '2001-05-01' AND time < '2001-05-02'"),
    (
        "a month of one key",
        "SELECT avg(v) FROM t WHERE key = 'key-1' AND time >= '2001-05-01' AND time < '2001-06-01'",
    ),
    ("everything", "SELECT key, avg(v) FROM t GROUP BY key"),
];

/// How many segments the environment asks for.
pub(crate) fn asked() -> Option<usize> {
    std::env::var("DRIFTLINE_SEGMENTS").ok()?.parse().ok()
}

/// Runs all of it and prints what was seen, as Markdown.
#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
pub(crate) fn run(segments: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let took = time(|| runtime.block_on(fill(folder.path(), segments)));
    println!("| {segments} segments, one a day | |\n|---|---|\n| written, each synced | {took:.1?} |");
    for read_only in [false, true] {
        let mut opened: Vec<Duration> = (0..ASKED)
            .map(|_| {
                let start = Instant::now();
                let database =
                    runtime.block_on(builder(folder.path()).read_only(read_only).open()).expect("it opens");
                let took = start.elapsed();
                runtime.block_on(database.close()).expect("it closes");
                took
            })
            .collect();
        let what = if read_only { "reading" } else { "writing" };
        println!("| opened for {what}, median of {ASKED} | {:.1?} |", quantile(&mut opened, 0.5));
    }
    for (name, sql) in QUERIES {
        let database = runtime.block_on(builder(folder.path()).open()).expect("it opens");
        let ask = |sql: &str| {
            time(|| {
                let answer = runtime.block_on(async { database.sql(sql).await?.collect().await });
                assert!(!answer.expect("it is answered").is_empty());
            })
        };
        let first = ask(&format!("EXPLAIN {sql}"));
        let mut planned: Vec<Duration> = (0..ASKED).map(|_| ask(&format!("EXPLAIN {sql}"))).collect();
        println!(
            "| {name}: planned first; again, median | {first:.1?}; {:.1?} |",
            quantile(&mut planned, 0.5)
        );
        let first = ask(sql);
        let mut run: Vec<Duration> = (0..3).map(|_| ask(sql)).collect();
        println!("| {name}: run first; again, median | {first:.1?}; {:.1?} |", quantile(&mut run, 0.5));
        runtime.block_on(database.close()).expect("it closes");
    }
}

/// Nothing is merged: the segments are what is measured.
fn builder(path: &Path) -> DatabaseBuilder {
    Database::builder(path).storage(StorageOptions { compaction: false, ..StorageOptions::default() })
}

async fn fill(path: &Path, segments: usize) {
    let database = builder(path).open().await.expect("it opens");
    database
        .sql("CREATE TABLE t (time TIMESTAMP NOT NULL, key TEXT, v DOUBLE) WITH (sort = 'key, time')")
        .await
        .expect("the table is new");
    let mut load = database.bulk_load("t").expect("the table is there");
    for day in 0..segments as i64 {
        load.push(rows(day)).await.expect("it is taken");
    }
    load.commit().await.expect("it is committed");
    database.close().await.expect("it closes");
}

/// The rows of a day, one an hour.
fn rows(day: i64) -> RecordBatch {
    let hours = 0..24;
    let time = TimestampNanosecondArray::from_iter_values(
        hours.clone().map(|hour| START_NS + day * DAY_NS + hour * DAY_NS / 24),
    );
    let columns: [(&str, ArrayRef); 3] = [
        ("time", Arc::new(time.with_timezone("UTC"))),
        (
            "key",
            Arc::new(StringArray::from_iter_values(hours.clone().map(|hour| format!("key-{}", hour % 4)))),
        ),
        ("v", Arc::new(Float64Array::from_iter_values(hours.map(|hour| (day + hour) as f64)))),
    ];
    RecordBatch::try_from_iter(columns).expect("the columns have one length")
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
