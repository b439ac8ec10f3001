use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StringViewArray};
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};

use super::call::bounded;
use super::column::{Column, value_bytes};
use super::growth::{FUNCTIONS, Growth};
use super::*;

fn texts<const N: usize>(texts: [&str; N]) -> ColumnarValue {
    ColumnarValue::Array(Arc::new(StringArray::from(texts.to_vec())))
}

fn views<const N: usize>(texts: [&str; N]) -> ColumnarValue {
    ColumnarValue::Array(Arc::new(StringViewArray::from(texts.to_vec())))
}

fn integers<const N: usize>(integers: [i64; N]) -> ColumnarValue {
    ColumnarValue::Array(Arc::new(Int64Array::from(integers.to_vec())))
}

fn constant(value: impl Into<ScalarValue>) -> ColumnarValue {
    ColumnarValue::Scalar(value.into())
}

fn function(name: &str) -> Arc<ScalarUDF> {
    let state = SessionStateBuilder::new().with_default_features().build();
    Arc::clone(&state.scalar_functions()[name])
}

fn call(function: &ScalarUDF, args: &[ColumnarValue], rows: usize) -> DfResult<ArrayRef> {
    let arg_fields: Vec<_> =
        args.iter().map(|arg| Arc::new(Field::new("x", arg.data_type(), true))).collect();
    let scalars: Vec<Option<&ScalarValue>> = args.iter().map(|_| None).collect();
    let of_field = ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &scalars };
    let return_field = function.return_field_from_args(of_field)?;
    let args = ScalarFunctionArgs {
        args: args.to_vec(),
        arg_fields,
        number_rows: rows,
        return_field,
        config_options: Arc::new(ConfigOptions::default()),
    };
    function.invoke_with_args(args)?.into_array(rows)
}

fn list(of: &[i64]) -> ArrayRef {
    let stop = Int64Array::from(of.to_vec());
    call(&function("range"), &[ColumnarValue::Array(Arc::new(stop))], of.len()).unwrap()
}

/// Breaks when a function makes more than was estimated, or an estimate is far from what is made: then what is small is refused.
#[test]
fn estimates_are_near_what_is_made() {
    let lists = || ColumnarValue::Array(list(&[3, 0, 50]));
    let cases: Vec<(&str, Vec<ColumnarValue>)> = vec![
        ("repeat", vec![texts(["ab", "c", ""]), integers([1000, -5, 9])]),
        ("repeat", vec![constant("äbc"), integers([1000, 0, 9])]),
        ("lpad", vec![texts(["ab", "c", ""]), integers([1000, -5, 9])]),
        ("rpad", vec![views(["ab", "c", ""]), integers([1000, 3, 9]), constant("äö")]),
        ("replace", vec![texts(["aaaa", "cab", ""]), constant("a"), constant("0123456789")]),
        ("concat", vec![texts(["ab", "c", ""]), constant("0123456789"), texts(["x", "y", "z"])]),
        ("concat", vec![views(["ab", "a text of more than 12", ""]), views(["x", "y", "z"])]),
        ("concat_ws", vec![constant(", "), texts(["ab", "c", ""]), texts(["x", "y", "z"]), constant("!")]),
        ("regexp_replace", vec![texts(["aaa", "a", ""]), constant("a*"), constant("[$0$0]"), constant("g")]),
        ("range", vec![integers([5, 1000, -3])]),
        ("generate_series", vec![integers([5, 10, 0]), integers([-1000, 20, 0]), integers([-7, 2, 1])]),
        ("array_repeat", vec![texts(["ab", "a longer text", ""]), integers([10, 100, 0])]),
        ("array_repeat", vec![lists(), integers([10, 100, 5])]),
        ("array_resize", vec![lists(), integers([1000, 5, 10]), constant(7_i64)]),
        ("make_array", vec![texts(["ab", "c", ""]), constant("0123456789"), texts(["x", "y", "z"])]),
        ("array_to_string", vec![lists(), constant("0123456789")]),
        ("arrays_zip", vec![lists(), ColumnarValue::Array(list(&[9, 9, 9]))]),
        ("array_concat", vec![lists(), lists(), lists()]),
    ];
    for (name, args) in cases {
        let made = call(&bounded(function(name)), &args, 3).unwrap();
        // the lists of the rows and the places of the texts come on top
        let made = value_bytes(&made, 0, 3).saturating_sub(3 * 16);
        let columns: Vec<Column> = args.iter().map(|arg| Column::of(arg).unwrap()).collect();
        let estimate = Growth::of(name).unwrap().bytes(&columns, 3);
        assert!(made <= estimate, "{name} made {made}, estimated were {estimate}: {args:?}");
        assert!(estimate <= 10 * made + 1000, "{name} made {made}, estimated were {estimate}: {args:?}");
    }
}

