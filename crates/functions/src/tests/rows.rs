//! Which rows count: NULL, NaN, infinities, empty sides, numeric types, extremes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type};

use super::{create, doubles, query, session};

fn floats(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn flags(values: &[Option<bool>]) -> ArrayRef {
    Arc::new(BooleanArray::from(values.to_vec()))
}

const BINNED: [&str; 8] = [
    "psi",
    "kl_divergence",
    "js_divergence",
    "js_distance",
    "hellinger",
    "tv_distance",
    "linf_distance",
    "cramers_v",
];

// breaks when: a NULL, NaN or infinity is counted, or makes the result NaN
#[tokio::test]
async fn left_out_rows_change_nothing() {
    let session = session(2);
    let (yes, no) = (Some(true), Some(false));
    create(
        &session,
        &[
            (
                "v",
                floats(&[
                    Some(1.0),
                    None,
                    Some(f64::NAN),
                    Some(2.0),
                    Some(f64::INFINITY),
                    Some(5.0),
                    Some(9.0),
                    Some(2.5),
                    Some(f64::NEG_INFINITY),
                ]),
            ),
            ("cur", flags(&[no, no, no, no, no, None, yes, yes, yes])),
        ],
        2,
        2,
    );
    for function in BINNED {
        let with = doubles(&session, &format!("SELECT {function}(v, cur) FROM t")).await;
        let without =
            doubles(&session, &format!("SELECT {function}(v, cur) FROM t WHERE v IN (1.0, 2.0, 9.0, 2.5)"))
                .await;
        assert_eq!(with, without, "{function}");
        assert!(with[0].unwrap().is_finite());
    }
    let detail = "SELECT d['n_ref'], d['n_cur'], d['n_excluded_ref'], d['n_excluded_cur'] FROM (SELECT ";
    for call in ["psi_detail(v, cur)", "psi_detail(v, cur, 'edges=[2, 4]')"] {
        let result = query(&session, &format!("{detail}{call} AS d FROM t)")).await.unwrap();
        let counts: Vec<i64> =
            result.columns().iter().map(|column| column.as_primitive::<Int64Type>().value(0)).collect();
        assert_eq!(counts, [2, 2, 3, 1], "{call} says how many it left out");
    }
    let result =
        query(&session, "SELECT ks_test(v, cur)['n_ref'], ks_test(v, cur)['n_cur'] FROM t").await.unwrap();
    let counts: Vec<i64> =
        result.columns().iter().map(|column| column.as_primitive::<Int64Type>().value(0)).collect();
    assert_eq!(counts, [2, 2]);
}

// breaks when: nothing to compare gives a number
#[tokio::test]
async fn an_empty_side_gives_null() {
    let session = session(2);
    create(
        &session,
        &[("v", floats(&[Some(1.0), Some(2.0), None])), ("cur", flags(&[Some(true), None, Some(false)]))],
        1,
        2,
    );
    for value in ["v", "CAST(v AS TEXT)", "v > 1", "NULL"] {
        for filter in ["true", "cur", "NOT cur", "false"] {
            for function in BINNED {
                let sql = format!("SELECT {function}({value}, cur) FROM t WHERE {filter}");
                assert_eq!(doubles(&session, &sql).await, [None], "{sql}");
            }
        }
    }
    for sql in [
        "SELECT ks_test(v, cur) FROM t",
        "SELECT psi_detail(v, cur) FROM t",
        "SELECT chi2_test(v, cur) FROM t",
        "SELECT g_test(v > 1, cur) FROM t",
        "SELECT z_test_prop(v > 1, cur) FROM t",
        "SELECT z_test_prop(NULL, cur) FROM t",
        "SELECT null_rate_drift(v, cur) FROM t WHERE cur",
        "SELECT psi(v, cur, 'edges=[1]') FROM t",
        "SELECT psi(v, NULL) FROM t",
        "SELECT slo_burn_rate(CAST(NULL AS BOOLEAN), 0.9) FROM t",
        "SELECT slo_burn_rate(cur, 0.9) FROM t WHERE cur IS NULL",
        "SELECT slo_burn_rate(0, 0, 0.9) FROM t",
        "SELECT slo_burn_rate(cur, NULL) FROM t",
        "SELECT error_budget_remaining(NULL, 5, 0.9) FROM t",
    ] {
        let result = query(&session, sql).await.unwrap();
        assert!(result.column(0).is_null(0), "{sql}");
    }
}

// breaks when: a numeric type is not read as the same number
#[tokio::test]
async fn every_numeric_type_is_read() {
    let session = session(1);
    let values: Vec<i64> = (0..60).map(|i| (i * i) % 37).collect();
    create(
        &session,
        &[
            ("v", Arc::new(Int64Array::from(values))),
            ("cur", Arc::new(BooleanArray::from_iter((0..60).map(|i| Some(i % 3 == 0))))),
        ],
        1,
        60,
    );
    let reference = doubles(&session, "SELECT psi(CAST(v AS DOUBLE), cur) FROM t").await;
    for kind in [
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float16",
        "Float32",
        "Decimal32(8, 2)",
        "Decimal128(20, 4)",
        "Decimal256(40, 3)",
        "Dictionary(Int32, Int64)",
    ] {
        let sql = format!("SELECT psi(arrow_cast(v, '{kind}'), cur) FROM t");
        assert_eq!(doubles(&session, &sql).await, reference, "{kind}");
    }
}

// breaks when: an extreme value panics or turns a result into NaN
#[tokio::test]
async fn extremes_give_finite_results() {
    let session = session(1);
    let extremes = [
        f64::MIN,
        -1.0,
        -f64::MIN_POSITIVE,
        -f64::from_bits(1),
        -0.0,
        0.0,
        f64::from_bits(1),
        1e-300,
        1.0,
        1e300,
        f64::MAX,
    ];
    let values: Vec<Option<f64>> = extremes.iter().chain(&extremes).map(|v| Some(*v)).collect();
    let sides: Vec<Option<bool>> = (0..values.len()).map(|i| Some(i >= extremes.len())).collect();
    create(&session, &[("v", floats(&values)), ("cur", flags(&sides))], 1, 5);
    for function in BINNED {
        for options in ["bins=10", "bins=2", "binning=uniform", "bins=10000", "edges=[-0.0, 1e300]"] {
            let result = doubles(&session, &format!("SELECT {function}(v, cur, '{options}') FROM t")).await;
            assert_eq!(result, [Some(0.0)], "{function} {options}: both sides are equal");
        }
    }
    let result = query(&session, "SELECT ks_test(v, cur)['statistic'] FROM t").await.unwrap();
    assert_eq!(result.column(0).as_primitive::<Float64Type>().value(0), 0.0);
    create(
        &session,
        &[
            ("v", Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX, i64::MIN, 5, i64::MAX]))),
            ("cur", flags(&[Some(false), Some(false), Some(false), Some(true), Some(true), Some(true)])),
        ],
        1,
        6,
    );
    assert!(doubles(&session, "SELECT psi(v, cur) FROM t").await[0].unwrap().is_finite());
}

