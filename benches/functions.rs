//! The SQL functions over batches in memory, on one thread: rows a second of each, in one group and in ten thousand.
//!
//! `cargo bench --workspace --bench driftline -- functions_` measures each with criterion, at 1 and 10 million rows. A table of all of them, with
//! 100 million rows and the memory a group, comes from [`table`]: `DRIFTLINE_BENCH_TABLE=1000000,10000000,100000000 cargo bench --workspace --bench driftline`;
//! `DRIFTLINE_BENCH_ONLY=psi,ks_test` leaves all others out of it.

mod table;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringViewArray,
};
use arrow::datatypes::Float32Type;
use criterion::{BenchmarkId, Criterion, Throughput};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::col;
use datafusion::prelude::{SessionConfig, SessionContext};
use driftline_functions::baseline::{
    Call, Key, Kind, Operand, References, bind, bind_operands, distribution, summary, with_distribution,
};
use tokio::runtime::Runtime;

const ROWS: &[usize] = &[1_000_000, 10_000_000];
const BATCH_ROWS: usize = 8192;
const GROUPS: i32 = 10_000;
const TEXTS: [&str; 8] = [
    "refund",
    "invoice",
    "delivery",
    "a question about the new product",
    "cancel",
    "other",
    "login",
    "price",
];

const CALLS: &[(&str, &str)] = &[
    // what any aggregate costs, to compare with
    ("avg", "avg(v)"),
    ("psi", "psi(v, cur)"),
    ("psi_edges", "psi(v, cur, 'edges=[0.5, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5]')"),
    ("psi_sturges", "psi(v, cur, 'binning=sturges')"),
    ("psi_evidently", "psi(v, cur, 'profile=evidently')"),
    ("drift_auto", "drift_auto(v, cur)"),
    ("psi_mixed_rows", "psi(v, mixed)"),
    ("psi_text", "psi(s, cur)"),
    ("psi_boolean", "psi(mixed, cur)"),
    ("kl_divergence", "kl_divergence(v, cur)"),
    ("js_divergence", "js_divergence(v, cur)"),
    ("js_distance", "js_distance(v, cur)"),
    ("psi_detail", "psi_detail(v, cur)"),
    // many small clusters, and few large ones with ten times the resamples
    ("psi_ci", "psi_ci(v, cur, c, 'resamples=100')"),
    ("psi_ci_1000_resamples", "psi_ci(v, cur, g)"),
    ("hellinger", "hellinger(v, cur)"),
    ("tv_distance", "tv_distance(v, cur)"),
    ("linf_distance", "linf_distance(v, cur)"),
    ("chi2_test_text", "chi2_test(s, cur)"),
    ("g_test_text", "g_test(s, cur)"),
    ("cramers_v_text", "cramers_v(s, cur)"),
    ("z_test_prop", "z_test_prop(mixed, cur)"),
    ("null_rate_drift", "null_rate_drift(v, cur)"),
    ("ks_test", "ks_test(v, cur)"),
    ("ks_statistic", "ks_statistic(v, cur)"),
    ("wasserstein", "wasserstein(v, cur)"),
    ("wasserstein_norm", "wasserstein_norm(v, cur)"),
    ("energy_distance", "energy_distance(v, cur)"),
    ("cvm_test", "cvm_test(v, cur)"),
    ("ad_test", "ad_test(v, cur)"),
    ("mwu_test", "mwu_test(v, cur)"),
    ("welch_t_test", "welch_t_test(v, cur)"),
    ("slo_burn_rate", "slo_burn_rate(mixed, 0.999)"),
    ("slo_burn_rate_counts", "slo_burn_rate(g, g + 1, 0.999)"),
    ("error_budget_remaining", "error_budget_remaining(mixed, 0.999)"),
    ("novelty", "avg(novelty(e, [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [2.0, 0.0, 2.0, 0.0]]))"),
    ("centroid_drift", "centroid_drift(e, cur)"),
    ("mmd_rff_64", "mmd_rff(e, cur, 'features=64')"),
    ("frechet_distance", "frechet_distance(e, cur)"),
    ("accuracy_boolean", "accuracy(mixed, cur)"),
    ("accuracy_text", "accuracy(s, s)"),
    ("precision", "precision(mixed, cur)"),
    ("recall_text", "recall(s, s, 'positive=refund')"),
    ("f1_macro_text", "f1(s, s, 'average=macro')"),
    ("confusion_matrix_text", "confusion_matrix(s, s)"),
    ("roc_auc", "roc_auc(mixed, v)"),
    ("log_loss", "log_loss(mixed, v / 4)"),
    ("brier", "brier(mixed, v / 4)"),
    ("ece", "ece(mixed, v / 4)"),
    ("ece_quantile", "ece(mixed, v / 4, 'binning=quantile')"),
    ("calibration", "calibration(mixed, v / 4)"),
    ("distribution", "distribution(v)"),
    ("distribution_quantile", "distribution_quantile(distribution(v), 0.5)"),
    ("distribution_cdf", "distribution_cdf(distribution(v), 1.5)"),
    (
        "distribution_merge",
        "distribution_merge(distribution_from_otel({scale: 0, zero_count: 1, zero_threshold: 0.0, positive_offset: 0, positive_counts: [1, 2, 3], negative_offset: 0, negative_counts: [1]}, 'delta'))",
    ),
    (
        "psi_between",
        "psi_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))",
    ),
    ("kl_between", "kl_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))"),
    (
        "js_divergence_between",
        "js_divergence_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))",
    ),
    (
        "js_distance_between",
        "js_distance_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))",
    ),
    (
        "hellinger_between",
        "hellinger_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))",
    ),
    ("tv_between", "tv_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))"),
    ("ks_between", "ks_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))"),
    (
        "wasserstein_between",
        "wasserstein_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))",
    ),
    // with the reference stored before: all rows are current
    ("psi_of_baseline", "psi_of_baseline(v)"),
    ("psi_between_baseline", "psi_between_baseline(distribution(v))"),
    ("ks_between_baseline", "ks_between_baseline(distribution(v))"),
    ("wilson_interval", "avg(wilson_interval(g, 10000)['upper'])"),
];

