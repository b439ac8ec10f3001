//! `p_adjust`, `ewma`, `zscore` and `mad_score` against statsmodels, pandas and numpy, and in SQL frames.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::Float64Type;
use datafusion::common::ScalarValue;
use serde_json::Value;

use super::streams::{evaluator, golden};
use super::{assert_close, create, doubles, session};

fn numbers(value: &Value) -> Vec<Option<f64>> {
    value.as_array().unwrap().iter().map(Value::as_f64).collect()
}

#[track_caller]
fn assert_all_close(ours: &[Option<f64>], theirs: &[Option<f64>], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => assert_close(*ours, *theirs, &format!("{what}, row {row}")),
            (ours, theirs) => assert_eq!(ours, theirs, "{what}, row {row}"),
        }
    }
}

fn of_partition(name: &str, options: &str, values: &[Option<f64>]) -> Vec<Option<f64>> {
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    let result = evaluator(name, options).evaluate_all(&[column], values.len()).unwrap();
    result.as_primitive::<Float64Type>().iter().collect()
}

fn of_frames(
    name: &str,
    options: &str,
    values: &[Option<f64>],
    frame: impl Fn(usize) -> Range<usize>,
) -> Vec<Option<f64>> {
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    let mut evaluator = evaluator(name, options);
    (0..values.len())
        .map(|row| match evaluator.evaluate(&[Arc::clone(&column)], &frame(row)).unwrap() {
            ScalarValue::Float64(score) => score,
            other => panic!("{other} is no DOUBLE"),
        })
        .collect()
}

// breaks when: a method differs from statsmodels, by ties, at the ends or near 0
#[test]
fn adjusted_p_values_are_those_of_statsmodels() {
    for set in golden()["p_adjust"].as_array().unwrap() {
        let p = numbers(&set["p"]);
        for (method, adjusted) in set["adjusted"].as_object().unwrap() {
            assert_all_close(
                &of_partition("p_adjust", method, &p),
                &numbers(adjusted),
                &format!("{method} {}", set["name"]),
            );
        }
        assert_eq!(of_partition("p_adjust", "", &p), of_partition("p_adjust", "bh", &p), "the default");
    }
    let with_gaps = [Some(0.01), None, Some(f64::NAN), Some(0.5), Some(f64::INFINITY), Some(-0.0)];
    let adjusted = of_partition("p_adjust", "bonferroni", &with_gaps);
    assert_eq!(adjusted, [Some(0.03), None, None, Some(1.0), None, Some(0.0)]);
    assert_eq!(adjusted[5].unwrap().to_bits(), 0, "no negative zero");
    assert_eq!(of_partition("p_adjust", "", &[]), []);
}

// breaks when: weights, the first value or gaps count otherwise than in pandas
#[test]
fn averages_are_those_of_pandas() {
    for column in golden()["ewma"].as_array().unwrap() {
        let values = numbers(&column["values"]);
        for (options, expected) in column["expect"].as_object().unwrap() {
            let what = format!("{options} over {}", column["name"]);
            assert_all_close(&of_partition("ewma", options, &values), &numbers(expected), &what);
        }
    }
}

// breaks when: a score differs from numpy over the frame's rows, or a row is scored in another row's place
#[test]
fn scores_are_those_of_numpy() {
    let golden = golden();
    for entry in golden["scores"]["frames"].as_array().unwrap() {
        let name = entry["column"].as_str().unwrap();
        let values = numbers(&golden["scores"]["columns"][name]);
        let (before, after) = (entry["before"].as_i64(), entry["after"].as_i64());
        let rows = values.len() as i64;
        let frame = |row: usize| {
            let start = before.map_or(0, |before| (row as i64 - before).max(0));
            let end = after.map_or(rows, |after| (row as i64 + after + 1).clamp(0, rows));
            start as usize..end.max(start) as usize
        };
        for (function, options, key) in
            [("zscore", "", "ddof=0"), ("zscore", "ddof=1", "ddof=1"), ("mad_score", "", "mad")]
        {
            let what = format!("{function} {key} of {name}, {before:?} to {after:?}");
            assert_all_close(&of_frames(function, options, &values, frame), &numbers(&entry[key]), &what);
        }
    }
}

