//! Every registered function over inputs that are hard on it: the answer is NULL or the documented value, never NaN, never a panic.
//!
//! The functions come from the registry and are called with every shape of arguments that some function takes. A call that planning
//! refuses is not tried; whatever is planned must answer, or fail with a message. So a new function is tried by itself.

mod populations;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use datafusion::prelude::SessionContext;

use self::populations::{columns, table};
use super::{create, printed, query, session};

/// The shapes of arguments that aggregates take.
const SHAPES: [&str; 9] = [
    "(x)",
    "(x, cur)",
    "(cur, x)",
    "(x, x)",
    "(x, 0.9)",
    "(x, cur, k % 2)",
    "(x, cur, x)",
    "(x, x, 0.9)",
    "(x, 'buckets=4')",
];
/// Those with options, over the types that they are read for; planning refuses options that a function does not know.
const OPTION_SHAPES: [&str; 18] = [
    "(x, cur, 'bins=3')",
    "(x, cur, 'binning=uniform')",
    "(x, cur, 'binning=sturges')",
    "(x, cur, 'binning=doane')",
    "(x, cur, 'edges=[-1, 0, 1e300]')",
    "(x, cur, 'eps=0.01')",
    "(x, cur, 'correction=false')",
    "(x, cur, 'alternative=less')",
    "(x, cur, 'alternative=greater, method=exact')",
    "(x, cur, 'method=asymp')",
    "(x, cur, 'profile=evidently')",
    "(x, cur, 'profile=nannyml')",
    "(x, cur, 'profile=popmon_norm')",
    "(x, cur, 'profile=fiddler')",
    "(x, cur, 'profile=deepchecks')",
    "(cur, x, 'binning=quantile')",
    "(x, x, 'average=macro')",
    "(x, cur, 'features=8')",
];
const OPTION_TYPES: [&str; 4] = ["double", "bigint", "text", "flag"];
/// Those of scalars over what aggregates make.
const SUMMARY_SHAPES: [&str; 6] = [
    "(distribution(x))",
    "(distribution(x), 0.5)",
    "(distribution(x) FILTER (WHERE NOT cur), distribution(x) FILTER (WHERE cur))",
    "(distribution(x, 'buckets=4') FILTER (WHERE NOT cur), distribution(x) FILTER (WHERE cur), 'bins=3')",
    "(category_distribution(x) FILTER (WHERE NOT cur), category_distribution(x) FILTER (WHERE cur))",
    "(category_distribution(x))",
];
/// Those of scalars over rows.
const ROW_SHAPES: [&str; 5] = ["(x)", "(x, x)", "(x, 10)", "(10, x)", "(x, [[0.0, 0.0], [1.0, 1.0]])"];
/// Those of window functions.
const WINDOW_SHAPES: [&str; 5] = ["(x)", "(x, 'bh')", "(x, 'holm')", "(cur)", "(x, 0.5)"];

/// Every name with every shape.
fn calls<'a>(names: impl Iterator<Item = &'a str>, shapes: &[&str], rest: &str) -> Vec<String> {
    names.flat_map(|name| shapes.iter().map(move |shape| format!("{name}{shape}{rest}"))).collect()
}

/// Planning takes time by the square of the columns.
const CALLS_AT_ONCE: usize = 24;

/// The calls that planning lets pass.
async fn planned(session: &SessionContext, calls: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut planned = Vec::new();
    for call in calls {
        if session.sql(&format!("SELECT {call} FROM t")).await.is_ok() {
            planned.push(call);
        }
    }
    planned
}

/// The answer of each call; one that fails has the first line of its message.
async fn answers(session: &SessionContext, calls: &[String], rest: &str) -> Vec<Vec<String>> {
    answers_from(session, "t", calls, rest).await
}

