//! A baseline in the place of a distribution: the same as the distribution of its rows, in either place and by keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch};
use datafusion::common::ScalarValue;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{Expr, col};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::{create, doubles, printed, query, session};
use crate::baseline::{
    Key, Keys, Kind, Operand, References, bind_operands, distribution, summary, takes_baseline,
    with_distribution,
};

const BETWEEN: [&str; 8] = [
    "psi_between",
    "kl_between",
    "js_divergence_between",
    "js_distance_between",
    "hellinger_between",
    "tv_between",
    "ks_between",
    "wasserstein_between",
];

/// Key, value and side.
type Row = (Option<i64>, Option<f64>, bool);

fn table(session: &SessionContext, rows: &[Row]) {
    let columns: [(&str, ArrayRef); 3] = [
        ("g", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0)))),
        ("v", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.1)))),
        ("cur", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.2))))),
    ];
    create(session, &columns, 2, 7);
}

/// What `CREATE BASELINE` measures of the reference's `v`, whole or by `g`.
async fn measured(session: &SessionContext, by_group: bool) -> RecordBatch {
    let keys: Vec<Expr> = by_group.then(|| col("g")).into_iter().collect();
    let calls = [summary(col("v")).alias("summary"), distribution(col("v")).alias("distribution")];
    let rows = session.sql("SELECT * FROM t WHERE NOT cur").await.unwrap();
    let batches = rows.aggregate(keys, calls.to_vec()).unwrap().collect().await.unwrap();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column_by_name(name).unwrap()
}

async fn references(session: &SessionContext, by_group: bool, missed: &Arc<AtomicU64>) -> Arc<References> {
    let batch = measured(session, by_group).await;
    let whole = with_distribution(column(&batch, "summary"), column(&batch, "distribution")).unwrap();
    let keys =
        by_group.then(|| Arc::new(Keys::new(vec!["g".into()], vec![column(&batch, "g").clone()]).unwrap()));
    let names = (if by_group { "2" } else { "1" }, "training", "v");
    Arc::new(References::read(names, Kind::Number, &whole, keys, Arc::clone(missed)).unwrap())
}

fn operand(references: &Arc<References>, key: Key) -> Option<Operand> {
    Some(Operand { references: Arc::clone(references), key })
}

/// The table in a session whose functions have baselines inside, under their own names.
async fn bound(plain: &SessionContext, operands: impl Fn() -> [Option<Operand>; 2]) -> SessionContext {
    let bound = session(2);
    for name in BETWEEN {
        let unbound = plain.udf(name).unwrap();
        assert!(takes_baseline(&unbound), "{name}");
        let function = bind_operands(&unbound, operands()).unwrap();
        assert!(!takes_baseline(&function), "{name} has its baseline");
        bound.register_udf(function.as_ref().clone());
    }
    bound.register_table("t", plain.table_provider("t").await.unwrap()).unwrap();
    bound
}

