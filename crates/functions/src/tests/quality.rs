//! Model quality against scikit-learn, the rows that count, what leaves early, and what is refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use serde_json::Value;

use super::{assert_close, create, doubles, failure, printed, query, session};

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden/quality_golden.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Classes as a column of their own kind.
fn classes(value: &Value) -> ArrayRef {
    let values = value.as_array().unwrap();
    match &values[0] {
        Value::Bool(_) => Arc::new(BooleanArray::from_iter(values.iter().map(Value::as_bool))),
        Value::String(_) => Arc::new(StringArray::from_iter(values.iter().map(Value::as_str))),
        _ => Arc::new(Int64Array::from_iter(values.iter().map(Value::as_i64))),
    }
}

#[track_caller]
fn assert_equal(ours: Option<f64>, theirs: &Value, what: &str) {
    match (ours, theirs.as_f64()) {
        (Some(ours), Some(theirs)) => assert_close(ours, theirs, what),
        (ours, theirs) => assert_eq!(ours, theirs, "{what}"),
    }
}

// breaks when: a formula, the clipping, the side of an edge or the ties differ from scikit-learn
#[tokio::test]
async fn scores_equal_scikit_learn() {
    let session = session(2);
    for (name, set) in golden()["scores"].as_object().unwrap() {
        let p: ArrayRef = Arc::new(Float64Array::from(numbers(&set["p"])));
        create(&session, &[("label", classes(&set["label"])), ("p", p)], 2, 16);
        for (key, expect) in set["expect"].as_object().unwrap() {
            let Some(count) = expect.get("count") else {
                let ours = doubles(&session, &format!("SELECT {key}(label, p) FROM t")).await[0];
                assert_equal(ours, expect, &format!("{key} of {name}"));
                continue;
            };
            let ece = doubles(&session, &format!("SELECT ece(label, p, '{key}') FROM t")).await[0];
            assert_equal(ece, &expect["ece"], &format!("ece of {name} with {key}"));
            let bins = format!(
                "SELECT b['count'], b['observed'], b['mean_predicted'], b['lo'] <= b['mean_predicted'] + 1e-12 AND \
                 b['mean_predicted'] <= b['hi'] + 1e-12 AND b['lower'] <= b['observed'] AND b['observed'] <= b['upper'] \
                 FROM (SELECT unnest(calibration(label, p, '{key}')) AS b FROM t)"
            );
            let bins = query(&session, &bins).await.unwrap();
            let counts: Vec<f64> =
                bins.column(0).as_primitive::<Int64Type>().values().iter().map(|&n| n as f64).collect();
            assert_eq!(counts, numbers(count), "rows of bins of {name} with {key}");
            for (column, field) in [(1, "observed"), (2, "mean_predicted")] {
                let ours = bins.column(column).as_primitive::<Float64Type>().values();
                for (&ours, theirs) in ours.iter().zip(numbers(&expect[field])) {
                    assert_close(ours, theirs, &format!("{field} of {name} with {key}"));
                }
            }
            assert_eq!(
                bins.column(3).as_boolean().true_count(),
                bins.num_rows(),
                "{name}: inside its bounds"
            );
        }
    }
}

// breaks when: a formula, the mean over classes, an undefined class or the order of the matrix differs from scikit-learn
#[tokio::test]
async fn classes_equal_scikit_learn() {
    let session = session(2);
    for (name, set) in golden()["classes"].as_object().unwrap() {
        let columns = ["label", "prediction"].map(|column| (column, classes(&set[column])));
        create(&session, &columns, 2, 16);
        for (key, expect) in set["expect"].as_object().unwrap() {
            if key == "confusion_matrix" {
                let sql = "SELECT c['label'], c['prediction'], c['count'] \
                           FROM (SELECT unnest(confusion_matrix(label, prediction)) AS c FROM t)";
                let ours = printed(&query(&session, sql).await.unwrap(), "|");
                let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_string);
                let theirs = expect.as_array().unwrap().iter().map(|cell| {
                    let fields: Vec<String> = cell.as_array().unwrap().iter().map(text).collect();
                    fields.join("|")
                });
                assert_eq!(ours, theirs.collect::<Vec<_>>(), "confusion_matrix of {name}");
                continue;
            }
            let call = match key.split_once(' ') {
                Some((function, option)) => format!("{function}(label, prediction, '{option}')"),
                None => format!("{key}(label, prediction)"),
            };
            let ours = doubles(&session, &format!("SELECT {call} FROM t")).await[0];
            assert_equal(ours, expect, &format!("{call} of {name}"));
        }
    }
}

const PROBABILITIES: [&str; 6] = [
    "log_loss(label, p)",
    "brier(label, p)",
    "ece(label, p)",
    "ece(label, p, 'binning=quantile')",
    "roc_auc(label, p)",
    "array_length(calibration(label, p, 'bins=3'))",
];