/// Breaks when a series of dates or times is estimated as shorter than it is, or one that goes to and fro is allowed.
#[test]
fn series_of_times_are_bounded() {
    let date = |days| constant(ScalarValue::Date32(Some(days)));
    let time = |seconds: i64| constant(ScalarValue::TimestampNanosecond(Some(seconds * 1_000_000_000), None));
    let step = |months, days, nanoseconds| constant(ScalarValue::new_interval_mdn(months, days, nanoseconds));
    let cases = [
        (vec![date(0), date(10_000), step(1, 0, 0)], 329),
        (vec![date(10_000), date(0), step(0, -7, 0)], 1429),
        (vec![time(0), time(86_400), step(0, 0, 1_000_000_000)], 86_401),
        (vec![time(0), time(86_400), step(0, 0, -1)], 0),
    ];
    let bytes = |args: &[ColumnarValue]| {
        let columns: Vec<Column> = args.iter().map(|arg| Column::of(arg).unwrap()).collect();
        Growth::Series.bytes(&columns, 1)
    };
    for (args, elements) in cases {
        let made = call(&function("generate_series"), &args, 1).unwrap();
        let column = Column::of(&ColumnarValue::Array(made)).unwrap();
        assert_eq!(column.elements(0).unwrap().2, elements);
        let estimate = bytes(&args) / 8;
        assert!((elements as u64..=elements as u64 * 5 / 4 + 1).contains(&estimate), "{args:?}: {estimate}");
    }
    assert_eq!(bytes(&[time(0), time(86_400), step(1, -30, 0)]), u64::MAX);
}

/// Breaks when rows are lost or mixed up where a rough estimate is over the limit and the results are not, or when results over it are
/// not refused.
#[test]
fn rough_estimates_are_tried_in_pieces() {
    let long: Vec<String> = (0..40).map(|row| "x".repeat(100_000) + &row.to_string()).collect();
    let long = ColumnarValue::Array(Arc::new(StringArray::from(long)));
    let replace = bounded(function("replace"));
    let to = constant("y".repeat(30));
    let args = [long.clone(), constant("9"), to.clone()];
    let columns: Vec<Column> = args.iter().map(|arg| Column::of(arg).unwrap()).collect();
    assert!(Growth::Replace.bytes(&columns, 40) > RESULT_BYTES_MAX);
    let pieces = call(&replace, &args, 40).unwrap();
    assert_eq!(&pieces, &call(&function("replace"), &args, 40).unwrap());

    let error = call(&replace, &[long, constant("x"), to], 40).unwrap_err();
    let error = Error::from(error);
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.to_string().starts_with("replace could make up to "), "{error}");
}

/// Breaks when a length below zero in a column is taken for the largest there is.
#[test]
fn lengths_below_zero_are_zero() {
    let padded = call(&bounded(function("lpad")), &[texts(["ab", "cd"]), integers([-3, 3])], 2).unwrap();
    assert_eq!(&padded, &(Arc::new(StringArray::from(vec!["", " cd"])) as ArrayRef));
}

/// Breaks when DataFusion renames a function that is in the table, or one of ours takes the place of it.
#[test]
fn all_functions_of_the_table_exist() {
    let state = SessionStateBuilder::new().with_default_features().build();
    for (name, _) in FUNCTIONS {
        assert!(state.scalar_functions().contains_key(*name), "{name}");
    }
}
