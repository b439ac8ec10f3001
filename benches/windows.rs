//! The window functions over a million rows in memory, on one thread: one series in order, and ten thousand of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch};
use criterion::{BenchmarkId, Criterion, Throughput};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext, col};
use tokio::runtime::Runtime;

const ROWS: usize = 1_000_000;
const BATCH_ROWS: usize = 8192;
const SERIES: u64 = 10_000;

const BEFORE: &str = "ROWS BETWEEN 100 PRECEDING AND 1 PRECEDING";

/// Name, call, frame.
const CALLS: &[(&str, &str, &str)] = &[
    // what any window function costs, streaming and over whole partitions, to compare with
    ("row_number", "row_number()", ""),
    ("first_value", "first_value(v)", BEFORE),
    ("adwin", "adwin(v)", ""),
    ("page_hinkley", "page_hinkley(v)", ""),
    ("ddm", "ddm(v > 2.5)", ""),
    ("kswin", "kswin(v, 'alpha=0.0001')", ""),
    ("cusum", "cusum(v)", ""),
    ("ewma", "ewma(v, 'half_life=50')", ""),
    ("zscore", "zscore(v)", BEFORE),
    ("mad_score", "mad_score(v)", BEFORE),
    ("mad_score_expanding", "mad_score(v)", ""),
    ("p_adjust", "p_adjust(v / 3)", ""),
];

pub(crate) fn run(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut session = None;
    for (kind, partition) in [("one_series", ""), ("by_10000_series", "PARTITION BY g")] {
        let mut group = criterion.benchmark_group(format!("windows_{kind}"));
        group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
        for (name, call, frame) in CALLS {
            let sql = format!(
                "SELECT count(r) FROM (SELECT {call} OVER ({partition} ORDER BY i {frame}) AS r FROM t)"
            );
            group.bench_with_input(BenchmarkId::new(*name, ROWS), &sql, |bencher, sql| {
                // the rows are made only for what was asked for
                let session = session.get_or_insert_with(session_in_order);
                bencher.to_async(&runtime).iter(|| async {
                    let frame = session.sql(sql).await.expect("it is planned");
                    frame.collect().await.expect("it runs")
                });
            });
        }
        group.finish();
    }
}

/// A session of one thread with a table `t`, known to lie in the order of `i`.
fn session_in_order() -> SessionContext {
    let mut session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    driftline_functions::register(&mut session).expect("the registry is writable");
    let batches: Vec<RecordBatch> = (0..ROWS).step_by(BATCH_ROWS).map(batch).collect();
    let table = MemTable::try_new(batches[0].schema(), vec![batches]).expect("one schema");
    let table = table.with_sort_order(vec![vec![col("i").sort(true, false)]]);
    session.register_table("t", Arc::new(table)).expect("the name is free");
    session
}

fn batch(first: usize) -> RecordBatch {
    let rows = first as u64..(first + BATCH_ROWS).min(ROWS) as u64;
    let uniform = |row: u64, stream: u64| (mix(row * 3 + stream) >> 11) as f64 * 2f64.powi(-53);
    let value = |row: u64| uniform(row, 0) + uniform(row, 1) + uniform(row, 2);
    let columns: [(&str, ArrayRef); 3] = [
        ("i", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64)))),
        ("g", Arc::new(Int32Array::from_iter_values(rows.clone().map(|row| (mix(!row) % SERIES) as i32)))),
        ("v", Arc::new(Float64Array::from_iter_values(rows.map(value)))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

/// splitmix64's output function: every row's values depend on its number alone.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