fn scored(rows: &[(Option<bool>, Option<f64>)]) -> [(&'static str, ArrayRef); 2] {
    [
        ("label", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.0)))),
        ("p", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.1)))),
    ]
}

// breaks when: a row without label or with NaN counts, or one that counts is lost
#[tokio::test]
async fn rows_without_label_or_score_are_left_out() {
    let session = session(2);
    let (yes, no) = (Some(true), Some(false));
    let kept = [(yes, Some(0.9)), (no, Some(-0.0)), (no, Some(5e-324)), (yes, Some(1.0)), (no, Some(0.4))];
    let gone = [
        (None, Some(0.3)),
        (yes, None),
        (no, Some(f64::NAN)),
        (yes, Some(f64::INFINITY)),
        (no, Some(f64::NEG_INFINITY)),
        (None, Some(7.0)),
        (None, None),
    ];
    let list = PROBABILITIES.join(", ");
    for group_by in ["", " GROUP BY p IS NULL AND false"] {
        let sql = format!("SELECT {list} FROM t{group_by}");
        create(&session, &scored(&kept), 1, 3);
        let expected = printed(&query(&session, &sql).await.unwrap(), "|");
        assert!(!expected[0].contains("NULL") && !expected[0].contains("NaN"), "{expected:?}");
        let rows: Vec<_> = gone.into_iter().chain(kept).collect();
        create(&session, &scored(&rows), 2, 2);
        assert_eq!(printed(&query(&session, &sql).await.unwrap(), "|"), expected);
    }
}

