//! Every profile against the tool itself: `tests/data/golden/conventions.json` holds what the packages made of the same
//! populations.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;
use serde_json::Value;

use super::golden::{columns, numbers, read};
use super::{assert_close, create, doubles, printed, query, session};

/// Profile, function, and whether the tool's number is made of numbers or of words.
const PROFILES: [(&str, &str, &[&str]); 15] = [
    ("evidently", "psi", &["numbers", "words"]),
    ("evidently", "kl_divergence", &["numbers", "words"]),
    ("evidently", "js_distance", &["numbers", "words"]),
    ("evidently", "hellinger", &["numbers", "words"]),
    ("evidently", "wasserstein_norm", &["numbers"]),
    ("evidently", "chi2_test", &["words"]),
    ("evidently", "g_test", &["words"]),
    ("nannyml", "js_distance", &["numbers", "words"]),
    ("nannyml", "hellinger", &["numbers", "words"]),
    ("nannyml", "chi2_test", &["words"]),
    ("fiddler", "psi", &["numbers", "words"]),
    ("popmon", "psi", &["numbers", "words"]),
    ("popmon", "js_divergence", &["numbers", "words"]),
    ("popmon", "chi2_test", &["numbers", "words"]),
    ("deepchecks", "wasserstein_norm", &["numbers"]),
];

