//! What the functions are tried with: populations that are hard on them, in columns of every type.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int64Array, ListArray,
    NullArray, StringArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::prelude::SessionContext;

use super::super::create;

/// A row: case, value as an index into the type's values (`None` is NULL), population.
type Row = (i64, Option<usize>, Option<bool>);

/// Values that every type has: ordinary ones, the least, the largest, and what is special about it.
const VALUES: usize = 10;

fn rows() -> Vec<Row> {
    let both = |value: usize| [(Some(value), Some(false)), (Some(value), Some(true))];
    let cases: Vec<Vec<(Option<usize>, Option<bool>)>> = vec![
        vec![(None, Some(false)), (None, Some(true)), (None, None)], // all NULL
        vec![(Some(0), Some(false))],                                // a single value
        vec![(Some(0), Some(true))],                                 // and on the other side
        both(0).to_vec(),                                            // one each
        [both(0), both(0), both(0)].concat(),                        // constant
        vec![(Some(0), Some(false)), (Some(1), Some(false)), (Some(2), None)], // one side
        [both(0), [(Some(1), Some(false)), (Some(1), Some(true))]].concat(), // two values
        [both(3), both(4)].concat(),                                 // extremes
        (0..VALUES).flat_map(both).collect(),                        // everything, equally
        (0..60).map(|i| (Some(i * 7 % VALUES), Some(i % 3 == 0))).collect(), // everything
        (0..40).map(|i| (Some(i % 3), Some(i >= 20))).collect(),     // few values
        (0..40).map(|i| (Some(if i % 20 > 2 { 0 } else { i % 3 }), Some(i % 2 == 0))).collect(), // nearly constant
    ];
    let numbered = cases.into_iter().zip(0..);
    numbered.flat_map(|(rows, case)| rows.into_iter().map(move |(value, side)| (case, value, side))).collect()
}

/// The columns that are tried, each with [`VALUES`] values.
pub(super) fn columns() -> Vec<(&'static str, ArrayRef)> {
    let doubles = [0.25, 1.5, -2.0, f64::MIN, f64::MAX, 5e-324, -0.0, f64::NAN, f64::INFINITY, 1e300];
    let integers = [0, 1, -2, i64::MIN, i64::MAX, 3, -1, 1 << 53, (1 << 53) + 1, 10];
    let texts = [
        "",
        "a",
        "b",
        "\u{0}",
        "\u{10FFFF}",
        "ß",
        "A",
        "true",
        "NaN",
        "a text that does not fit into a view",
    ];
    let double: ArrayRef = Arc::new(Float64Array::from(doubles.to_vec()));
    let text: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let to = |array: &ArrayRef, kind: &DataType| cast(array, kind).unwrap();
    let small = Arc::new(Int64Array::from(vec![0, 1, -2, -99_999, 99_999, 3, -1, 4, 5, 10])) as ArrayRef;
    let vectors = |i: usize| Some([doubles[i], doubles[(i + 1) % VALUES]].map(Some));
    let floats = |i: usize| Some([doubles[i] as f32, i as f32].map(Some));
    vec![
        ("double", Arc::clone(&double)),
        ("float", Arc::new(Float32Array::from(doubles.map(|double| double as f32).to_vec()))),
        ("half", to(&double, &DataType::Float16)),
        ("tiny", Arc::new(Int8Array::from(vec![0, 1, -2, i8::MIN, i8::MAX, 3, -1, 4, 5, 10]))),
        ("bigint", Arc::new(Int64Array::from(integers.to_vec()))),
        ("smallint", to(&small_range(i16::MIN, i16::MAX), &DataType::Int16)),
        ("int", to(&small_range(i32::MIN, i32::MAX), &DataType::Int32)),
        ("unsigned_tiny", to(&small_range(0, u8::MAX), &DataType::UInt8)),
        ("unsigned_small", to(&small_range(0, u16::MAX), &DataType::UInt16)),
        ("unsigned_int", to(&small_range(0, u32::MAX), &DataType::UInt32)),
        ("unsigned", Arc::new(UInt64Array::from(vec![0, 1, 2, u64::MIN, u64::MAX, 3, 1 << 63, 4, 5, 10]))),
        ("decimal", to(&small, &DataType::Decimal128(38, 10))),
        ("wide_decimal", to(&small, &DataType::Decimal256(60, 30))),
        ("flag", Arc::new(BooleanArray::from((0..VALUES).map(|i| i % 3 == 0).collect::<Vec<_>>()))),
        ("text", Arc::clone(&text)),
        ("view", to(&text, &DataType::Utf8View)),
        ("large_text", to(&text, &DataType::LargeUtf8)),
        ("dictionary", to(&text, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))),
        ("vector", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>((0..VALUES).map(floats)))),
        (
            "fixed_vector",
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(
                (0..VALUES).map(vectors),
                2,
            )),
        ),
        ("nothing", Arc::new(NullArray::new(VALUES))),
    ]
}

/// Whole numbers between two limits that both belong to a type.
fn small_range(least: impl Into<i64>, largest: impl Into<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![0, 1, 2, least.into(), largest.into(), 3, 7, 4, 5, 10]))
}

pub(super) fn table(session: &SessionContext, values: &ArrayRef, partitions: usize) {
    let rows = rows();
    let taken = UInt32Array::from_iter(rows.iter().map(|row| row.1.map(|value| value as u32)));
    let value = match values.data_type() {
        DataType::Null => new_null_array(&DataType::Null, rows.len()),
        _ => arrow::compute::take(values, &taken, None).unwrap(),
    };
    let table: [(&str, ArrayRef); 4] = [
        ("k", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("i", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
        ("x", value),
        ("cur", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.2)))),
    ];
    create(session, &table, partitions, 7);
}
