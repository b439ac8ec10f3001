//! Every golden value of the rank functions, through SQL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{Float64Type, Int64Type};
use serde_json::Value;

use super::golden::{columns, numbers, read, sets};
use super::{assert_close, create, doubles, query, session};
use crate::kernels::student;

const DISTANCES: [&str; 3] = ["wasserstein", "wasserstein_norm", "energy_distance"];
const TESTS: [&str; 4] = ["cvm_test", "ad_test", "mwu_test", "welch_t_test"];

/// A number, or one that JSON cannot hold.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// Compares all rank functions over table `t`; `name` finds the golden value of a function.
async fn check(
    session: &datafusion::prelude::SessionContext,
    expect: &Value,
    name: impl Fn(&str) -> &'static str,
    set: &str,
) {
    for function in DISTANCES {
        let ours = doubles(session, &format!("SELECT {function}(v, cur) FROM t")).await;
        assert_close(ours[0].unwrap(), number(&expect[name(function)]), &format!("{set}: {function}"));
    }
    for function in TESTS {
        let theirs = &expect[name(function)];
        let result = query(session, &format!("SELECT {function}(v, cur) FROM t")).await.unwrap();
        let test = result.column(0).as_struct();
        let column = |field: &str| test.column_by_name(field).unwrap().as_primitive::<Float64Type>();
        let clipped = test.column_by_name("p_clipped").unwrap().as_boolean().value(0);
        let (statistic, p_value) = (column("statistic"), column("p_value"));
        let Some(theirs) = theirs.as_array().map(|pair| [number(&pair[0]), number(&pair[1])]) else {
            // scipy raises an error
            assert!(statistic.is_null(0) && p_value.value(0) == 1.0, "{set}: {function}");
            continue;
        };
        match (set, function) {
            // trap 15: scipy's 0.0007 and NaN for two equal constants
            ("constant", "cvm_test") => assert_eq!(p_value.value(0), 1.0),
            ("constant", "welch_t_test") => assert_eq!((statistic.value(0), p_value.value(0)), (0.0, 1.0)),
            _ => {
                if theirs[0].is_finite() {
                    assert_close(statistic.value(0), theirs[0], &format!("{set}: statistic of {function}"));
                } else {
                    assert_eq!(statistic.value(0), theirs[0], "{set}: {function}");
                }
                assert_close(p_value.value(0), theirs[1], &format!("{set}: p-value of {function}"));
            }
        }
        let expected = match function {
            "cvm_test" => p_value.value(0) < 1e-7,
            "ad_test" => [0.25, 0.001].contains(&theirs[1]),
            _ => false,
        };
        assert_eq!(clipped, expected, "{set}: {function} says whether its p-value is a bound");
        let rows = test.column_by_name("n_ref").unwrap().as_primitive::<Int64Type>().value(0);
        assert!(rows > 0, "{set}");
    }
}

// breaks when: a formula, a correction or a table differs from scipy's
#[tokio::test]
async fn rank_functions_equal_scipy() {
    let session = session(3);
    for set in sets() {
        let table = columns(&set.reference, &set.current, |values| {
            Arc::new(Float64Array::from_iter_values(values.into_iter().copied()))
        });
        create(&session, &table, 3, 1000.min(set.reference.len() / 2));
        let name = |function: &str| match function {
            "wasserstein" => "wasserstein",
            "wasserstein_norm" => "evidently.wasserstein",
            "energy_distance" => "energy",
            "cvm_test" => "cvm[asymptotic]",
            "ad_test" => "ad_midrank",
            "mwu_test" => "mwu[two-sided,asymptotic]",
            _ => "welch_t",
        };
        check(&session, &set.expect, name, &set.name).await;
        for (alternative, theirs) in [("two-sided", "ks[two-sided,auto]"), ("less", "ks[less,auto]")] {
            let options = format!("alternative={alternative}");
            let sql = format!("SELECT ks_statistic(v, cur, '{options}') FROM t");
            let ours = doubles(&session, &sql).await[0].unwrap();
            assert_close(ours, numbers(&set.expect[theirs])[0], &format!("{}: ks_statistic", set.name));
            let sql = format!("SELECT ks_test(v, cur, '{options}')['statistic'] FROM t");
            assert_eq!(doubles(&session, &sql).await[0].unwrap().to_bits(), ours.to_bits(), "{}", set.name);
        }
    }
}

