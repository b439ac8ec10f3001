use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;

use super::table::Fit;
use super::*;

/// Natural widths, the limit, fitted widths, columns left out.
type Case = (&'static [usize], usize, &'static [usize], std::ops::Range<usize>);

fn sample() -> RecordBatch {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "time",
            Arc::new(TimestampNanosecondArray::from(vec![1_500_000_000, 2_000_000_000]).with_timezone("UTC")),
        ),
        ("local", Arc::new(TimestampNanosecondArray::from(vec![Some(0), None]))),
        ("n", Arc::new(Int64Array::from(vec![Some(7), None]))),
        ("x", Arc::new(Float64Array::from(vec![f64::NAN, f64::NEG_INFINITY]))),
        ("s", Arc::new(StringArray::from(vec!["a,\"b\"\nc", ""]))),
        ("l", Arc::new(lists)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

fn written(format: Format, batches: &[RecordBatch], columns_max: Option<usize>) -> String {
    let schema = sample().schema();
    let mut out = Vec::new();
    let mut sink = sink(format, &schema, &mut out, columns_max).unwrap();
    for batch in batches {
        sink.write(batch).unwrap();
    }
    sink.finish().unwrap();
    String::from_utf8(out).unwrap()
}

// breaks when a NaN becomes invalid JSON, a NULL key disappears, or a time loses its zone
#[test]
fn json_is_valid_and_complete() {
    let text = written(Format::Json, &[sample()], None);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value,
        serde_json::json!([
            {"time": "1970-01-01T00:00:01.500Z", "local": "1970-01-01T00:00:00Z", "n": 7, "x": null, "s": "a,\"b\"\nc", "l": [1, null]},
            {"time": "1970-01-01T00:00:02Z", "local": null, "n": null, "x": null, "s": "", "l": null},
        ])
    );
    assert!(text.ends_with("]\n"), "{text:?}");
}

// breaks when an empty result is no valid document, or a csv without rows loses its header
#[test]
fn a_result_without_rows_is_valid() {
    assert_eq!(written(Format::Json, &[], None), "[]\n");
    assert_eq!(written(Format::Ndjson, &[], None), "");
    assert_eq!(written(Format::Csv, &[], None), "time,local,n,x,s,l\n");
}

// breaks when nested values stop the export, or quoting follows another rule
#[test]
fn csv_quotes_and_writes_nested_values_as_json() {
    let expected = "time,local,n,x,s,l\n\
        1970-01-01T00:00:01.500Z,1970-01-01T00:00:00Z,7,NaN,\"a,\"\"b\"\"\nc\",\"[1,null]\"\n\
        1970-01-01T00:00:02Z,,,-inf,,\n";
    assert_eq!(written(Format::Csv, &[sample()], None), expected);
}

// breaks when a limit is forgotten: the table must count the rows that it does not show
#[test]
fn a_table_says_how_many_rows_it_left_out() {
    let batches = vec![sample(); 600];
    let text = written(Format::Table, &batches, None);
    assert!(
        text.ends_with("200 more rows (the table shows 1000; use LIMIT, or --format csv for all)\n"),
        "{}",
        &text[text.len() - 200..]
    );
    assert!(text.contains("a,\"b\"\\nc"), "a line break inside a cell would break the frame");
}

// breaks when a row becomes wider than the terminal, or narrow columns are cut although a wide one has room to give
#[test]
fn columns_fit_the_terminal() {
    let cases: [Case; 4] = [
        (&[5, 5], 80, &[5, 5], 0..0),
        (&[5, 100], 40, &[5, 28], 0..0),
        (&[60, 60, 4], 50, &[18, 18, 4], 0..0),
        (&[20; 12], 60, &[15; 12], 2..11),
    ];
    for (natural, limit, widths, left_out) in cases {
        let fit = Fit::within(natural, limit);
        assert_eq!((&fit.widths[..], &fit.left_out), (widths, &left_out), "{natural:?} in {limit}");
        let shown = (0..natural.len()).filter(|i| !fit.left_out.contains(i));
        let total: usize =
            shown.map(|i| fit.widths[i] + 3).sum::<usize>() + 1 + if left_out.is_empty() { 0 } else { 4 };
        assert!(total <= limit, "{natural:?} in {limit}: {total}");
    }
}