pub(crate) use table::{print_table, rows_of_table};

pub(crate) fn run(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for &rows in ROWS {
        let mut session = None;
        for (kind, group_by) in [("whole", ""), ("by_10000_groups", " GROUP BY g")] {
            let mut group = criterion.benchmark_group(format!("functions_{kind}"));
            group.sample_size(10).throughput(Throughput::Elements(rows as u64));
            for (name, call) in CALLS {
                let sql = format!("SELECT {call} FROM t{group_by}");
                group.bench_with_input(BenchmarkId::new(*name, rows), &sql, |bencher, sql| {
                    // the rows are made only for what was asked for
                    let session = session.get_or_insert_with(|| session_over(rows, &runtime, None));
                    bencher.to_async(&runtime).iter(|| async {
                        let frame = session.sql(sql).await.expect("it is planned");
                        frame.collect().await.expect("it runs")
                    });
                });
            }
            group.finish();
        }
    }
}

/// A session of one thread with a table `t`: the first half of its rows is the reference.
fn session_over(rows: usize, runtime: &Runtime, pool: Option<Arc<dyn MemoryPool>>) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(1);
    let mut session = match pool {
        None => SessionContext::new_with_config(config),
        Some(pool) => {
            let environment =
                RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().expect("an environment");
            SessionContext::new_with_config_rt(config, environment)
        }
    };
    driftline_functions::register(&mut session).expect("the registry is writable");
    let batches: Vec<RecordBatch> =
        (0..rows).step_by(BATCH_ROWS).map(|first| batch(first, BATCH_ROWS.min(rows - first), rows)).collect();
    let table = MemTable::try_new(batches[0].schema(), vec![batches]).expect("one schema");
    session.register_table("t", Arc::new(table)).expect("the name is free");
    runtime.block_on(store_reference(&session)).expect("a reference is measured");
    session
}

/// Measures the reference as `CREATE BASELINE` does, and registers functions that compare with it.
async fn store_reference(session: &SessionContext) -> Result<(), DataFusionError> {
    let rows = session.sql("SELECT v FROM t WHERE NOT cur").await?;
    let measured = rows.aggregate(vec![], vec![summary(col("v")), distribution(col("v"))])?.collect().await?;
    let column = with_distribution(measured[0].column(0), measured[0].column(1))?;
    let names = ("1", "baseline", "v");
    let references = Arc::new(References::read(names, Kind::Number, &column, None, Arc::default())?);
    let call = Call { references: Arc::clone(&references), key: Key::Only, options: None };
    let psi = session.udaf("psi")?;
    session.register_udaf(bind(&psi, call)?.as_ref().clone().with_aliases(["psi_of_baseline"]));
    // a function with aliases takes its own name, too
    session.register_udaf(psi.as_ref().clone());
    for (name, bound) in [("psi_between", "psi_between_baseline"), ("ks_between", "ks_between_baseline")] {
        let operand = Operand { references: Arc::clone(&references), key: Key::Only };
        let between = session.udf(name)?;
        let function = bind_operands(&between, [None, Some(operand)])?;
        session.register_udf(function.as_ref().clone().with_aliases([bound]));
        session.register_udf(between.as_ref().clone());
    }
    Ok(())
}

fn batch(first: usize, length: usize, rows: usize) -> RecordBatch {
    let range = first..first + length;
    let uniform = |row: usize, stream: u64| (mix(row as u64 * 4 + stream) >> 11) as f64 * 2f64.powi(-53);
    let value = |row: usize| {
        uniform(row, 0) + uniform(row, 1) + uniform(row, 2) + if row > rows / 2 { 0.01 } else { 0.0 }
    };
    let text = |row: usize| TEXTS[(mix(row as u64) % 8) as usize];
    let embedding =
        |row: usize| Some((0..4).map(move |axis| Some((mix(row as u64 ^ axis << 40) % 3) as f32)));
    let columns: [(&str, ArrayRef); 7] = [
        ("v", Arc::new(Float64Array::from_iter_values(range.clone().map(value)))),
        ("s", Arc::new(StringViewArray::from_iter_values(range.clone().map(text)))),
        ("cur", Arc::new(BooleanArray::from_iter(range.clone().map(|row| Some(row >= rows / 2))))),
        (
            "mixed",
            Arc::new(BooleanArray::from_iter(
                range.clone().map(|row| Some(mix(row as u64).is_multiple_of(2))),
            )),
        ),
        (
            "g",
            Arc::new(Int32Array::from_iter_values(
                range.clone().map(|row| (mix(!row as u64) % GROUPS as u64) as i32),
            )),
        ),
        ("c", Arc::new(Int64Array::from_iter_values(range.clone().map(|row| row as i64 / 8)))),
        ("e", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(range.map(embedding)))),
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
