//! A hundred objectives over many spans: where they stand out of kept counts, against a count of all rows, and what a new span costs them.
//!
//! Not one of the timed benchmarks, for its table is large: `DRIFTLINE_SLO=50000000 cargo bench --workspace --bench driftline`.

#![expect(clippy::disallowed_methods, reason = "real time is what is measured")]

use std::path::Path;
use std::time::{Duration, Instant};

use driftline::{Database, Durability};
use tokio::runtime::Runtime;

use crate::load::{memory_of_self, quantile};
use crate::telemetry::{CREATE_TABLE, predictions};

const DAYS: i64 = 30;
const BATCH_ROWS: usize = 500_000;
const SLOS: usize = 100;
const ASKED: usize = 20;
/// 2026-08-31T00:00:00Z, the end of the rows.
const NOW: &str = "TIMESTAMP '2026-08-31T00:00:00Z'";
/// A day after it: then the new rows are in the windows.
const LATER: &str = "TIMESTAMP '2026-09-01T00:00:00Z'";
/// Spans that come in after the counts are there.
const NEW_ROWS: usize = 500_000;

/// How many rows the environment asks for.
pub(crate) fn asked() -> Option<usize> {
    std::env::var("DRIFTLINE_SLO").ok()?.parse().ok()
}

/// Runs all of it and prints what was seen, as Markdown.
#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
pub(crate) fn run(rows: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = runtime.block_on(fill(folder.path(), rows));
    println!("| {rows} rows over {DAYS} days, {SLOS} SLOs | |\n|---|---|");
    let row = |what: &str, took: Duration| println!("| {what} | {took:.1?} |");
    row(
        "the first status of all, which counts every row once an SLO",
        time(&runtime, &database, &all_statuses(NOW)),
    );
    let mut again: Vec<Duration> =
        (0..ASKED).map(|_| time(&runtime, &database, &all_statuses(NOW))).collect();
    row("the status of all again, median", quantile(&mut again, 0.5));
    row("the same, 95 of 100", quantile(&mut again, 0.95));
    row("the status of one", time(&runtime, &database, &format!("SELECT * FROM slo_status('slo_7', {NOW})")));
    row(
        "a day's history of one by hours",
        time(&runtime, &database, &format!("SELECT * FROM slo_history('slo_7', INTERVAL '1 hour', {NOW})")),
    );
    row(
        "one SLO's burn rate by a query over all rows",
        time(
            &runtime,
            &database,
            "SELECT slo_burn_rate(NOT is_error, 0.999) FROM predictions WHERE service = 'service-7'",
        ),
    );
    let took = runtime.block_on(append(&database, rows));
    println!("| {NEW_ROWS} new rows in batches of 512, in memory | {took:.1?} |");
    row(
        "the status of all with these rows in memory, which counts them",
        time(&runtime, &database, &all_statuses(LATER)),
    );
    row("the status of all again", time(&runtime, &database, &all_statuses(LATER)));
    runtime.block_on(database.flush()).expect("it is flushed");
    let counted = time(&runtime, &database, &all_statuses(LATER));
    row("the first status after they are flushed, which counts them once more", counted);
    let steady = time(&runtime, &database, &all_statuses(LATER));
    let each = counted.saturating_sub(steady).as_secs_f64() / NEW_ROWS as f64;
    println!("| what counting a new row costs all {SLOS} SLOs | {:.0} ns |", each * 1e9);
    println!("| memory of the process at most | {} MiB |", memory_of_self());
    runtime.block_on(database.close()).expect("it closes");
}

async fn fill(path: &Path, rows: usize) -> Database {
    let database = Database::open(path).await.expect("it opens");
    database.sql(CREATE_TABLE).await.expect("the table is new");
    let mut load = database.bulk_load("predictions").expect("the table is there");
    for first in (0..rows).step_by(BATCH_ROWS) {
        load.push(predictions(first, BATCH_ROWS.min(rows - first), rows, DAYS)).await.expect("it is taken");
    }
    load.commit().await.expect("it is committed");
    for slo in 0..SLOS {
        let (service, confidence) = (slo % 8, slo as f64 / 200.0);
        let good =
            if slo % 2 == 0 { "NOT is_error".to_owned() } else { format!("confidence > {confidence}") };
        let sql = format!(
            "CREATE SLO slo_{slo} ON predictions WHERE service = 'service-{service}' GOOD WHEN {good} OBJECTIVE 0.99 WINDOW '30 days'"
        );
        database.sql(&sql).await.expect("it is new");
    }
    database
}

/// New rows after all others, as exporters send them.
async fn append(database: &Database, rows: usize) -> Duration {
    let start = Instant::now();
    for first in (0..NEW_ROWS).step_by(512) {
        let batch = predictions(rows + first, 512.min(NEW_ROWS - first), rows, DAYS);
        database.append_with("predictions", batch, Durability::Memory).await.expect("it is taken");
    }
    start.elapsed()
}

fn all_statuses(at: &str) -> String {
    format!("SELECT slo, state, sli, burn_rate_1h FROM slo_status('%', {at})")
}

fn time(runtime: &Runtime, database: &Database, sql: &str) -> Duration {
    let start = Instant::now();
    let answer = runtime.block_on(async { database.sql(sql).await?.collect().await });
    assert!(!answer.expect("it is answered").is_empty());
    start.elapsed()
}
