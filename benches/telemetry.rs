//! Rows like those of a service that logs its model's predictions: seeded, the same in every run.

use std::sync::Arc;

use driftline::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};

/// 2026-08-01T00:00:00Z.
const START_NS: i64 = 1_785_542_400_000_000_000;
const DAY_NS: i64 = 86_400_000_000_000;
const SERVICES: usize = 8;
const MODELS: [&str; 5] = ["aurora-large", "aurora-small", "borealis", "cirrus", "dune"];

/// The statement that makes the table of the benchmarks.
pub(crate) const CREATE_TABLE: &str = "CREATE TABLE predictions (time TIMESTAMP NOT NULL, service TEXT, model TEXT, \
    confidence DOUBLE, input_tokens BIGINT, is_error BOOLEAN, request_id TEXT) WITH (sort = 'model, time')";

/// Rows `first..first + rows` of a history of `total` rows spread evenly over `days`.
pub(crate) fn predictions(first: usize, rows: usize, total: usize, days: i64) -> RecordBatch {
    let ids = first..first + rows;
    let step = (days * DAY_NS) / total as i64;
    let time = ids.clone().map(|id| START_NS + id as i64 * step).collect::<Vec<_>>();
    let random = ids.clone().map(|id| mix(id as u64)).collect::<Vec<_>>();
    let unit = |bits: &u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
    let service = random.iter().map(|bits| format!("service-{}", *bits as usize % SERVICES));
    let model = random.iter().map(|bits| MODELS[(bits >> 8) as usize % MODELS.len()]);
    let confidence = random.iter().map(|bits| 1.0 - unit(bits).powi(3));
    let input_tokens = random.iter().map(|bits| (unit(bits) * 4_000.0) as i64);
    let is_error = random.iter().map(|bits| Some(bits % 1_000 < 12));
    let request_id = random.iter().map(|bits| format!("{bits:016x}"));
    let columns: [(&str, ArrayRef); 7] = [
        ("time", Arc::new(TimestampNanosecondArray::from(time).with_timezone("UTC"))),
        ("service", Arc::new(StringArray::from_iter_values(service))),
        ("model", Arc::new(StringArray::from_iter_values(model))),
        ("confidence", Arc::new(Float64Array::from_iter_values(confidence))),
        ("input_tokens", Arc::new(Int64Array::from_iter_values(input_tokens))),
        ("is_error", Arc::new(BooleanArray::from_iter(is_error))),
        ("request_id", Arc::new(StringArray::from_iter_values(request_id))),
    ];
    RecordBatch::try_from_iter(columns).expect("the columns have one length")
}

/// splitmix64: a bijection, so no two ids meet.
pub(crate) fn mix(id: u64) -> u64 {
    let z = id.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