/// The populations of a kind: their name, and the table.
fn tables(golden: &Value, kind: &str) -> Vec<(String, [(&'static str, ArrayRef); 2])> {
    let make = |(name, set): (&String, &Value)| {
        let side = |side: &str| numbers(&set[side]);
        let (r, c) = (side("ref"), side("cur"));
        let table = if kind == "words" {
            let words = |counts: Vec<f64>| -> Vec<String> {
                let word = |at: usize| char::from(b'a' + at as u8).to_string();
                counts
                    .iter()
                    .enumerate()
                    .flat_map(|(at, &n)| std::iter::repeat_n(word(at), n as usize))
                    .collect()
            };
            columns(&words(r), &words(c), |values| Arc::new(StringArray::from_iter_values(values)))
        } else if set["whole"].as_bool().unwrap() {
            columns(&r, &c, |values| {
                Arc::new(Int64Array::from_iter_values(values.into_iter().map(|&v| v as i64)))
            })
        } else {
            let unit = set["unit"].as_f64().unwrap();
            columns(&r, &c, |values| {
                Arc::new(Float64Array::from_iter_values(values.into_iter().map(|v| v * unit)))
            })
        };
        (name.clone(), table)
    };
    golden["populations"][kind].as_object().unwrap().iter().map(make).collect()
}

/// The statistic and the p-value of a test.
async fn test(session: &SessionContext, function: &str, profile: &str) -> [Option<f64>; 2] {
    let sql = format!("SELECT {function}(v, cur, 'profile={profile}') FROM t");
    let result = query(session, &sql).await.unwrap();
    let test = result.column(0).as_struct();
    ["statistic", "p_value"].map(|field| {
        let column = test.column_by_name(field).unwrap().as_primitive::<Float64Type>();
        column.is_valid(0).then(|| column.value(0))
    })
}

// breaks when: a bin, a fill, a base, a direction or a rounding differs from the tool's
#[tokio::test]
async fn profiles_equal_their_tools() {
    let golden = read("conventions.json");
    let session = session(2);
    for (tool, function, kinds) in PROFILES {
        let profile = if tool == "popmon" { "popmon_norm" } else { tool };
        for &kind in kinds {
            for (name, table) in tables(&golden, kind) {
                create(&session, &table, 2, 50);
                let what = format!("{tool}'s {function} of {kind} '{name}'");
                let theirs = &golden[tool][kind][&name][function];
                assert!(!theirs.is_null(), "{what} is not in the file");
                if function.ends_with("_test") {
                    let [statistic, p_value] = test(&session, function, profile).await;
                    let theirs: Vec<&Value> =
                        theirs.as_array().map_or_else(|| vec![theirs], |pair| pair.iter().collect());
                    match (theirs[theirs.len() - 1].as_f64(), tool) {
                        (Some(theirs), _) => assert_close(p_value.unwrap(), theirs, &what),
                        // NaN for a single category, and g_test refuses populations of unequal size
                        (None, "evidently") => assert_eq!(p_value, None, "{what}"),
                        (None, _) => assert_eq!(p_value, Some(1.0), "{what}"),
                    }
                    if theirs.len() == 2 {
                        assert_close(statistic.unwrap(), theirs[0].as_f64().unwrap(), &what);
                    }
                    continue;
                }
                let sql = format!("SELECT {function}(v, cur, 'profile={profile}') FROM t");
                let ours = doubles(&session, &sql).await[0];
                match theirs.as_f64() {
                    Some(theirs) => assert_close(ours.unwrap(), theirs, &what),
                    None => assert!(ours.is_none() && theirs == "not_enough_samples", "{what}: {theirs}"),
                }
            }
        }
    }
}

// breaks when: deepchecks' rare categories are kept apart, or its floor moves
#[tokio::test]
async fn deepchecks_psi_equals_the_package() {
    let golden = read("conventions.json");
    let session = session(1);
    for (name, table) in tables(&golden, "words") {
        create(&session, &table, 1, 1000);
        let ours = doubles(&session, "SELECT psi(v, cur, 'profile=deepchecks') FROM t").await[0];
        match golden["deepchecks"]["words"][&name]["psi"].as_f64() {
            Some(theirs) => assert_close(ours.unwrap(), theirs, &name),
            None => assert_eq!(ours, None, "{name}: not enough samples"),
        }
    }
}

// breaks when: another test is chosen, or the verdict at a threshold turns
#[tokio::test]
async fn drift_auto_equals_evidently() {
    let golden = read("conventions.json");
    let session = session(2);
    let mut chosen = std::collections::BTreeSet::new();
    for kind in ["numbers", "words"] {
        for (name, table) in tables(&golden, kind) {
            create(&session, &table, 2, 33);
            let theirs = golden["evidently"][kind][&name]["drift_auto"].as_array().unwrap();
            let sql = "SELECT d['test'], d['threshold'], d['drifted'], d['score'] FROM (SELECT drift_auto(v, cur) AS d FROM t)";
            let result = query(&session, sql).await.unwrap();
            let expected = format!("{}|{}|{}", theirs[0].as_str().unwrap(), theirs[2], theirs[3]);
            assert_eq!(printed(&result.project(&[0, 1, 2]).unwrap(), "|"), [expected], "{kind} '{name}'");
            let score = result.column(3).as_primitive::<Float64Type>().value(0);
            assert_close(score, theirs[1].as_f64().unwrap(), &format!("{kind} '{name}'"));
            chosen.insert(theirs[0].as_str().unwrap().to_string());
        }
    }
    assert_eq!(chosen.len(), 5, "all tests are chosen once: {chosen:?}");
}

// The golden values of evidently over the first sets. breaks when: the profile differs from evidently 0.7.23
#[tokio::test]
async fn profile_evidently_equals_the_golden_values() {
    let session = session(3);
    for set in super::golden::sets() {
        let table = columns(&set.reference, &set.current, |values| {
            Arc::new(Float64Array::from_iter_values(values.into_iter().copied()))
        });
        create(&session, &table, 3, 1000.min(set.reference.len() / 2));
        for (function, name) in [
            ("psi", "psi"),
            ("kl_divergence", "kl_div"),
            ("js_distance", "jensenshannon"),
            ("hellinger", "hellinger"),
            ("wasserstein_norm", "wasserstein"),
        ] {
            let ours =
                doubles(&session, &format!("SELECT {function}(v, cur, 'profile=evidently') FROM t")).await;
            let theirs = set.expect[format!("evidently.{name}")].as_f64().unwrap();
            assert_close(ours[0].unwrap(), theirs, &format!("{}: {function}", set.name));
        }
    }
}