// breaks when: nothing to measure gives 0, NaN or a panic
#[tokio::test]
async fn nothing_gives_null() {
    let session = session(2);
    create(&session, &scored(&[(None, Some(0.5)), (Some(true), None), (None, None)]), 1, 2);
    let mut calls = PROBABILITIES.to_vec();
    calls.extend([
        "accuracy(label, p > 0.5)",
        "precision(label, p > 0.5)",
        "recall(label, NULL)",
        "f1(NULL, NULL, 'average=macro')",
        "f1(label, p > 0.5, 'average=micro')",
        "confusion_matrix(label, p > 0.5)",
        "calibration(label, p)",
    ]);
    for call in calls {
        for filter in ["true", "false"] {
            for group_by in ["", " GROUP BY p IS NULL AND false"] {
                let sql = format!("SELECT {call} IS NULL FROM t WHERE {filter}{group_by}");
                let batch = query(&session, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                let nulls = batch.column(0).as_boolean();
                assert_eq!(nulls.true_count(), nulls.len(), "{sql}");
            }
        }
    }
}

// breaks when: one label alone is taken for an error where it is none, or for a number where there is none
#[tokio::test]
async fn one_label_alone() {
    let session = session(1);
    create(&session, &scored(&[(Some(true), Some(0.5)), (Some(true), Some(0.5))]), 1, 2);
    let sql = "SELECT roc_auc(label, p), log_loss(label, p), brier(label, p), ece(label, p), recall(label, p > 0.9), \
               precision(label, p > 0.9), f1(NOT label, p > 0.9) FROM t";
    let expected = "NULL|0.6931471805599453|0.25|0.5|0.0|NULL|NULL";
    assert_eq!(printed(&query(&session, sql).await.unwrap(), "|"), [expected]);
}

// breaks when: a kind of label or score loses a value on its way
#[tokio::test]
async fn kinds_of_labels_and_scores_agree() {
    let session = session(1);
    let flags = [true, false, true, true, false, false, true, false];
    let scores = [0.75, 0.5, 0.25, 1.0, 0.25, 0.0, 0.5, 0.75];
    let integers: ArrayRef = Arc::new(Int64Array::from_iter_values(flags.map(i64::from)));
    let signs = Arc::new(Int64Array::from_iter_values(flags.map(|flag| if flag { 1 } else { -1 })));
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values(flags.map(|f| if f { "spam" } else { "ham" })));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let score: ArrayRef = Arc::new(Float64Array::from(scores.to_vec()));
    create(
        &session,
        &[
            ("b", Arc::new(BooleanArray::from(flags.to_vec()))),
            ("i", Arc::clone(&integers)),
            ("i8", cast(&integers, &DataType::Int8).unwrap()),
            ("u", cast(&integers, &DataType::UInt64).unwrap()),
            ("signs", signs),
            ("s", Arc::clone(&texts)),
            ("large", cast(&texts, &DataType::LargeUtf8).unwrap()),
            ("coded", cast(&texts, &dictionary).unwrap()),
            ("p", Arc::clone(&score)),
            ("p4", cast(&score, &DataType::Float32).unwrap()),
            ("dec", cast(&score, &DataType::Decimal128(10, 4)).unwrap()),
        ],
        1,
        3,
    );
    let of = async |label: &str, options: &str, score: &str| {
        let sql = format!(
            "SELECT roc_auc({label}, {score}{options}), log_loss({label}, {score}{options}), \
             ece({label}, {score}{options}), precision({label}, CASE WHEN p > 0.4 THEN {label} ELSE (SELECT \
             max({label}) FROM t) END{options}) FROM t"
        );
        printed(&query(&session, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")), "|")
    };
    let expected = of("i", "", "p").await;
    assert_eq!(expected[0].split('|').next(), Some("0.71875"));
    for label in ["i8", "u", "signs"] {
        assert_eq!(of(label, "", "p").await, expected, "{label}");
    }
    for label in ["s", "large", "coded"] {
        assert_eq!(of(label, ", 'positive=spam'", "p").await, expected, "{label}");
    }
    assert_eq!(of("i", ", 'positive=1'", "p4").await, expected);
    assert_eq!(of("u", ", 'positive=1'", "dec").await, expected);
    let booleans =
        query(&session, "SELECT roc_auc(b, p), roc_auc(NOT b, p, 'positive=false') FROM t").await.unwrap();
    assert_eq!(printed(&booleans, "|"), ["0.71875|0.71875"]);
}

// breaks when: a class is squeezed into a smaller integer, or order goes by text
#[tokio::test]
async fn extreme_classes_keep_their_value() {
    let session = session(2);
    let signed = Int64Array::from(vec![i64::MAX, i64::MIN, 0, i64::MIN]);
    let unsigned = UInt64Array::from(vec![u64::MAX, 0, 9, 10]);
    create(&session, &[("i", Arc::new(signed)), ("u", Arc::new(unsigned))], 2, 1);
    let sql = "SELECT confusion_matrix(i, i), confusion_matrix(u, u), accuracy(i, i), \
               recall(i, i, 'positive=-9223372036854775808') FROM t";
    let row = printed(&query(&session, sql).await.unwrap(), "\n");
    let expected = "[{label: -9223372036854775808, prediction: -9223372036854775808, count: 2}, \
         {label: 0, prediction: 0, count: 1}, \
         {label: 9223372036854775807, prediction: 9223372036854775807, count: 1}]\n\
         [{label: 0, prediction: 0, count: 1}, {label: 9, prediction: 9, count: 1}, \
         {label: 10, prediction: 10, count: 1}, \
         {label: 18446744073709551615, prediction: 18446744073709551615, count: 1}]\n1.0\n1.0";
    assert_eq!(row[0], expected);
}

// breaks when: a message loses the function, the value or what is allowed, or a mistake passes
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
#[tokio::test]
async fn mistakes_are_refused_in_words() {
    let session = session(1);
    create(
        &session,
        &[
            ("b", Arc::new(BooleanArray::from(vec![true, false]))),
            ("n", Arc::new(Int64Array::from(vec![1, 7]))),
            ("s", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("p", Arc::new(Float64Array::from(vec![0.5, 1.5]))),
        ],
        1,
        2,
    );
    let planned = [
        ("accuracy(b)", "accuracy: takes (label, prediction [, options]), got 1 arguments"),
        ("roc_auc(b)", "roc_auc: takes (label, score [, options]), got 1 arguments"),
        ("brier(b, p, 3)", "brier: the options must be one text literal, got Int64"),
        (
            "accuracy(p, p)",
            "accuracy: label must be BOOLEAN, an integer or TEXT, got Float64; cast it, for example to BIGINT",
        ),
        (
            "f1(b, now())",
            "f1: prediction must be BOOLEAN, an integer or TEXT, got Timestamp(ns); cast it, for example to BIGINT",
        ),
        ("recall(b, n)", "recall: label and prediction must be of one kind, got Boolean and Int64"),
        ("log_loss(b, s)", "log_loss: p must be a number, got Utf8"),
        ("roc_auc(b, s)", "roc_auc: score must be a number, got Utf8"),
        (
            "roc_auc(s, p)",
            "roc_auc: text labels have no positive class of their own: name it with the option positive=<class>",
        ),
        (
            "f1(s, s) OVER ()",
            "f1: text labels have no positive class of their own: name it with the option positive=<class>, \
             or average over classes, for example average=macro",
        ),
        (
            "ece(b, p, 'bin=3')",
            "ece: unknown option 'bin' (did you mean 'bins'? known: bins, binning, positive)",
        ),
        ("ece(b, p, 'bins=1') OVER ()", "ece: option 'bins' must be a whole number from 2 to 10000, got '1'"),
        ("ece(b, p, 'binning=even')", "ece: option 'binning' must be one of uniform, quantile, got 'even'"),
        (
            "accuracy(s, s, 'average=macro')",
            "accuracy: unknown option 'average' (this function takes no options)",
        ),
        (
            "f1(b, b, 'average=mean')",
            "f1: option 'average' must be one of binary, micro, macro, weighted, got 'mean'",
        ),
        (
            "f1(n, n, 'average=macro, positive=1')",
            "f1: option 'positive' names the one class of average=binary",
        ),
        (
            "f1(n, n, 'positive=x')",
            "f1: option 'positive' must be a whole number, as the labels are, got 'x'",
        ),
        (
            "brier(b, p, 'positive=1')",
            "brier: option 'positive' must be true or false, as the labels are, got '1'",
        ),
    ];
    for (call, message) in planned {
        let sql = format!("SELECT {call} FROM t");
        let outcome = match session.sql(&sql).await {
            Ok(frame) => frame.into_optimized_plan(),
            Err(error) => Err(error),
        };
        assert_eq!(
            outcome.expect_err(call).find_root().strip_backtrace(),
            format!("Error during planning: {message}")
        );
    }
    for (call, message) in [
        ("accuracy(DISTINCT b, n > 1)", "accuracy: DISTINCT would drop rows and is not supported"),
        ("brier(b, p)", "brier: p must lie in [0, 1], got 1.5"),
        ("calibration(b, p, 'binning=quantile')", "calibration: p must lie in [0, 1], got 1.5"),
        ("brier(b, p, s)", "brier: the options must be one text literal"),
        (
            "f1(n, n)",
            "f1: class 7 is neither 0 nor 1: name the positive class, for example positive=7, or average over classes, \
             for example average=macro",
        ),
        (
            "roc_auc(n, p)",
            "roc_auc: class 7 is neither 0 nor 1: name the positive class, for example positive=7",
        ),
    ] {
        let ours = failure(&session, &format!("SELECT {call} FROM t")).await;
        let ours = ours.trim_start_matches("Error during planning: ").trim_start_matches("Execution error: ");
        assert_eq!(ours, message, "{call}");
    }
}

// breaks when: many groups mix rows, or cost more than their counts
#[tokio::test]
async fn ten_thousand_groups_equal_their_own_results() {
    const GROUPS: i64 = 10_000;
    let session = session(2);
    let mix = |i: i64| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let rows = || 0..GROUPS * 6;
    create(
        &session,
        &[
            ("g", Arc::new(Int64Array::from_iter_values(rows().map(|i| i * 7919 % GROUPS)))),
            ("label", Arc::new(BooleanArray::from_iter(rows().map(|i| Some(mix(i) % 3 == 0))))),
            ("class", Arc::new(Int64Array::from_iter_values(rows().map(|i| (mix(i) % 5) as i64)))),
            ("p", Arc::new(Float64Array::from_iter_values(rows().map(|i| (mix(!i) % 17) as f64 / 16.0)))),
        ],
        2,
        8192,
    );
    let calls = "accuracy(label, p > 0.5), f1(class, class % 3, 'average=macro'), roc_auc(label, p), log_loss(label, p), \
                 ece(label, p), calibration(label, p, 'binning=quantile, bins=3'), confusion_matrix(class, class % 3)";
    let all = query(&session, &format!("SELECT g, {calls} FROM t GROUP BY g ORDER BY g")).await.unwrap();
    let all = printed(&all, "|");
    assert_eq!(all.len(), GROUPS as usize);
    for group in [0, 1, 4_999, 9_999] {
        let alone =
            query(&session, &format!("SELECT {group}, {calls} FROM t WHERE g = {group}")).await.unwrap();
        assert_eq!(all[group as usize], printed(&alone, "|")[0]);
    }
}

// breaks when: a state holds anything but integers and texts, whose merge could depend on order
#[test]
fn states_hold_no_floats() {
    let field = Arc::new(arrow::datatypes::Field::new("a", DataType::Boolean, true));
    for function in crate::aggregates() {
        let quality = function.documentation().is_some_and(|d| d.doc_section.label == "Model quality");
        if !quality {
            continue;
        }
        let fields = [Arc::clone(&field), Arc::clone(&field)];
        let args = datafusion::logical_expr::function::StateFieldsArgs {
            name: function.name(),
            input_fields: &fields,
            return_field: Arc::clone(&field),
            ordering_fields: &[],
            is_distinct: false,
        };
        for state in function.state_fields(args).unwrap() {
            let DataType::LargeList(item) = state.data_type() else { panic!("{state} is no list") };
            assert!(matches!(item.data_type(), DataType::UInt64 | DataType::LargeUtf8), "{state}");
        }
    }
}
