//! A report over ten columns, against as many calls of `psi` in one query and against ten queries of one call each.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use criterion::{BenchmarkId, Criterion, Throughput};
use driftline::Database;
use tokio::runtime::Runtime;

const ROWS: usize = 1_000_000;
const BATCH_ROWS: usize = 250_000;
const COLUMNS: usize = 10;
/// 2026-08-03T00:00:00Z
const START_NS: i64 = 1_785_715_200_000_000_000;
/// 28 days, the last of them current.
const STEP_NS: i64 = 28 * 86_400_000_000_000 / ROWS as i64;
const IS_CURRENT: &str = "time >= '2026-08-30'";

pub(crate) fn run(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let psi = |column: usize| format!("psi(c{column}, {IS_CURRENT})");
    let calls: Vec<String> = (0..COLUMNS).map(psi).collect();
    let report =
        "SELECT * FROM drift_report('t', reference => time < '2026-08-30', current => time >= '2026-08-30')";
    let cases = [
        ("report", vec![report.to_owned()]),
        ("ten_psi_in_one_query", vec![format!("SELECT {} FROM t", calls.join(", "))]),
        ("ten_queries_of_psi", calls.iter().map(|call| format!("SELECT {call} FROM t")).collect()),
    ];
    let mut group = criterion.benchmark_group("drift_report");
    group.sample_size(10).throughput(Throughput::Elements((ROWS * COLUMNS) as u64));
    let mut filled = false;
    for (name, queries) in &cases {
        group.bench_with_input(BenchmarkId::from_parameter(name), queries, |bencher, queries| {
            if !filled {
                runtime.block_on(fill(folder.path()));
                filled = true;
            }
            let database = runtime.block_on(Database::open(folder.path())).expect("it opens");
            bencher.to_async(&runtime).iter(|| async {
                for sql in queries {
                    database.sql(sql).await.expect("it is planned").collect().await.expect("it runs");
                }
            });
            runtime.block_on(database.close()).expect("it closes");
        });
    }
    group.finish();
}

async fn fill(path: &Path) {
    let database = Database::open(path).await.expect("it opens");
    let columns: Vec<String> = (0..COLUMNS).map(|column| format!("c{column} DOUBLE")).collect();
    let create = format!("CREATE TABLE t (time TIMESTAMP NOT NULL, {})", columns.join(", "));
    database.sql(&create).await.expect("the table is new");
    let mut load = database.bulk_load("t").expect("the table is there");
    for first in (0..ROWS).step_by(BATCH_ROWS) {
        load.push(batch(first)).await.expect("it is taken");
    }
    load.commit().await.expect("it is committed");
    database.close().await.expect("it closes");
}

fn batch(first: usize) -> RecordBatch {
    let rows = first..first + BATCH_ROWS;
    let times = rows.clone().map(|row| START_NS + row as i64 * STEP_NS);
    let time: ArrayRef = Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"));
    let mut columns = vec![("time".to_owned(), time)];
    for column in 0..COLUMNS {
        let values = rows.clone().map(|row| ((row * 7919 + column * 104_729) % 1_000_003) as f64 / 1e6);
        columns.push((format!("c{column}"), Arc::new(Float64Array::from_iter_values(values))));
    }
    RecordBatch::try_from_iter(columns).expect("the columns have one length")
}
