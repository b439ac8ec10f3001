//! The detectors against river's own indices, row by row, and both ways of evaluating them against each other.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::PartitionEvaluator;
use datafusion::logical_expr::function::PartitionEvaluatorArgs;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use serde_json::Value;

use super::{create, query, session};
use crate::kernels::streams::python_random::PythonRandom;

pub(super) fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden/window_golden.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A function over a partition, without a query around it.
pub(super) fn evaluator(name: &str, options: &str) -> Box<dyn PartitionEvaluator> {
    let function = crate::windows().into_iter().find(|known| known.name() == name).unwrap();
    let exprs: [Arc<dyn PhysicalExpr>; 2] =
        [Arc::new(Column::new("v", 0)), Arc::new(Literal::new(ScalarValue::from(options)))];
    let fields = [DataType::Float64, DataType::Utf8].map(|kind| Arc::new(Field::new("v", kind, true)));
    let args = PartitionEvaluatorArgs::new(&exprs, &fields, false, false);
    function.partition_evaluator_factory(args).unwrap()
}

/// A golden stream, made again from its segments.
fn stream(golden: &Value, name: &str) -> Vec<f64> {
    golden["streams"][name].as_array().unwrap().iter().flat_map(segment).collect()
}

/// `[seed, n, kind, offset, scale, slope]`, as the generator writes it.
fn segment(part: &Value) -> Vec<f64> {
    let number = |at: usize| part[at].as_f64().unwrap_or_default();
    let mut state = part[0].as_u64().unwrap();
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * 2f64.powi(-53)
    };
    let (offset, scale, slope) = (number(3), number(4), number(5));
    (0..part[1].as_u64().unwrap())
        .map(|i| match part[2].as_str().unwrap() {
            "sum" => offset + scale * (uniform() + uniform() + uniform()) + slope * i as f64,
            "bits" => f64::from(uniform() < scale),
            _ => offset + (scale * uniform()).floor(),
        })
        .collect()
}

fn text_of(options: &Value) -> String {
    let options = options.as_object().unwrap().iter();
    let parts: Vec<String> =
        options.map(|(name, value)| format!("{name}={}", value.to_string().trim_matches('"'))).collect();
    parts.join(", ")
}

/// The rows at which a detector tells a change.
fn flagged(name: &str, options: &str, values: &[f64]) -> Vec<u64> {
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    let flags = evaluator(name, options).evaluate_all(&[column], values.len()).unwrap();
    let flags = flags.as_boolean();
    (0..values.len()).filter(|&row| flags.value(row)).map(|row| row as u64).collect()
}

fn rows(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect()
}

// breaks when: a stream is not the one that river saw
#[test]
fn streams_are_the_golden_ones() {
    let golden = golden();
    for (name, parts) in golden["streams"].as_object().unwrap() {
        for (at, part) in parts.as_array().unwrap().iter().enumerate() {
            let sum: f64 = segment(part).iter().take(50).sum();
            assert!(
                (sum - golden["sums"][name][at].as_f64().unwrap()).abs() <= 1e-6 * sum.abs(),
                "{name} {at}"
            );
        }
    }
}

// breaks when: a detector differs from river in a default, a comparison, the order of a sum or what a change resets
#[test]
fn changes_are_seen_where_river_sees_them() {
    let golden = golden();
    let detections = golden["detections"].as_array().unwrap();
    assert!(detections.len() > 150, "all of them are there");
    for entry in detections {
        let name = entry["detector"].as_str().unwrap();
        let values = stream(&golden, entry["stream"].as_str().unwrap());
        let options = text_of(&entry["options"]);
        let what = format!("{name} {options} over {}", entry["stream"]);
        assert_eq!(flagged(name, &options, &values), rows(&entry["drifts"]), "{what}");
        if let Some(warnings) = entry["warnings"].as_array() {
            let spans = warnings.iter().map(rows);
            let warned: Vec<u64> = spans.flat_map(|span| span[0]..span[0] + span[1]).collect();
            let options = format!("{options}{}level=warning", if options.is_empty() { "" } else { ", " });
            assert_eq!(flagged(name, &options, &values), warned, "warnings of {what}");
        }
    }
}

// breaks when: the chart differs from the loop written after the book
#[test]
fn cusum_equals_the_reference_loop() {
    let golden = golden();
    for entry in golden["cusum"].as_array().unwrap() {
        let values = stream(&golden, entry["stream"].as_str().unwrap());
        let found = flagged("cusum", &text_of(&entry["options"]), &values);
        assert_eq!(found[..20.min(found.len())], rows(&entry["first"]), "{entry}");
        assert_eq!(found.len() as u64, entry["count"].as_u64().unwrap(), "{entry}");
    }
}

