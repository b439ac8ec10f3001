//! A stored reference gives, bit for bit, what the rows of the reference give; whatever batches, partitions and partial states.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::common::ScalarValue;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{Expr, col};
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;

use super::{create, query, session};
use crate::baseline::{Call, Key, Keys, Kind, References, bind, summary};
use crate::kernels::reference::GRID;

/// Function, column and options.
const CALLS: [(&str, &str, Option<&str>); 15] = [
    ("psi", "v", None),
    ("psi", "v", Some("bins=1000")),
    ("psi", "s", Some("eps=0.01")),
    ("psi", "b", None),
    ("psi_detail", "v", Some("bins=4")),
    ("psi_detail", "s", None),
    ("kl_divergence", "v", Some("bins=125")),
    ("js_divergence", "s", None),
    ("js_distance", "b", None),
    ("hellinger", "v", Some("bins=2")),
    ("tv_distance", "s", None),
    ("chi2_test", "s", None),
    ("g_test", "b", None),
    ("z_test_prop", "b", None),
    ("null_rate_drift", "v", None),
];

/// A row: group, value, text, flag.
type Row = (Option<i64>, Option<f64>, Option<u8>, Option<bool>);

fn row() -> impl Strategy<Value = Row> {
    let value = prop_oneof![
        4 => (-2.0f64..2.0).prop_map(Some),
        4 => (-3i32..3).prop_map(|value| Some(f64::from(value))),
        4 => Just(Some(0.0)),
        1 => prop_oneof![Just(None), Just(Some(f64::NAN)), Just(Some(f64::INFINITY)), Just(Some(-0.0)), Just(Some(1e300))],
        1 => prop_oneof![Just(Some(f64::MAX)), Just(Some(f64::MIN)), Just(Some(5e-324)), Just(Some(-5e-324)), Just(Some(f64::NEG_INFINITY))],
    ];
    let flag = prop::option::weighted(0.8, any::<bool>());
    (prop::option::weighted(0.8, 0i64..3), value, prop::option::weighted(0.9, 0u8..6), flag)
}

fn columns(rows: &[Row], current: &[bool]) -> Vec<(&'static str, ArrayRef)> {
    let texts = ["", "a", "b", "a long text that does not fit into a view", "ß", "\u{1F980}"];
    vec![
        ("g", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0)))),
        ("v", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.1)))),
        ("s", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.2.map(|i| texts[usize::from(i)]))))),
        ("b", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.3)))),
        ("cur", Arc::new(BooleanArray::from(current.to_vec()))),
    ]
}

fn printed(batch: &RecordBatch) -> Vec<String> {
    super::printed(batch, " | ")
}

/// Measures the columns of table `t`: the references of all rows, and those of each group.
async fn measure(session: &SessionContext) -> [Vec<(&'static str, Arc<References>)>; 2] {
    let mut measured = Vec::new();
    for by_group in [false, true] {
        let keys: Vec<Expr> = by_group.then(|| col("g")).into_iter().collect();
        let summaries = ["v", "s", "b"].map(|name| summary(col(name)).alias(name));
        let frame = session.table("t").await.unwrap().aggregate(keys, summaries.to_vec()).unwrap();
        let batches = frame.collect().await.unwrap();
        let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
        let keys = by_group
            .then(|| Arc::new(Keys::new(vec!["g".to_owned()], vec![Arc::clone(batch.column(0))]).unwrap()));
        let read = |name: &'static str, kind| {
            let summary = batch.column_by_name(name).unwrap();
            let names = (if by_group { "2" } else { "1" }, "baseline", name);
            let references = References::read(names, kind, summary, keys.clone(), Arc::default()).unwrap();
            (name, Arc::new(references))
        };
        measured.push(vec![read("v", Kind::Number), read("s", Kind::Text), read("b", Kind::Boolean)]);
    }
    measured.try_into().unwrap()
}

/// A session in which a function compares with a baseline, under its own name.
fn bound(
    session: SessionContext,
    function: &str,
    references: &Arc<References>,
    key: Key,
    options: Option<&str>,
) -> SessionContext {
    let unbound = session.state().udaf(function).unwrap();
    let call = Call { references: Arc::clone(references), key, options: options.map(str::to_owned) };
    session.register_udaf(bind(&unbound, call).unwrap().as_ref().clone());
    session
}