// breaks when: the batches or tasks of a query change a score, or rows of one partition reach another's
#[tokio::test]
async fn frames_in_sql() {
    let values: Vec<Option<f64>> =
        (0..90i32).map(|i| (i % 11 != 4).then(|| f64::from(i * 37 % 19) + f64::from(i) / 10.0)).collect();
    let calls = [("zscore", ""), ("zscore", "ddof=1"), ("mad_score", "")];
    type Frame = (&'static str, fn(usize) -> Range<usize>);
    let frames: [Frame; 4] = [
        ("ORDER BY i ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING", |row| row.saturating_sub(8)..row),
        ("ORDER BY i ROWS BETWEEN 2 PRECEDING AND 3 FOLLOWING", |row| {
            row.saturating_sub(2)..(row + 4).min(45)
        }),
        ("ORDER BY i", |row| 0..row + 1),
        ("", |_| 0..45),
    ];
    for (partitions, batch_rows) in [(1, 1000), (3, 7)] {
        let session = session(partitions);
        let i: ArrayRef = Arc::new(Int64Array::from_iter_values(0..90));
        let g: ArrayRef = Arc::new(Int64Array::from_iter_values((0..90).map(|i| i % 2)));
        let v: ArrayRef = Arc::new(Float64Array::from(values.clone()));
        create(&session, &[("i", i), ("g", g), ("v", v)], partitions, batch_rows);
        for (name, options) in calls {
            for (over, frame) in frames {
                let sql = format!(
                    "SELECT {name}(v, '{options}') OVER (PARTITION BY g {over}) FROM t ORDER BY g, i"
                );
                let found = doubles(&session, &sql).await;
                let expected: Vec<Option<f64>> = (0..2)
                    .flat_map(|group| {
                        let values: Vec<_> = values.iter().skip(group).step_by(2).copied().collect();
                        of_frames(name, options, &values, frame)
                    })
                    .collect();
                // without an order the rows of a partition come in any order, and sums are rounded in it
                assert_all_close(&found, &expected, &sql);
            }
        }
    }
}

// breaks when: no rows, no values, one value or equal ones give a number, a NaN or a panic
#[tokio::test]
async fn edges_have_no_score() {
    let session = session(1);
    let whole = |values: &[Option<f64>]| {
        let rows = values.len();
        [("zscore", ""), ("zscore", "ddof=1"), ("mad_score", "")]
            .map(|(name, options)| of_frames(name, options, values, |_| 0..rows))
    };
    for values in [
        &[][..],
        &[None, None],
        &[Some(3.0)],
        &[Some(f64::NAN), Some(2.0)],
        &[Some(0.1); 9],
        &[Some(1e141); 3],
    ] {
        for scores in whole(values) {
            assert!(scores.iter().all(Option::is_none), "{values:?} gave {scores:?}");
        }
    }
    let tiny = f64::from_bits(1);
    for values in [[0.0, tiny, -tiny], [1e140, -1e140, 0.0], [i64::MAX as f64, i64::MIN as f64, -0.0]] {
        for scores in whole(&values.map(Some)) {
            assert!(scores.iter().flatten().all(|score| score.is_finite()), "{values:?} gave {scores:?}");
        }
    }
    let empty: ArrayRef = Arc::new(Float64Array::from(Vec::<f64>::new()));
    create(&session, &[("v", empty)], 1, 10);
    for call in
        ["zscore(v) OVER ()", "mad_score(v) OVER ()", "p_adjust(v) OVER ()", "adwin(v) OVER (ORDER BY v)"]
    {
        let batch = super::query(&session, &format!("SELECT {call} FROM t")).await.unwrap();
        assert_eq!(batch.num_rows(), 0, "{call}");
    }
}

// breaks when: a type of number or a layout of the options is refused, or read as another number
#[tokio::test]
async fn every_number_is_read() {
    let session = session(1);
    let i: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50));
    create(&session, &[("i", i)], 1, 10);
    let expected = doubles(&session, "SELECT mad_score(CAST(i % 2 AS DOUBLE)) OVER () FROM t").await;
    for kind in ["TINYINT", "BIGINT UNSIGNED", "REAL", "DECIMAL(20, 3)", "BOOLEAN"] {
        let sql = format!("SELECT mad_score(CAST(i % 2 AS {kind})) OVER () FROM t");
        assert_eq!(doubles(&session, &sql).await, expected, "{kind}");
    }
    for sql in [
        "SELECT ddm(i > 20, arrow_cast('warm_start=3', 'Utf8View')) OVER (ORDER BY i) FROM t",
        "SELECT adwin(NULL) OVER (ORDER BY i ROWS UNBOUNDED PRECEDING) FROM t",
        "SELECT p_adjust(i / 100.0, 'BY') OVER (ORDER BY i) FROM t",
    ] {
        super::query(&session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