// breaks when: a seed draws another sample than in Python
#[test]
fn samples_are_those_of_python() {
    for entry in golden()["samples"].as_array().unwrap() {
        let mut random = PythonRandom::new(entry["seed"].as_str().unwrap().parse().unwrap());
        let (n, k) = (entry["n"].as_u64().unwrap(), entry["k"].as_u64().unwrap());
        let mut drawn = Vec::new();
        for which in ["first", "second"] {
            random.sample(n as u32, k as usize, &mut drawn);
            let drawn: Vec<u64> = drawn.iter().map(|&member| u64::from(member)).collect();
            assert_eq!(drawn, rows(&entry[which]), "{which} of {n} {k}");
        }
    }
}

const CALLS: [(&str, &str); 7] = [
    ("adwin", "clock=4, delta=0.1"),
    ("page_hinkley", "threshold=5"),
    ("kswin", "alpha=0.01"),
    ("cusum", "warmup=50, h=4"),
    ("ddm", "warm_start=5"),
    ("ddm", "level=warning"),
    ("ewma", "half_life=20"),
];

/// Rows with gaps and what must be left out; for `ddm` the bits among them.
fn column(bits: bool) -> Vec<Option<f64>> {
    let golden = golden();
    let values = stream(&golden, if bits { "errors" } else { "mean_shift" });
    let left_out =
        [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(1e141), Some(f64::MIN)];
    let every = values.into_iter().step_by(3).enumerate();
    every.map(|(i, value)| if i % 10 == 7 { left_out[i / 10 % 6] } else { Some(value) }).collect()
}

// breaks when: the batches or partitions of a query, rows that take no part, or evaluating a whole partition at once change a flag
#[tokio::test]
async fn streaming_equals_whole_partitions() {
    for bits in [false, true] {
        let column = column(bits);
        let kept: Vec<usize> = (0..column.len())
            .filter(|&i| column[i].is_some_and(|v| v.is_finite() && v.abs() <= 1e140))
            .collect();
        let plain: ArrayRef = Arc::new(Float64Array::from_iter(kept.iter().map(|&i| column[i])));
        for (name, options) in CALLS.iter().filter(|(name, _)| (*name == "ddm") == bits) {
            let expected = evaluator(name, options).evaluate_all(&[Arc::clone(&plain)], kept.len()).unwrap();
            let options =
                if *name == "ewma" { format!("{options}, ignore_na=true") } else { (*options).to_string() };
            // a frame that looks ahead forces the other operator, which holds whole partitions
            for ahead in [
                "",
                ", min(i) OVER (PARTITION BY g ORDER BY i ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING)",
            ] {
                for (partitions, batch_rows) in [(1, 4096), (3, 17)] {
                    let session = session(partitions);
                    // the second group is the first one, a row later
                    let i: ArrayRef = Arc::new(Int64Array::from_iter_values(0..2 * column.len() as i64));
                    let g = Int64Array::from_iter_values((0..2 * column.len() as i64).map(|i| i % 2));
                    let v = Float64Array::from_iter((0..2 * column.len()).map(|i| column[i / 2]));
                    create(
                        &session,
                        &[("i", i), ("g", Arc::new(g)), ("v", Arc::new(v))],
                        partitions,
                        batch_rows,
                    );
                    let sql = format!(
                        "SELECT flag FROM (SELECT i, g, v, {name}(v, '{options}') OVER (PARTITION BY g ORDER BY i) AS flag{ahead} FROM t) \
                         WHERE abs(v) <= 1e140 ORDER BY g, i"
                    );
                    let batch = query(&session, &sql).await.unwrap();
                    let found = batch.column(0);
                    assert_eq!(found.len(), 2 * kept.len());
                    for half in [found.slice(0, kept.len()), found.slice(kept.len(), kept.len())] {
                        assert_eq!(&half, &expected, "{sql}");
                    }
                }
            }
        }
    }
}

// breaks when: a row that takes no part gets a flag
#[test]
fn rows_that_take_no_part_have_no_flag() {
    let column: ArrayRef = Arc::new(Float64Array::from(vec![
        None,
        Some(f64::NAN),
        Some(1.0),
        Some(f64::INFINITY),
        Some(-1e141),
    ]));
    for (name, options) in CALLS.iter().filter(|(name, _)| *name != "ewma") {
        let flags = evaluator(name, options).evaluate_all(&[Arc::clone(&column)], 5).unwrap();
        assert_eq!(
            flags.as_boolean().iter().collect::<Vec<_>>(),
            [None, None, Some(false), None, None],
            "{name}"
        );
    }
}

// breaks when: a function that needs little memory is planned onto the operator that holds all rows
#[tokio::test]
async fn streams_are_read_batch_by_batch() {
    let session = session(1);
    create(&session, &[("v", Arc::new(Float64Array::from(vec![0.0, 1.0])))], 1, 1);
    for (name, options) in CALLS {
        let sql = format!("EXPLAIN SELECT {name}(v, '{options}') OVER (PARTITION BY v ORDER BY v) FROM t");
        let plan = query(&session, &sql).await.unwrap();
        let lines: Vec<&str> = plan.column(1).as_string::<i32>().iter().flatten().collect();
        assert!(lines.iter().any(|line| line.contains("BoundedWindowAggExec")), "{lines:?}");
    }
}
