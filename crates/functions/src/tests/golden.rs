//! Every golden value, through the kernels and through SQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::prelude::SessionContext;
use serde_json::Value;

use super::{assert_close, create, doubles, query, session};
use crate::kernels::bins::{counts_of_sorted, quantile_edges};
use crate::kernels::keys;
use crate::kernels::ks::{self, Alternative, Method};
use crate::kernels::{divergence, kolmogorov};

/// Two populations and what is expected of them.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) reference: Vec<f64>,
    pub(super) current: Vec<f64>,
    pub(super) expect: Value,
}

fn golden() -> Value {
    read("drift_golden.json")
}

pub(super) fn read(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{file}")).unwrap()).unwrap()
}

pub(super) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The numeric sets and the large one, which is generated.
pub(super) fn sets() -> Vec<Set> {
    let golden = golden();
    let mut sets: Vec<Set> = golden["numeric"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, set)| Set {
            name: name.clone(),
            reference: numbers(&set["ref"]),
            current: numbers(&set["cur"]),
            expect: set["expect"].clone(),
        })
        .collect();
    let big = &golden["big"]["big"];
    let side = |side: &str| {
        let of = |field: &str| &big["gen"][format!("{field}_{side}")];
        sums_of_three(of("seed").as_u64().unwrap(), of("n").as_u64().unwrap(), of("shift").as_f64().unwrap())
    };
    let (reference, current) = (side("ref"), side("cur"));
    assert_eq!(numbers(&big["first3"][0]), reference[..3], "the generator is the golden one");
    sets.push(Set { name: "big".into(), reference, current, expect: big["expect"].clone() });
    assert!(sets.len() >= 10, "all sets are there");
    sets
}

fn sums_of_three(seed: u64, n: u64, shift: f64) -> Vec<f64> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * 2f64.powi(-53)
    };
    (0..n).map(|_| uniform() + uniform() + uniform() + shift).collect()
}

fn sorted(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().map(|&value| keys::key_of(value)).collect();
    keys.sort_unstable();
    keys
}

/// The functions that give one number over bins.
const DISTANCES: [&str; 7] =
    ["psi", "kl_divergence", "js_divergence", "js_distance", "hellinger", "tv_distance", "linf_distance"];
const ALTERNATIVES: [(&str, Alternative); 3] =
    [("two-sided", Alternative::TwoSided), ("less", Alternative::Less), ("greater", Alternative::Greater)];
const METHODS: [(&str, Method); 3] =
    [("auto", Method::Auto), ("exact", Method::Exact), ("asymp", Method::Asymptotic)];

// breaks when: the bins, the clipping, the base or the direction differ from the named convention
#[test]
fn binned_kernels_equal_the_golden_values() {
    for set in sets() {
        let (reference, current) = (sorted(&set.reference), sorted(&set.current));
        let expect = &set.expect["default(10 reference deciles)"];
        let edges = quantile_edges(reference.len(), 10, |position| reference[position]);
        assert_eq!(edges.len(), numbers(&expect["edges"]).len(), "{}: edges", set.name);
        for (&ours, theirs) in edges.iter().zip(numbers(&expect["edges"])) {
            assert_close(ours, theirs, &format!("{}: edge", set.name));
        }
        let (r, c) = (counts_of_sorted(&reference, &edges), counts_of_sorted(&current, &edges));
        for (side, counts, n) in [("ref", &r, set.reference.len()), ("cur", &c, set.current.len())] {
            for (&count, share) in counts.iter().zip(numbers(&expect[side])) {
                assert_close(count as f64 / n as f64, share, &format!("{}: share of {side}", set.name));
            }
        }
        let js = divergence::js_divergence(&r, &c).unwrap();
        for (name, ours) in [
            ("psi", divergence::psi(&r, &c, 1e-4).unwrap()),
            ("kl_divergence", divergence::kl_divergence(&r, &c, 1e-4).unwrap()),
            ("js_divergence", js),
            ("js_distance", js.sqrt()),
            ("hellinger", divergence::hellinger(&r, &c).unwrap()),
            ("tv_distance", divergence::tv_distance(&r, &c).unwrap()),
            ("linf_distance", divergence::linf_distance(&r, &c).unwrap()),
        ] {
            assert_close(ours, expect[name].as_f64().unwrap(), &format!("{}: {name}", set.name));
        }
    }
}

