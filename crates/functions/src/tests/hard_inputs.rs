//! Every registered function over inputs that are hard on it: the answer is NULL or the documented value, never NaN, never a panic.
//!
//! The functions come from the registry and are called with every shape of arguments that some function takes. A call that planning
//! refuses is not tried; whatever is planned must answer, or fail with a message. So a new function is tried by itself.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array,
    Int64Array, ListArray, NullArray, RecordBatch, StringArray, UInt64Array, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::prelude::SessionContext;

use super::{create, printed, query, session};

/// A row: case, value as an index into the type's values (`None` is NULL), population.
type Row = (i64, Option<usize>, Option<bool>);

/// Values that every type has: ordinary ones, the least, the largest, and what is special about it.
const VALUES: usize = 10;

fn rows() -> Vec<Row> {
    let both = |value: usize| [(Some(value), Some(false)), (Some(value), Some(true))];
    let cases: Vec<Vec<(Option<usize>, Option<bool>)>> = vec![
        vec![(None, Some(false)), (None, Some(true)), (None, None)], // all NULL
        vec![(Some(0), Some(false))],                                // a single value
        vec![(Some(0), Some(true))],                                 // and on the other side
        both(0).to_vec(),                                            // one each
        [both(0), both(0), both(0)].concat(),                        // constant
        vec![(Some(0), Some(false)), (Some(1), Some(false)), (Some(2), None)], // one side
        [both(0), [(Some(1), Some(false)), (Some(1), Some(true))]].concat(), // two values
        [both(3), both(4)].concat(),                                 // extremes
        (0..VALUES).flat_map(both).collect(),                        // everything, equally
        (0..60).map(|i| (Some(i * 7 % VALUES), Some(i % 3 == 0))).collect(), // everything
        (0..40).map(|i| (Some(i % 3), Some(i >= 20))).collect(),     // few values
        (0..40).map(|i| (Some(if i % 20 > 2 { 0 } else { i % 3 }), Some(i % 2 == 0))).collect(), // nearly constant
    ];
    let numbered = cases.into_iter().zip(0..);
    numbered.flat_map(|(rows, case)| rows.into_iter().map(move |(value, side)| (case, value, side))).collect()
}

/// The columns that are tried, each with [`VALUES`] values.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let doubles = [0.25, 1.5, -2.0, f64::MIN, f64::MAX, 5e-324, -0.0, f64::NAN, f64::INFINITY, 1e300];
    let integers = [0, 1, -2, i64::MIN, i64::MAX, 3, -1, 1 << 53, (1 << 53) + 1, 10];
    let texts = [
        "",
        "a",
        "b",
        "\u{0}",
        "\u{10FFFF}",
        "ß",
        "A",
        "true",
        "NaN",
        "a text that does not fit into a view",
    ];
    let double: ArrayRef = Arc::new(Float64Array::from(doubles.to_vec()));
    let text: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let to = |array: &ArrayRef, kind: &DataType| cast(array, kind).unwrap();
    let small = Arc::new(Int64Array::from(vec![0, 1, -2, -99_999, 99_999, 3, -1, 4, 5, 10])) as ArrayRef;
    let vectors = |i: usize| Some([doubles[i], doubles[(i + 1) % VALUES]].map(Some));
    let floats = |i: usize| Some([doubles[i] as f32, i as f32].map(Some));
    vec![
        ("double", Arc::clone(&double)),
        ("float", Arc::new(Float32Array::from(doubles.map(|double| double as f32).to_vec()))),
        ("tiny", Arc::new(Int8Array::from(vec![0, 1, -2, i8::MIN, i8::MAX, 3, -1, 4, 5, 10]))),
        ("bigint", Arc::new(Int64Array::from(integers.to_vec()))),
        ("unsigned", Arc::new(UInt64Array::from(vec![0, 1, 2, u64::MIN, u64::MAX, 3, 1 << 63, 4, 5, 10]))),
        ("decimal", to(&small, &DataType::Decimal128(38, 10))),
        ("wide_decimal", to(&small, &DataType::Decimal256(60, 30))),
        ("flag", Arc::new(BooleanArray::from((0..VALUES).map(|i| i % 3 == 0).collect::<Vec<_>>()))),
        ("text", Arc::clone(&text)),
        ("view", to(&text, &DataType::Utf8View)),
        ("large_text", to(&text, &DataType::LargeUtf8)),
        ("dictionary", to(&text, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))),
        ("vector", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>((0..VALUES).map(floats)))),
        (
            "fixed_vector",
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(
                (0..VALUES).map(vectors),
                2,
            )),
        ),
        ("nothing", Arc::new(NullArray::new(VALUES))),
    ]
}