async fn lines(session: &SessionContext, sql: &str) -> Vec<String> {
    printed(&query(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")), " | ")
}

async fn check(rows: &[Row]) {
    let plain = session(2);
    table(&plain, rows);
    let missed = Arc::new(AtomicU64::new(0));
    let (whole, by_group) =
        (references(&plain, false, &missed).await, references(&plain, true, &missed).await);
    let first = bound(&plain, || [operand(&whole, Key::Only), None]).await;
    let second = bound(&plain, || [None, operand(&whole, Key::Only)]).await;
    let keyed = bound(&plain, || [None, operand(&by_group, Key::Arguments)]).await;
    let keyed_first = bound(&plain, || [operand(&by_group, Key::Arguments), None]).await;
    let both = bound(&plain, || [operand(&whole, Key::Only), operand(&whole, Key::Only)]).await;
    let sides = "distribution(v) FILTER (WHERE cur) AS c, distribution(v, 'buckets=4096') FILTER (WHERE NOT cur) AS r";
    let (single, groups) =
        (format!("(SELECT {sides} FROM t)"), format!("(SELECT g, {sides} FROM t GROUP BY g)"));
    let current = "(SELECT distribution(v) AS c FROM t WHERE cur)";
    let current_groups = "(SELECT g, distribution(v) AS c FROM t WHERE cur GROUP BY g)";
    for name in BETWEEN {
        let expected = lines(&plain, &format!("SELECT {name}(c, r) FROM {single}")).await;
        let swapped = lines(&plain, &format!("SELECT {name}(r, c) FROM {single}")).await;
        assert_eq!(lines(&second, &format!("SELECT {name}(c) FROM {current}")).await, expected, "{name}");
        assert_eq!(lines(&first, &format!("SELECT {name}(c) FROM {current}")).await, swapped, "{name}");
        let same = lines(&plain, &format!("SELECT {name}(r, r) FROM {single}")).await;
        assert_eq!(lines(&both, &format!("SELECT {name}()")).await, same, "{name} of one baseline");
        let of_groups = |call: &str, from: &str| format!("SELECT g, {name}({call}) FROM {from} ORDER BY g");
        let from = format!("(SELECT * FROM {groups} WHERE c IS NOT NULL)");
        let expected = lines(&plain, &of_groups("c, r", &from)).await;
        let swapped = lines(&plain, &of_groups("r, c", &from)).await;
        assert_eq!(lines(&keyed, &of_groups("c, g", current_groups)).await, expected, "{name} by key");
        let keyed_first = lines(&keyed_first, &of_groups("CAST(g AS INTEGER), c", current_groups)).await;
        assert_eq!(keyed_first, swapped, "{name} by key");
    }
    // what ranks would say lies within the bounds
    for (name, exact) in [("ks_between", "ks_statistic"), ("wasserstein_between", "wasserstein")] {
        let exact = doubles(&plain, &format!("SELECT {exact}(v, cur) FROM t")).await[0];
        let ends = format!("SELECT d['lo'], d['hi'] FROM (SELECT {name}(c) AS d FROM {current})");
        let ends = query(&second, &ends).await.unwrap();
        let [lo, hi] = [0, 1].map(|at| ends.column(at).as_primitive::<arrow::datatypes::Float64Type>());
        if let (Some(exact), true) = (exact, lo.is_valid(0)) {
            let slack = 1e-12 * (1.0 + exact);
            assert!(
                lo.value(0) <= exact + slack && exact <= hi.value(0) + slack,
                "{name}: {exact} {lo:?} {hi:?}"
            );
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let value = prop_oneof![
        4 => (-2.0f64..2.0).prop_map(Some),
        3 => (-3i32..3).prop_map(|value| Some(f64::from(value))),
        3 => Just(Some(0.0)),
        1 => prop_oneof![Just(None), Just(Some(f64::NAN)), Just(Some(f64::INFINITY)), Just(Some(f64::NEG_INFINITY)), Just(Some(-0.0))],
        1 => prop_oneof![Just(Some(1e300)), Just(Some(-1e-300)), Just(Some(5e-324)), Just(Some(f64::MAX)), Just(Some(f64::MIN))],
    ];
    (prop::option::weighted(0.8, 0i64..3), value, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    // breaks when: a stored distribution differs from that of its rows, a place or a key is mistaken for another
    #[test]
    fn an_operand_is_the_distribution_of_its_rows(
        rows in prop_oneof![3 => prop::collection::vec(row(), 2..50), 1 => prop::collection::vec(row(), 400..900)],
    ) {
        let mut rows = rows;
        rows[0].2 = false;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&rows));
    }
}

// breaks when: a special reference is another one stored than as rows
#[tokio::test]
async fn special_references_equal_their_rows() {
    let current = |i: i64| (Some(i % 3), Some((i % 7) as f64), true);
    for value in [
        |_| Some(3.0),
        |_| None,
        |_| Some(f64::NAN),
        |i: i64| Some(if i % 10 < 9 { 0.0 } else { i as f64 }),
        |i: i64| Some(1.0 + i as f64 * f64::EPSILON),
    ] {
        let reference = (0..60).map(|i| (Some(i % 2), value(i), false));
        check(&reference.chain((0..30).map(current)).collect::<Vec<Row>>()).await;
    }
}

// breaks when: a key without a reference is an error, is answered, or is not counted once a row
#[tokio::test]
async fn missing_keys_are_null_and_counted() {
    let plain = session(1);
    let rows: Vec<Row> = (0..40).map(|i| (Some(i % 4), Some(i as f64), i % 4 == 3)).collect();
    table(&plain, &rows);
    let missed = Arc::new(AtomicU64::new(0));
    let by_group = references(&plain, true, &missed).await;
    let counted = || missed.swap(0, Ordering::Relaxed);
    let days =
        "(SELECT i AS g, distribution(1.0 * i) AS c FROM unnest([0, 1, 5, 2, 7, 7]) AS n (i) GROUP BY i)";
    let keyed = bound(&plain, || [None, operand(&by_group, Key::Arguments)]).await;
    let sql = format!("SELECT g, psi_between(c, g) IS NULL FROM {days} ORDER BY g");
    assert_eq!(lines(&keyed, &sql).await, ["0 | false", "1 | false", "2 | false", "5 | true", "7 | true"]);
    assert_eq!(counted(), 2);
    // a key that is known while planning
    for (key, is_null) in [(Some(1i64), false), (Some(9), true), (None, true)] {
        let key = Key::Given(vec![ScalarValue::Int64(key)]);
        let given = bound(&plain, || [None, operand(&by_group, key.clone())]).await;
        let sql = format!("SELECT ks_between(c) IS NULL FROM {days} WHERE g < 2");
        assert_eq!(lines(&given, &sql).await, [is_null.to_string(), is_null.to_string()]);
        assert_eq!(counted(), if is_null { 2 } else { 0 });
    }
    // a key that is the same for all rows, though no literal
    let sql = format!("SELECT tv_between(c, 1 + 8) IS NULL FROM {days} WHERE g = 1");
    assert_eq!(lines(&keyed, &sql).await, ["true"]);
    assert!(counted() > 0);
}

// breaks when: what is not kept is answered, or a distribution that does not fit its column is believed
#[tokio::test]
async fn what_is_not_kept_is_refused() {
    let plain = session(1);
    table(&plain, &[(Some(1), Some(1.0), false), (Some(1), None, false), (Some(2), Some(2.0), false)]);
    let batch = measured(&plain, false).await;
    let by_group = measured(&plain, true).await;
    let read = |summary: &ArrayRef, kind| {
        References::read(("1", "training", "v"), kind, summary, None, Arc::default())
    };
    let refused = |references: References, name: &str| {
        let function = plain.udf(name).unwrap();
        let reference = operand(&Arc::new(references), Key::Only);
        bind_operands(&function, [None, reference]).unwrap_err().to_string()
    };
    // as baselines were written before
    let before = read(column(&batch, "summary"), Kind::Number).unwrap();
    assert!(!before.has_distributions() && before.rows()[0].buckets().is_none());
    let message = refused(before, "ks_between");
    assert!(message.contains("ks_between: baseline \"training\" was made before"), "{message}");
    assert!(message.contains("CREATE OR REPLACE BASELINE"), "{message}");
    let texts = plain.sql("SELECT CAST(g AS TEXT) AS s FROM t").await.unwrap();
    let texts = texts.aggregate(vec![], vec![summary(col("s"))]).unwrap().collect().await.unwrap();
    let message = refused(read(texts[0].column(0), Kind::Text).unwrap(), "ks_between");
    let expected = "ks_between: column \"v\" of baseline \"training\" holds texts, which have no order";
    assert!(message.contains(expected), "{message}");
    // of other rows, and of no distribution at all
    let other = column(&by_group, "distribution").slice(0, 1);
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for distribution in [other, number] {
        let damaged = with_distribution(column(&batch, "summary"), &distribution).unwrap();
        assert!(read(&damaged, Kind::Number).is_err(), "{distribution:?}");
    }
    assert!(with_distribution(column(&by_group, "g"), column(&by_group, "distribution")).is_err());
}