// breaks when: a regime switch, a rounding rule or a formula of the test differs from scipy's
#[test]
fn ks_kernel_equals_scipy() {
    for set in sets() {
        let (reference, current) = (sorted(&set.reference), sorted(&set.current));
        for (alternative_name, alternative) in ALTERNATIVES {
            for (method_name, method) in METHODS {
                let what = format!("ks[{alternative_name},{method_name}]");
                let expect = numbers(&set.expect[&what]);
                let test = ks::ks_test(&reference, &current, method, alternative);
                assert_close(test.statistic, expect[0], &format!("{}: statistic of {what}", set.name));
                assert_close(test.p_value, expect[1], &format!("{}: p-value of {what}", set.name));
            }
        }
    }
}

// breaks when: a formula of the finite distribution or a threshold between them is wrong
#[test]
fn kolmogorov_survival_equals_scipy() {
    let golden = golden();
    let points = golden["kstwo_sf"].as_array().unwrap();
    assert_eq!(points.len(), 108);
    for point in points {
        let point = numbers(point);
        let (n, z) = (point[0], point[1]);
        assert_close(kolmogorov::survival(n, z / n.sqrt()), point[2], &format!("n = {n}, z = {z}"));
    }
}

/// Both populations as columns `v` and `cur`, interleaved.
pub(super) fn columns<T>(
    reference: &[T],
    current: &[T],
    array: impl Fn(Vec<&T>) -> ArrayRef,
) -> [(&'static str, ArrayRef); 2] {
    let mut rows: Vec<(usize, &T, bool)> = reference.iter().enumerate().map(|(i, v)| (i, v, false)).collect();
    rows.extend(current.iter().enumerate().map(|(i, v)| (i, v, true)));
    rows.sort_by_key(|(index, ..)| *index);
    let flags = BooleanArray::from(rows.iter().map(|(.., flag)| *flag).collect::<Vec<_>>());
    [("v", array(rows.into_iter().map(|(_, value, _)| value).collect())), ("cur", Arc::new(flags))]
}

// breaks when: SQL feeds the kernels other rows, bins or options than it says
#[tokio::test]
async fn sql_equals_the_golden_values() {
    let session = session(3);
    for set in sets() {
        let columns = columns(&set.reference, &set.current, |values| {
            Arc::new(Float64Array::from_iter_values(values.into_iter().copied()))
        });
        create(&session, &columns, 3, 1000.min(set.reference.len() / 2));
        tests_on_counts(&session, "v", &read("drift_tests.json")["numeric"][&set.name], &set.name).await;
        let expect = &set.expect["default(10 reference deciles)"];
        for name in DISTANCES {
            let ours = doubles(&session, &format!("SELECT {name}(v, cur) FROM t")).await;
            assert_close(ours[0].unwrap(), expect[name].as_f64().unwrap(), &format!("{}: {name}", set.name));
        }
        for (alternative, _) in ALTERNATIVES {
            let sql = format!("SELECT ks_test(v, cur, 'alternative={alternative}') AS k FROM t");
            let result = query(&session, &sql).await.unwrap();
            let test = result.column(0).as_struct();
            let double =
                |name: &str| test.column_by_name(name).unwrap().as_primitive::<Float64Type>().value(0);
            let whole = |name: &str| test.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0);
            let expect = numbers(&set.expect[format!("ks[{alternative},auto]")]);
            assert_close(double("statistic"), expect[0], &format!("{}: statistic {alternative}", set.name));
            assert_close(double("p_value"), expect[1], &format!("{}: p-value {alternative}", set.name));
            assert_eq!(whole("n_ref"), set.reference.len() as i64);
            assert_eq!(whole("n_cur"), set.current.len() as i64);
        }
    }
}