async fn answers_from(
    session: &SessionContext,
    table: &str,
    calls: &[String],
    rest: &str,
) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    // the first is on top
    let mut waiting: Vec<&[String]> = calls.rchunks(CALLS_AT_ONCE).collect();
    while let Some(calls) = waiting.pop() {
        match query(session, &format!("SELECT {} FROM {table} {rest}", calls.join(", "))).await {
            Ok(batch) => {
                check(&batch, calls);
                all.extend(printed_columns(&batch));
            }
            Err(error) if calls.len() == 1 => {
                let message = error.to_string();
                assert!(!message.contains("Internal error"), "{calls:?} {rest}: {message}");
                all.push(vec!["failed".to_owned()]);
            }
            Err(_) => {
                let (first, second) = calls.split_at(calls.len() / 2);
                waiting.extend([second, first]);
            }
        }
    }
    all
}

fn printed_columns(batch: &RecordBatch) -> Vec<Vec<String>> {
    (0..batch.num_columns()).map(|column| printed(&batch.project(&[column]).unwrap(), " | ")).collect()
}

/// What is infinite by its documentation: the statistic of evidently's tests of fit, for a category that the reference does not have.
const INFINITE: [&str; 2] = ["chi2_test(x, cur, 'profile=evidently')", "g_test(x, cur, 'profile=evidently')"];

fn check(batch: &RecordBatch, calls: &[String]) {
    for (column, call) in batch.columns().iter().zip(calls) {
        let documented = INFINITE.contains(&call.as_str());
        assert!(documented || is_finite(column), "{call} answers NaN or infinity: {column:?}");
    }
}

/// Whether an array holds no NaN and no infinity, however deep.
fn is_finite(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Float16 => {
            array.as_primitive::<Float16Type>().iter().flatten().all(|value| value.is_finite())
        }
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().flatten().all(f32::is_finite),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().flatten().all(f64::is_finite),
        DataType::Struct(_) => array.as_struct().columns().iter().all(is_finite),
        DataType::List(_) => is_finite(array.as_list::<i32>().values()),
        DataType::LargeList(_) => is_finite(array.as_list::<i64>().values()),
        DataType::FixedSizeList(..) => is_finite(array.as_fixed_size_list().values()),
        DataType::Map(..) => array.as_map().entries().columns().iter().all(is_finite),
        DataType::Dictionary(..) => is_finite(array.as_any_dictionary().values()),
        _ => true,
    }
}

// breaks when: a function answers NaN, panics, or answers otherwise in one group, in many groups, and in partitions
#[tokio::test]
async fn every_function_withstands_hard_inputs() {
    for (kind, values) in columns() {
        let (single, partitioned) = (session(1), session(3));
        table(&single, &values, 1);
        table(&partitioned, &values, 3);
        let (aggregates, scalars) = (crate::aggregates(), crate::scalars());
        let mut tried = calls(aggregates.iter().map(|function| function.name()), &SHAPES, "");
        tried.extend(calls(scalars.iter().map(|function| function.name()), &SUMMARY_SHAPES, ""));
        let calls = planned(&single, tried).await;
        assert!(calls.len() >= 3, "{kind}: few functions take it: {calls:?}");
        let grouped = answers(&single, &calls, "GROUP BY k ORDER BY k").await;
        assert_eq!(answers(&partitioned, &calls, "GROUP BY k ORDER BY k").await, grouped, "{kind}");
        let cases = grouped.iter().map(Vec::len).max().unwrap_or(0);
        for case in 0..cases {
            let alone = answers(&partitioned, &calls, &format!("WHERE k = {case}")).await;
            for ((call, grouped), alone) in calls.iter().zip(&grouped).zip(&alone) {
                // a failure belongs to a case, but fails the query over all of them
                if grouped.len() == cases {
                    assert_eq!(alone, &[grouped[case].clone()], "{kind}: {call} in case {case}");
                }
            }
        }
        // no rows at all
        answers(&partitioned, &calls, "WHERE k < 0").await;
    }
}