// breaks when: few values, ties, outliers, offsets or units cost digits
#[tokio::test]
async fn hard_populations_equal_scipy() {
    let session = session(2);
    for (set, golden) in read("rank_tests.json")["sets"].as_object().unwrap() {
        let unit = golden["unit"].as_f64().unwrap();
        let side = |name: &str| -> Vec<f64> { numbers(&golden[name]).iter().map(|x| x * unit).collect() };
        let (reference, current) = (side("ref"), side("cur"));
        let table = columns(&reference, &current, |values| {
            Arc::new(Float64Array::from_iter_values(values.into_iter().copied()))
        });
        create(&session, &table, 2, 7);
        let name = |function: &str| {
            DISTANCES.iter().chain(&TESTS).copied().find(|known| *known == function).unwrap()
        };
        check(&session, &golden["expect"], name, set).await;
    }
}

// breaks when: the incomplete beta function loses digits for many degrees of freedom or in the tail
#[test]
fn student_distribution_equals_scipy() {
    for point in read("rank_tests.json")["student"].as_array().unwrap() {
        let point = numbers(point);
        let ours = student::two_sided(point[0], point[1]);
        let what = format!("t = {}, dof = {}", point[0], point[1]);
        assert_close(ours, point[2], &what);
        // the tail too: relatively
        assert!((ours - point[2]).abs() <= 1e-8 * point[2], "{what}: {ours} is not {}", point[2]);
    }
}

// breaks when: a case without an answer panics, gives NaN, or an answer out of nothing
#[tokio::test]
async fn edges_are_null_or_numbers() {
    let session = session(1);
    let tiny = f64::from_bits(1);
    let cases: [(&[f64], &[f64]); 9] = [
        (&[], &[1.0]),
        (&[1.0], &[]),
        (&[1.0], &[2.0]),
        (&[1.0], &[1.0]),
        (&[0.0, -0.0], &[0.0]),
        (&[tiny, -tiny], &[0.0, tiny]),
        (&[f64::MAX, -f64::MAX], &[f64::MAX, 0.0]),
        (&[i64::MIN as f64, 0.0], &[i64::MAX as f64, 1.0, 2.0]),
        (&[f64::NAN, f64::INFINITY], &[1.0, f64::NEG_INFINITY]),
    ];
    for (reference, current) in cases {
        let values = Float64Array::from([reference, current].concat());
        let flags: Vec<bool> = (0..values.len()).map(|row| row >= reference.len()).collect();
        let table: [(&str, ArrayRef); 2] =
            [("v", Arc::new(values)), ("cur", Arc::new(BooleanArray::from(flags)))];
        create(&session, &table, 1, 100);
        let used = |side: &[f64]| side.iter().any(|value| value.is_finite());
        let both = used(reference) && used(current);
        for function in DISTANCES.iter().chain(&["ks_statistic"]) {
            let ours = doubles(&session, &format!("SELECT {function}(v, cur) FROM t")).await[0];
            assert_eq!(ours.is_some(), both, "{function} of {reference:?} and {current:?}");
            assert!(
                ours.is_none_or(|ours| ours >= 0.0),
                "{function} of {reference:?} and {current:?}: {ours:?}"
            );
        }
        for function in TESTS {
            let result = query(&session, &format!("SELECT {function}(v, cur) FROM t")).await.unwrap();
            let test = result.column(0).as_struct();
            if test.is_valid(0) {
                let p = test.column_by_name("p_value").unwrap().as_primitive::<Float64Type>().value(0);
                assert!((0.0..=1.0).contains(&p), "{function} of {reference:?} and {current:?}: {p}");
                let statistic = test.column_by_name("statistic").unwrap().as_primitive::<Float64Type>();
                assert!(statistic.is_null(0) || !statistic.value(0).is_nan(), "{function} {reference:?}");
            }
            assert!(both || test.is_null(0), "{function} of {reference:?} and {current:?}");
        }
    }
}