// breaks when: the burn rate loses its convention: bad share over allowed share, NULL not eligible
#[tokio::test]
async fn service_levels_follow_the_formula() {
    let session = session(2);
    create(
        &session,
        &[
            ("good", flags(&[Some(true), Some(true), Some(true), Some(false), None])),
            ("n", Arc::new(Int64Array::from(vec![Some(90), Some(10), None, Some(0), Some(0)]))),
            ("total", Arc::new(Int64Array::from(vec![Some(100), Some(10), Some(5), Some(0), None]))),
        ],
        2,
        2,
    );
    let one = |sql: &'static str| {
        let session = &session;
        async move { doubles(session, sql).await[0] }
    };
    assert_eq!(one("SELECT slo_burn_rate(good, 0.5) FROM t").await, Some(0.5));
    assert_eq!(one("SELECT error_budget_remaining(good, 0.5) FROM t").await, Some(0.5));
    assert_eq!(one("SELECT error_budget_remaining(good, 0.75) FROM t").await, Some(0.0));
    assert_eq!(one("SELECT error_budget_remaining(good, 0.875) FROM t").await, Some(-1.0));
    assert_eq!(one("SELECT slo_burn_rate(n, total, 0.75) FROM t").await, Some(10.0 / 110.0 / 0.25));
    assert_eq!(
        one("SELECT slo_burn_rate(CAST(n AS DOUBLE), CAST(total AS DOUBLE), 0.75) FROM t").await,
        Some(10.0 / 110.0 / 0.25)
    );
    assert_eq!(one("SELECT slo_burn_rate(good, 0.5) FILTER (WHERE n > 50) FROM t").await, Some(0.0));
}