// breaks when: an option makes a function answer NaN or panic, or answer otherwise in partitions
#[tokio::test]
async fn every_option_withstands_hard_inputs() {
    for (kind, values) in columns().into_iter().filter(|(kind, _)| OPTION_TYPES.contains(kind)) {
        let (single, partitioned) = (session(1), session(3));
        table(&single, &values, 1);
        table(&partitioned, &values, 3);
        let aggregates = crate::aggregates();
        let names = aggregates.iter().map(|function| function.name());
        let calls = planned(&single, calls(names, &OPTION_SHAPES, "")).await;
        let grouped = answers(&single, &calls, "GROUP BY k ORDER BY k").await;
        let parts = answers(&partitioned, &calls, "GROUP BY k ORDER BY k").await;
        for ((call, grouped), parts) in calls.iter().zip(&grouped).zip(&parts) {
            assert_eq!(parts, grouped, "{kind}: {call}");
        }
    }
}

// breaks when: a function over rows or a window answers NaN or panics, or partitions change what it answers
#[tokio::test]
async fn every_window_function_withstands_hard_inputs() {
    for (kind, values) in columns() {
        let (single, partitioned) = (session(1), session(3));
        table(&single, &values, 1);
        table(&partitioned, &values, 3);
        let windows = crate::windows();
        let names = windows.iter().map(|function| function.name());
        let mut tried = calls(names, &WINDOW_SHAPES, " OVER (PARTITION BY k ORDER BY i)");
        let scalars = crate::scalars();
        // baseline() stands for a stored reference and is no function of rows
        let names = scalars.iter().map(|function| function.name()).filter(|&name| name != "baseline");
        tried.extend(calls(names, &ROW_SHAPES, ""));
        let calls = planned(&single, tried).await;
        let whole = answers(&single, &calls, "ORDER BY i").await;
        let parts = answers(&partitioned, &calls, "ORDER BY i").await;
        for ((call, whole), parts) in calls.iter().zip(&whole).zip(&parts) {
            assert_eq!(parts, whole, "{kind}: {call}");
        }
        answers(&partitioned, &calls, "WHERE k < 0").await;
    }
}

// breaks when: a sliding frame adds what it should not, or does not give back what leaves it
#[tokio::test]
async fn every_sliding_frame_is_the_aggregate_of_its_rows() {
    const FRAME: &str = "(PARTITION BY k ORDER BY i ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)";
    for (kind, values) in columns() {
        let session = session(2);
        table(&session, &values, 2);
        let aggregates = crate::aggregates();
        let tried = calls(aggregates.iter().map(|function| function.name()), &SHAPES, "");
        let calls = planned(&session, tried).await;
        let over: Vec<String> = calls.iter().map(|call| format!("{call} OVER {FRAME}")).collect();
        let sliding = answers(&session, &over, "ORDER BY i").await;
        let joined = "(SELECT last.i AS i, t.x, t.cur, t.k FROM t AS last JOIN t ON t.k = last.k \
                      AND t.i BETWEEN last.i - 3 AND last.i) AS f";
        let naive = answers_from(&session, joined, &calls, "GROUP BY i ORDER BY i").await;
        for ((call, sliding), naive) in over.iter().zip(&sliding).zip(&naive) {
            assert_eq!(sliding, naive, "{kind}: {call}");
        }
    }
}

// breaks when: many categories take time or memory by their square, or a limit is hit far too early
#[tokio::test]
async fn a_million_categories() {
    const CATEGORIES: i64 = 1_000_000;
    let session = session(2);
    let texts = StringArray::from_iter_values((0..CATEGORIES).map(|i| format!("category {i}")));
    let sides = BooleanArray::from_iter((0..CATEGORIES).map(|i| Some(i % 2 == 0)));
    create(&session, &[("s", Arc::new(texts) as ArrayRef), ("cur", Arc::new(sides))], 2, 8192);
    let sql = "SELECT round(js_distance(s, cur), 9), round(tv_distance(s, cur), 9), psi_detail(s, cur)['n_bins'], \
               category_distribution(s)['error'] <= 1000000 / 10001 FROM t";
    assert_eq!(printed(&query(&session, sql).await.unwrap(), " | "), ["1.0 | 1.0 | 1000000 | true"]);
}