/// Sessions that aggregate in one step, in two over partitions, and in two that pass rows on as states.
fn sessions() -> [SessionContext; 3] {
    let mut config = SessionConfig::new().with_target_partitions(3);
    let aggregation = &mut config.options_mut().execution;
    aggregation.skip_partial_aggregation_probe_rows_threshold = 5;
    aggregation.skip_partial_aggregation_probe_ratio_threshold = 0.0;
    let mut skipping = SessionContext::new_with_config(config);
    crate::register(&mut skipping).unwrap();
    [session(1), session(3), skipping]
}

async fn check(reference: Vec<Row>, current: Vec<Row>, partitions: usize, batch_rows: usize) {
    let plain = session(2);
    create(&plain, &columns(&reference, &vec![false; reference.len()]), partitions, batch_rows);
    let [whole, by_group] = measure(&plain).await;
    let rows: Vec<Row> = reference.iter().chain(&current).copied().collect();
    let flags: Vec<bool> = (0..rows.len()).map(|at| at >= reference.len()).collect();
    create(&plain, &columns(&rows, &flags), partitions, batch_rows);
    for (function, column, options) in CALLS {
        let text = options.map(|options| format!(", '{options}'")).unwrap_or_default();
        let raw = format!("{function}({column}, cur{text})");
        let find = |all: &[(&str, Arc<References>)]| {
            Arc::clone(&all.iter().find(|(name, _)| *name == column).unwrap().1)
        };
        let (whole, by_group) = (find(&whole), find(&by_group));
        let expected = printed(&query(&plain, &format!("SELECT {raw} FROM t")).await.unwrap());
        let expected_groups = printed(
            &query(&plain, &format!("SELECT g, {raw} FROM t GROUP BY g HAVING bool_or(cur) ORDER BY g"))
                .await
                .unwrap(),
        );
        for unbound in sessions() {
            create(&unbound, &columns(&current, &vec![true; current.len()]), partitions, batch_rows);
            let single = bound(unbound, function, &whole, Key::Only, options);
            assert_eq!(
                printed(&query(&single, &format!("SELECT {function}({column}) FROM t")).await.unwrap()),
                expected,
                "{raw}"
            );
        }
        for unbound in sessions() {
            create(&unbound, &columns(&current, &vec![true; current.len()]), partitions, batch_rows);
            let keyed = bound(unbound, function, &by_group, Key::Arguments, options);
            let sql = format!("SELECT g, {function}({column}, g) FROM t GROUP BY g ORDER BY g");
            assert_eq!(printed(&query(&keyed, &sql).await.unwrap()), expected_groups, "{raw} by group");
            // a group alone, without GROUP BY, takes the other kind of accumulator
            for line in &expected_groups {
                let group = line.split(" | ").next().unwrap();
                let sql = format!(
                    "SELECT {group}, {function}({column}, g) FROM t WHERE g IS NOT DISTINCT FROM {group}"
                );
                assert_eq!(&printed(&query(&keyed, &sql).await.unwrap())[0], line, "{raw} of group {group}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    // breaks when: an edge, a count or a category of a stored reference differs from that of its rows, or a key finds another
    #[test]
    fn a_stored_reference_equals_its_rows(
        reference in prop_oneof![prop::collection::vec(row(), 1..40), prop::collection::vec(row(), 900..1300)],
        current in prop::collection::vec(row(), 1..60),
        partitions in 1usize..4,
        batch_rows in 1usize..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(reference, current, partitions, batch_rows));
    }
}

// breaks when: a special reference (constant, one value, ties, nothing finite) is not the same stored as in rows
#[tokio::test]
async fn special_references_equal_their_rows() {
    let current: Vec<Row> = (0..30)
        .map(|i| (Some(i % 3), Some(f64::from(i as i32 % 7)), Some((i % 5) as u8), Some(i % 2 == 0)))
        .collect();
    let constant = |value: Option<f64>, rows: i64| -> Vec<Row> {
        (0..rows).map(|i| (Some(i % 3), value, Some(1), Some(true))).collect()
    };
    for reference in [
        constant(Some(3.0), 25),
        constant(Some(3.0), 1),
        constant(None, 5),
        constant(Some(f64::NAN), 5),
        (0..1100).map(|i| (Some(i % 2), Some(if i % 10 < 9 { 0.0 } else { i as f64 }), None, None)).collect(),
    ] {
        check(reference, current.clone(), 2, 7).await;
    }
}

// breaks when: a missing key is not NULL, is not counted, or a literal key finds another reference
#[tokio::test]
async fn keys_are_found_or_counted() {
    let rows: Vec<Row> =
        (0..40).map(|i| (Some(i % 2), Some(i as f64), Some((i % 3) as u8), Some(i % 3 == 0))).collect();
    let plain = session(1);
    create(&plain, &columns(&rows, &[false; 40]), 1, 40);
    let frame = plain.table("t").await.unwrap().aggregate(vec![col("g")], vec![summary(col("v"))]).unwrap();
    let batch = frame.collect().await.unwrap().remove(0);
    let keys = Arc::new(Keys::new(vec!["g".to_owned()], vec![Arc::clone(batch.column(0))]).unwrap());
    let missed = Arc::new(AtomicU64::new(0));
    let references =
        References::read(("1", "b", "v"), Kind::Number, batch.column(1), Some(keys), Arc::clone(&missed))
            .unwrap();
    let references = Arc::new(references);
    assert_eq!(references.rows().len(), 2);
    for (key, is_null) in [
        (ScalarValue::Int64(Some(1)), false),
        (ScalarValue::Int32(Some(0)), false),
        (ScalarValue::Int64(Some(2)), true),
        (ScalarValue::Null, true),
    ] {
        let given = session(2);
        create(&given, &columns(&rows, &[true; 40]), 2, 7);
        let before = missed.load(std::sync::atomic::Ordering::Relaxed);
        let given = bound(given, "psi", &references, Key::Given(vec![key.clone()]), None);
        let answer = query(&given, "SELECT psi(v) FROM t").await.unwrap();
        assert_eq!(answer.column(0).is_null(0), is_null, "{key}");
        assert_eq!(missed.load(std::sync::atomic::Ordering::Relaxed) - before, u64::from(is_null), "{key}");
    }
    let unbound = session(2);
    create(&unbound, &columns(&rows, &[true; 40]), 2, 7);
    let keyed = bound(unbound, "psi", &references, Key::Arguments, None);
    let answer =
        query(&keyed, "SELECT psi(v, CAST(g AS INTEGER) + 1) FROM t GROUP BY g ORDER BY g").await.unwrap();
    let psi = answer.column(0).as_primitive::<arrow::datatypes::Float64Type>();
    assert!(psi.is_valid(0) && psi.is_null(1));
}

// breaks when: what a baseline cannot give is answered, or what is no summary is read as one
#[tokio::test]
async fn what_a_baseline_cannot_give_is_refused() {
    let plain = session(1);
    create(&plain, &columns(&[(Some(0), Some(1.0), Some(1), Some(true))], &[false]), 1, 1);
    let [whole, _] = measure(&plain).await;
    let refused = |function: &str, column: usize, options: Option<&str>| {
        let unbound = session(1).state().udaf(function).unwrap();
        let options = options.map(str::to_owned);
        bind(&unbound, Call { references: Arc::clone(&whole[column].1), key: Key::Only, options })
            .unwrap_err()
            .to_string()
    };
    for bins in (2..=GRID).filter(|bins| !GRID.is_multiple_of(*bins)).take(20) {
        let message = refused("psi", 0, Some(&format!("bins={bins}")));
        assert!(message.contains("'bins' must divide 1000"), "{message}");
    }
    assert!(refused("psi", 0, Some("edges=[1]")).contains("need the rows of the reference"));
    assert!(refused("psi", 1, Some("bins=5")).contains("categories"));
    assert!(refused("ks_test", 0, None).contains("ranks every value"));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let damaged = References::read(("1", "b", "v"), Kind::Number, &number, None, Arc::default()).unwrap_err();
    assert!(damaged.to_string().contains("column \"v\" of baseline \"b\" is damaged"), "{damaged}");
}