// breaks when: a value that cannot be compared is not even looked at for NULL, or NaN counts as missing
#[tokio::test]
async fn null_rates_are_taken_of_anything() {
    let session = session(2);
    let flags = flags(&[Some(false), Some(false), Some(false), Some(false), Some(true), Some(true), None]);
    let values = floats(&[Some(1.0), None, Some(f64::NAN), Some(2.0), None, None, None]);
    create(&session, &[("v", values), ("cur", flags)], 2, 2);
    for value in [
        "v",
        "CAST(v AS TEXT)",
        "arrow_cast(CAST(v AS TEXT), 'Dictionary(Int32, Utf8)')",
        "v > 1",
        "CASE WHEN v IS NOT NULL THEN make_array(v) END",
        "CASE WHEN v IS NOT NULL THEN now() END",
    ] {
        let sql = format!(
            "SELECT n['rate_ref'], n['rate_cur'], n['p_value'] FROM (SELECT null_rate_drift({value}, cur) AS n FROM t)"
        );
        let result = query(&session, &sql).await.unwrap();
        let numbers: Vec<f64> =
            result.columns().iter().map(|column| column.as_primitive::<Float64Type>().value(0)).collect();
        assert_eq!(numbers[..2], [0.25, 1.0], "{value}");
        assert!(numbers[2] > 0.0 && numbers[2] < 0.1, "{value}: {numbers:?}");
    }
}

// breaks when: a bin loses its edges or name, or the parts do not add up
#[tokio::test]
async fn details_name_their_bins() {
    let session = session(2);
    create(
        &session,
        &[
            ("v", floats(&[Some(1.0), Some(2.0), Some(3.0), Some(1.5), Some(9.0), Some(9.0)])),
            ("cur", flags(&[Some(false), Some(false), Some(false), Some(true), Some(true), Some(true)])),
        ],
        2,
        2,
    );
    for (call, columns, expected) in [
        (
            "psi_detail(v, cur, 'edges=[2, 5]')",
            "b['lo'], b['hi'], b['ref'], b['cur']",
            "NULL 2.0 1 1; 2.0 5.0 2 0; 5.0 NULL 0 2",
        ),
        (
            "psi_detail(CASE WHEN v > 5 THEN 'new' WHEN v > 1.7 THEN 'old' ELSE 'both' END, cur)",
            "b['category'], b['ref'], b['cur'], b['lo']",
            "new 0 2 NULL; old 2 0 NULL; both 1 1 NULL",
        ),
        (
            "psi_detail(v > 5, cur)",
            "b['category'], b['ref'], b['cur'], b['hi']",
            "true 0 2 NULL; false 3 1 NULL",
        ),
    ] {
        let sql = format!("SELECT {columns} FROM (SELECT unnest({call}['bins']) AS b FROM t)");
        let rows = super::printed(&query(&session, &sql).await.unwrap(), " ").join("; ");
        assert_eq!(rows, expected, "{call}");
        let sql = format!(
            "SELECT sum(b['part']) - max(psi) FROM (SELECT d['psi'] AS psi, unnest(d['bins']) AS b FROM (SELECT {call} AS d FROM t))"
        );
        assert!(doubles(&session, &sql).await[0].unwrap().abs() < 1e-12, "{call}: the parts add up");
    }
}
