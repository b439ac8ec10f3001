//! The way out: the questions that dashboards ask, over segments, with and without the cache of decoded columns.

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use driftline::Database;
use tokio::runtime::Runtime;

use crate::telemetry::{CREATE_TABLE, predictions};

const ROWS: usize = 5_000_000;
const BATCH_ROWS: usize = 250_000;
const DAYS: i64 = 30;

const QUERIES: &[(&str, &str)] = &[
    ("sum", "SELECT sum(confidence) FROM predictions"),
    ("sum_of_one_model", "SELECT sum(confidence), count(*) FROM predictions WHERE model = 'dune'"),
    ("avg_by_model", "SELECT model, avg(confidence), count(*) FROM predictions GROUP BY model"),
    (
        "count_by_hour",
        "SELECT date_bin(INTERVAL '1 hour', time) AS hour, count(*) FROM predictions GROUP BY hour",
    ),
    ("one_day", "SELECT avg(confidence) FROM predictions WHERE time >= '2026-08-10' AND time < '2026-08-11'"),
    ("one_request", "SELECT * FROM predictions WHERE request_id = '910a2dec89025cc1'"),
    ("newest_ten", "SELECT * FROM predictions ORDER BY time DESC LIMIT 10"),
    (
        "burn_rate_by_service_and_hour",
        "SELECT service, date_bin(INTERVAL '1 hour', time) AS hour, slo_burn_rate(NOT is_error, 0.999) \
         FROM predictions GROUP BY service, hour",
    ),
    ("psi_by_model", "SELECT model, psi(confidence, time >= '2026-08-30') FROM predictions GROUP BY model"),
    ("ks_test", "SELECT ks_test(confidence, time >= '2026-08-30') FROM predictions"),
];

pub(crate) fn run(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut filled = false;
    for (state, cache_bytes) in [("cached", 1 << 30), ("uncached", 0)] {
        let mut group = criterion.benchmark_group(format!("scan_{state}"));
        group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
        for (name, sql) in QUERIES {
            let id = BenchmarkId::from_parameter(name);
            // the table is made only when a query runs that was asked for
            group.bench_with_input(id, sql, |bencher, sql| {
                if !filled {
                    runtime.block_on(fill(folder.path()));
                    filled = true;
                }
                let builder = Database::builder(folder.path()).cache_limit(cache_bytes);
                let database = runtime.block_on(builder.open()).expect("it opens");
                bencher.to_async(&runtime).iter(|| async {
                    let answer = database.sql(sql).await.expect("it is planned");
                    answer.collect().await.expect("it runs")
                });
                runtime.block_on(database.close()).expect("it closes");
            });
        }
        group.finish();
    }
}

async fn fill(path: &Path) {
    let database = Database::open(path).await.expect("it opens");
    database.sql(CREATE_TABLE).await.expect("the table is new");
    let mut load = database.bulk_load("predictions").expect("the table is there");
    for first in (0..ROWS).step_by(BATCH_ROWS) {
        load.push(predictions(first, BATCH_ROWS, ROWS, DAYS)).await.expect("it is taken");
    }
    load.commit().await.expect("it is committed");
    database.close().await.expect("it closes");
}
