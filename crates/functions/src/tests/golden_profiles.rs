//! What evidently and scipy make of the sets of `drift_golden.json` by conventions other than our defaults.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, StringArray};
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;
use serde_json::Value;

use super::golden::{columns, numbers, read, sets};
use super::{assert_close, create, doubles, query, session};

/// The golden key of evidently's score, and the SQL that answers it.
const NUMBERS: [(&str, &str); 6] = [
    ("evidently.psi", "psi(v, cur, 'profile=evidently')"),
    ("evidently.kl_div", "kl_divergence(v, cur, 'profile=evidently')"),
    ("evidently.jensenshannon", "js_distance(v, cur, 'profile=evidently')"),
    ("evidently.hellinger", "hellinger(v, cur, 'profile=evidently')"),
    ("evidently.wasserstein", "wasserstein_norm(v, cur, 'profile=evidently')"),
    ("evidently.ks", "ks_test(v, cur)['p_value']"),
];
/// The same of categories; natural logarithms instead of binary ones are a factor.
const CATEGORIES: [(&str, &str); 13] = [
    ("evidently.psi", "psi(v, cur, 'profile=evidently')"),
    ("evidently.kl_div", "kl_divergence(v, cur, 'profile=evidently')"),
    ("evidently.jensenshannon", "js_distance(v, cur, 'profile=evidently')"),
    ("evidently.hellinger", "hellinger(v, cur, 'profile=evidently')"),
    ("evidently.chisquare", "chi2_test(v, cur, 'profile=evidently')['p_value']"),
    ("evidently.g_test", "g_test(v, cur, 'profile=evidently')['p_value']"),
    ("js_dist_2", "js_distance(v, cur)"),
    ("js_dist_e", "js_distance(v, cur) * sqrt(ln(2))"),
    ("js_div_e", "js_divergence(v, cur) * ln(2)"),
    ("tv", "tv_distance(v, cur)"),
    ("linf", "linf_distance(v, cur)"),
    ("hellinger", "hellinger(v, cur)"),
    ("evidently.jensenshannon", "js_distance(v, cur) * sqrt(ln(2))"),
];

/// One number, or NULL, must be the golden one; NaN and a refusal ("ERR ...") are our NULL.
async fn check(session: &SessionContext, call: &str, theirs: &Value, set: &str) {
    let ours = doubles(session, &format!("SELECT {call} FROM t")).await[0];
    match theirs.as_f64() {
        Some(theirs) => assert_close(ours.unwrap_or(f64::NAN), theirs, &format!("{set}: {call}")),
        None => {
            let nothing = theirs.as_str().is_some_and(|said| said == "nan" || said.starts_with("ERR"));
            assert!(ours.is_none() && nothing, "{set}: {call} is {ours:?}, not {theirs}");
        }
    }
}

// breaks when: a profile's bins or formula leave evidently's
#[tokio::test]
async fn numbers_equal_evidently() {
    let session = session(3);
    for set in sets() {
        let table = columns(&set.reference, &set.current, |values| {
            Arc::new(Float64Array::from_iter_values(values.into_iter().copied())) as ArrayRef
        });
        create(&session, &table, 3, 1000.min(set.reference.len() / 2));
        for (key, call) in NUMBERS {
            check(&session, call, &set.expect[key], &set.name).await;
        }
    }
}

// breaks when: a profile or a default over categories leaves evidently's or scipy's numbers
#[tokio::test]
async fn categories_equal_evidently_and_scipy() {
    let session = session(2);
    for (name, set) in read("drift_golden.json")["categorical"].as_object().unwrap() {
        let (reference, current) = (numbers(&set["ref"]), numbers(&set["cur"]));
        let expand = |counts: &[f64]| -> Vec<String> {
            let keys = set["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
            keys.zip(counts).flat_map(|(key, &n)| std::iter::repeat_n(key, n as usize)).collect()
        };
        let table = columns(&expand(&reference), &expand(&current), |values| {
            Arc::new(StringArray::from_iter_values(values)) as ArrayRef
        });
        create(&session, &table, 2, 7);
        for (key, call) in CATEGORIES {
            check(&session, call, &set[key], name).await;
        }
        // scipy does not clip: the two agree where no category is empty, and scipy is infinite elsewhere
        if reference.iter().chain(&current).all(|&count| count > 0.0) {
            check(&session, "kl_divergence(v, cur)", &set["kl_ref_cur"], name).await;
            check(&session, "kl_divergence(v, NOT cur)", &set["kl_cur_ref"], name).await;
        }
        for (key, call) in [
            ("chi2_contingency[correction=False]", "chi2_test(v, cur, 'correction=false')"),
            ("chi2_contingency[correction=True]", "chi2_test(v, cur, 'correction=true')"),
            ("g_contingency", "g_test(v, cur, 'correction=false')"),
        ] {
            let answer = query(&session, &format!("SELECT {call} FROM t")).await.unwrap();
            let test = answer.column(0).as_struct();
            for (field, theirs) in ["statistic", "p_value", "dof"].iter().zip(numbers(&set[key])) {
                let column = test.column_by_name(field).unwrap();
                let ours = arrow::compute::cast(column, &arrow::datatypes::DataType::Float64).unwrap();
                assert_close(ours.as_primitive::<Float64Type>().value(0), theirs, &format!("{name}: {call}"));
            }
        }
    }
}