/// A DOUBLE or BIGINT field of the one struct in a result.
fn field(result: &RecordBatch, name: &str) -> f64 {
    let column = result.column(0).as_struct().column_by_name(name).unwrap_or_else(|| panic!("{name}"));
    match column.as_primitive_opt::<Int64Type>() {
        Some(whole) => whole.value(0) as f64,
        None => column.as_primitive::<Float64Type>().value(0),
    }
}

/// What scipy makes of the counts: chi-squared and G with and without correction, V, and the chance of the PSI.
async fn tests_on_counts(session: &SessionContext, value: &str, expect: &Value, set: &str) {
    for correction in ["correction=true", "correction=false"] {
        for function in ["chi2_test", "g_test"] {
            let what = format!("{set}: {function}[{correction}]");
            let sql = format!("SELECT {function}({value}, cur, '{correction}') FROM t");
            let test = query(session, &sql).await.unwrap();
            let theirs = numbers(&expect[format!("{function}[{correction}]")]);
            for (name, theirs) in ["statistic", "p_value", "dof", "min_expected"].iter().zip(theirs) {
                assert_close(field(&test, name), theirs, &format!("{what}: {name}"));
            }
            let v = expect[format!("cramers_v[{correction}]")].as_f64().unwrap();
            assert_close(field(&test, "cramers_v"), v, &what);
            let sql = format!("SELECT cramers_v({value}, cur, '{correction}') FROM t");
            assert_close(doubles(session, &sql).await[0].unwrap(), v, &what);
        }
    }
    let detail = query(session, &format!("SELECT psi_detail({value}, cur) FROM t")).await.unwrap();
    for name in ["p_value", "null_q95", "n_bins"] {
        let theirs = expect[name].as_f64().unwrap();
        assert_close(field(&detail, name), theirs, &format!("{set}: psi_detail {name}"));
    }
    let psi = doubles(session, &format!("SELECT psi({value}, cur) FROM t")).await[0].unwrap();
    assert_eq!(field(&detail, "psi").to_bits(), psi.to_bits(), "{set}: psi_detail is psi, bit for bit");
}

// breaks when: categories are lost, cut or counted twice, or a category of one side only is dropped
#[tokio::test]
async fn categories_equal_the_golden_values() {
    let session = session(2);
    for (name, set) in golden()["categorical"].as_object().unwrap() {
        let expand = |side: &str| -> Vec<String> {
            let keys = set["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_string());
            keys.zip(numbers(&set[side])).flat_map(|(key, n)| std::iter::repeat_n(key, n as usize)).collect()
        };
        let columns =
            columns(&expand("ref"), &expand("cur"), |values| Arc::new(StringArray::from_iter_values(values)));
        create(&session, &columns, 2, 7);
        let mut readings = vec![
            "v",
            "arrow_cast(v, 'Utf8View')",
            "arrow_cast(v, 'LargeUtf8')",
            "arrow_cast(v, 'Dictionary(Int32, Utf8)')",
        ];
        let tests = &read("drift_tests.json")["categorical"][name];
        if name == "binary" {
            readings.push("v = '1'");
            let test = query(&session, "SELECT z_test_prop(v = '1', cur) FROM t").await.unwrap();
            let expect = numbers(&tests["z_test_prop"]);
            assert_close(field(&test, "statistic"), expect[0], "z");
            assert_close(field(&test, "p_value"), expect[1], "p-value of z");
            assert_close(field(&test, "p_value"), set["evidently.z"].as_f64().unwrap(), "evidently's z");
        }
        for reading in readings {
            tests_on_counts(&session, reading, tests, &format!("{name} as {reading}")).await;
            for function in DISTANCES {
                let ours = doubles(&session, &format!("SELECT {function}({reading}, cur) FROM t")).await;
                let theirs = set["default(union of categories)"][function].as_f64().unwrap();
                assert_close(ours[0].unwrap(), theirs, &format!("{name}: {function}({reading})"));
            }
        }
    }
}
