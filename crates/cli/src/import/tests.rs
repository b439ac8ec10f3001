use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimestampNanosecondType};

use super::bodies::Bodies;
use super::table::Mapping;
use super::time_column::TimeColumn;
use crate::args::TimeUnitArg;

// breaks when a unit is guessed wrong, a zone is ignored, or a time outside of nanoseconds wraps around
#[test]
fn times_of_every_kind_become_nanoseconds_in_utc() {
    let expected = 1_788_000_000_123_000_000_i64;
    let cases: Vec<(ArrayRef, Option<TimeUnitArg>, i64)> = vec![
        (Arc::new(StringArray::from(vec!["2026-08-29T09:20:00.123Z"])), None, 1_787_995_200_123_000_000),
        (Arc::new(StringArray::from(vec!["2026-08-29T11:20:00.123+02:00"])), None, 1_787_995_200_123_000_000),
        (Arc::new(StringArray::from(vec!["2026-08-29 09:20:00"])), None, 1_787_995_200_000_000_000),
        (Arc::new(Int64Array::from(vec![1_788_000_000_123])), None, expected),
        (Arc::new(Int64Array::from(vec![1_788_000_000])), None, 1_788_000_000_000_000_000),
        (Arc::new(Int64Array::from(vec![expected])), None, expected),
        (Arc::new(Int64Array::from(vec![5])), Some(TimeUnitArg::Us), 5_000),
        (Arc::new(Float64Array::from(vec![1_788_000_000.123])), None, expected),
        (Arc::new(TimestampMillisecondArray::from(vec![1_788_000_000_123])), None, expected),
    ];
    for (column, unit, expected) in cases {
        let times = TimeColumn::new("t", unit).convert(&column).unwrap();
        assert_eq!(
            times.data_type(),
            &DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("UTC".into()))
        );
        assert_eq!(times.as_primitive::<TimestampNanosecondType>().value(0), expected, "{column:?}");
    }
}

// breaks when a bad time becomes NULL or a made-up instant, or the message does not say where
#[test]
fn a_bad_time_is_an_error_that_names_it() {
    let cases: Vec<(ArrayRef, &str)> = vec![
        (Arc::new(StringArray::from(vec!["yesterday"])), "yesterday"),
        (Arc::new(StringArray::from(vec![Some("2026-08-29"), None])), "row 2: the time column 't' is NULL"),
        (Arc::new(Int64Array::from(vec![1, i64::MAX])), "9223372036854775807"),
        (Arc::new(arrow::array::BooleanArray::from(vec![true])), "has type Boolean"),
    ];
    for (column, expected) in cases {
        let error = TimeColumn::new("t", Some(TimeUnitArg::S)).convert(&column).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

// breaks when names need quotes in SQL, or two columns silently become one
#[test]
fn a_file_s_columns_become_a_table() {
    let field = |name: &str, ty: DataType| Field::new(name, ty, true);
    let file = Schema::new(vec![
        field("Predicted At", DataType::Utf8),
        field("Model Name", DataType::Utf8View),
        field("score%", DataType::Float32),
        field("2nd", DataType::new_list(DataType::Int64, true)),
        field("select", DataType::Null),
    ]);
    let mapping = Mapping::new(&file, "Predicted At").unwrap();
    assert_eq!(
        mapping.create_table("preds", &file, Some("model_name, time")).unwrap(),
        "CREATE TABLE \"preds\" (time TIMESTAMP NOT NULL, \"model_name\" TEXT, \"score\" FLOAT, \"c_2nd\" BIGINT[], \"select\" TEXT) \
         WITH (sort = 'model_name, time')"
    );
    let twice = Schema::new(vec![
        field("time", DataType::Int64),
        field("a.b", DataType::Int64),
        field("A B", DataType::Int64),
    ]);
    assert!(
        Mapping::new(&twice, "time")
            .unwrap_err()
            .to_string()
            .contains("two columns of the file would be called 'a_b'")
    );
    assert!(Mapping::new(&twice, "ts").unwrap_err().to_string().contains("has no column 'ts'"));
}

// breaks when a line is lost, the offset points elsewhere, or a pretty-printed body is cut into lines
#[test]
fn bodies_are_found_with_their_offsets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export.jsonl.gz");
    let mut file =
        flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
    file.write_all(b"{\"resourceSpans\":[]}\n\n  nonsense\n{\"resourceLogs\":[]}").unwrap();
    file.finish().unwrap();
    let bodies: Vec<_> = Bodies::open(&path, None).unwrap().map(|body| body.unwrap()).collect();
    let places: Vec<String> =
        bodies.iter().map(|body| body.place().replace(&path.display().to_string(), "export")).collect();
    assert_eq!(places, ["export: line 1 (byte 0)", "export: line 3 (byte 22)", "export: line 4 (byte 33)"]);
    assert_eq!(bodies[1].bytes, b"nonsense");
    let error = bodies[1].kind(None, None).unwrap_err().to_string();
    assert!(error.contains("byte 22") && error.contains("\"nonsense\""), "{error}");

    let path = directory.path().join("pretty.jsonl");
    std::fs::write(&path, "{\n  \"resourceSpans\": []\n}\n").unwrap();
    let bodies: Vec<_> = Bodies::open(&path, None).unwrap().map(|body| body.unwrap()).collect();
    assert_eq!(bodies.len(), 1);
    assert!(serde_json::from_slice::<serde_json::Value>(&bodies[0].bytes).is_ok());
}