fn table(session: &SessionContext, values: &ArrayRef, partitions: usize) {
    let rows = rows();
    let taken = arrow::array::UInt32Array::from_iter(rows.iter().map(|row| row.1.map(|value| value as u32)));
    let value = match values.data_type() {
        DataType::Null => new_null_array(&DataType::Null, rows.len()),
        _ => arrow::compute::take(values, &taken, None).unwrap(),
    };
    let table: [(&str, ArrayRef); 4] = [
        ("k", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("i", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
        ("x", value),
        ("cur", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.2)))),
    ];
    create(session, &table, partitions, 7);
}

/// The shapes of arguments that aggregates take.
const SHAPES: [&str; 8] =
    ["(x)", "(x, cur)", "(cur, x)", "(x, x)", "(x, 0.9)", "(x, cur, k % 2)", "(x, cur, x)", "(x, x, 0.9)"];
/// Those of window functions.
const WINDOW_SHAPES: [&str; 3] = ["(x)", "(x, 'bh')", "(cur)"];

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
    let sql = |calls: &[String]| format!("SELECT {} FROM t {rest}", calls.join(", "));
    if let Ok(batch) = query(session, &sql(calls)).await {
        check(&batch, calls);
        return printed_columns(&batch);
    }
    let mut all = Vec::new();
    for call in calls {
        match query(session, &sql(std::slice::from_ref(call))).await {
            Ok(batch) => {
                check(&batch, std::slice::from_ref(call));
                all.extend(printed_columns(&batch));
            }
            Err(error) => {
                let message = error.to_string();
                assert!(!message.contains("Internal error"), "{call} {rest}: {message}");
                all.push(vec!["failed".to_owned()]);
            }
        }
    }
    all
}

fn printed_columns(batch: &RecordBatch) -> Vec<Vec<String>> {
    (0..batch.num_columns()).map(|column| printed(&batch.project(&[column]).unwrap(), " | ")).collect()
}

fn check(batch: &RecordBatch, calls: &[String]) {
    for (column, call) in batch.columns().iter().zip(calls) {
        assert!(is_finite(column), "{call} answers NaN or infinity: {column:?}");
    }
}

/// Whether an array holds no NaN and no infinity, however deep.
fn is_finite(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().flatten().all(f64::is_finite),
        DataType::Struct(_) => array.as_struct().columns().iter().all(is_finite),
        DataType::List(_) => is_finite(array.as_list::<i32>().values()),
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
        let aggregates = crate::aggregates();
        let names = aggregates.iter().map(|function| function.name());
        let calls = names.flat_map(|name| SHAPES.iter().map(move |shape| format!("{name}{shape}")));
        let calls = planned(&single, calls).await;
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

// breaks when: a window function answers NaN or panics
#[tokio::test]
async fn every_window_function_withstands_hard_inputs() {
    for (_, values) in columns() {
        let session = session(2);
        table(&session, &values, 2);
        let over = " OVER (PARTITION BY k ORDER BY i)";
        let aggregates = crate::aggregates();
        let frames = aggregates.iter().flat_map(|function| {
            let frame = " OVER (PARTITION BY k ORDER BY i ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)";
            SHAPES.iter().map(move |shape| format!("{}{shape}{frame}", function.name()))
        });
        let windows = crate::windows();
        let windows = windows.iter().flat_map(|function| {
            WINDOW_SHAPES.iter().map(move |shape| format!("{}{shape}{over}", function.name()))
        });
        let calls = planned(&session, frames.chain(windows)).await;
        answers(&session, &calls, "ORDER BY i").await;
        answers(&session, &calls, "WHERE k < 0").await;
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
