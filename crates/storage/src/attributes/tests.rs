use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Float64Array, MapBuilder, RecordBatch, StringArray, StringBuilder,
        TimestampNanosecondArray,
    },
    datatypes::{Float64Type, Int64Type},
};
use proptest::prelude::*;

use super::{json::Fit, *};
use crate::{NewColumn, TableChange, TableOptions, TableSpec};

/// A table with attributes, and columns from some of them.
fn schema(columns: &[(&str, ColumnType, &str)]) -> TableSchema {
    let map = ColumnType::Map(Box::new(ColumnType::Text), Box::new(ColumnType::Text));
    let mut all = vec![NewColumn::time(), NewColumn::new("model", ColumnType::Text)];
    all.push(NewColumn::new(ATTRIBUTES_COLUMN, map));
    for (name, ty, key) in columns {
        let mut column = NewColumn::new(*name, ty.clone());
        column.from_attribute = Some((*key).to_owned());
        all.push(column);
    }
    let spec = TableSpec { name: "t".to_owned(), columns: all, options: TableOptions::default() };
    TableSchema::from_spec(&spec).unwrap()
}

/// Rows with attributes; `None` is a row whose map is NULL.
fn batch(schema: &TableSchema, rows: &[Option<&[(&str, &str)]>], more: &[(&str, ArrayRef)]) -> RecordBatch {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in row.iter().copied().flatten() {
            map.keys().append_value(key);
            map.values().append_value(value);
        }
        map.append(row.is_some()).unwrap();
    }
    let time = TimestampNanosecondArray::from_iter_values(0..rows.len() as i64).with_timezone("UTC");
    let mut columns: Vec<(&str, ArrayRef)> =
        vec![("time", Arc::new(time)), (ATTRIBUTES_COLUMN, Arc::new(map.finish()))];
    columns.extend(more.iter().cloned());
    schema.conform(&RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn entries(array: &ArrayRef, row: usize) -> Vec<(String, String)> {
    let map = AttributeMap::new(array).unwrap();
    map.entries(row).map(|at| (map.key(at).to_owned(), map.value(at).unwrap().to_owned())).collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column_by_name(name).unwrap()
}

#[test]
fn a_value_leaves_the_map_only_if_the_column_can_write_it_back() {
    // breaks when a number loses its point, an exponent or its sign, or a text its spelling
    let mut scratch = String::new();
    let mut number = |json: &str| (json::int64(json, &mut scratch), json::float64(json, &mut String::new()));
    for (json, int, float) in [
        ("41", Fit::Exact(41), Fit::Loose(41.0)),
        ("-0", Fit::Loose(0), Fit::Loose(-0.0)),
        ("41.0", Fit::Loose(41), Fit::Exact(41.0)),
        ("41.50", Fit::Contradicts, Fit::Loose(41.5)),
        ("0.1", Fit::Contradicts, Fit::Exact(0.1)),
        ("1e16", Fit::Loose(10_000_000_000_000_000), Fit::Exact(1e16)),
        ("1E3", Fit::Loose(1000), Fit::Loose(1000.0)),
        ("9223372036854775807", Fit::Exact(i64::MAX), Fit::Loose(i64::MAX as f64)),
        ("9223372036854775808", Fit::Contradicts, Fit::Loose(i64::MAX as f64)),
        ("1e999", Fit::Contradicts, Fit::Contradicts),
        ("041", Fit::Contradicts, Fit::Contradicts),
        ("+1", Fit::Contradicts, Fit::Contradicts),
        ("inf", Fit::Contradicts, Fit::Contradicts),
        ("\"41\"", Fit::Contradicts, Fit::Contradicts),
        ("{\"$double\":\"-Infinity\"}", Fit::Contradicts, Fit::Exact(f64::NEG_INFINITY)),
    ] {
        assert_eq!(number(json), (int, float), "{json}");
    }
    for (json, expected) in [
        ("\"gold\"", Fit::Exact("gold")),
        ("\"a\\\"b\\n\"", Fit::Exact("a\"b\n")),
        ("\"\\u00e9\"", Fit::Loose("é")),
        ("gold", Fit::Loose("gold")),
        ("\"", Fit::Loose("\"")),
        ("41", Fit::Contradicts),
        ("true", Fit::Contradicts),
        ("null", Fit::Contradicts),
        ("[1]", Fit::Contradicts),
    ] {
        let read = json::text(json, &mut scratch);
        let expected = match expected {
            Fit::Exact(text) => Fit::Exact(text.into()),
            Fit::Loose(text) => Fit::Loose(text.into()),
            Fit::Contradicts => Fit::Contradicts,
        };
        assert_eq!(read, expected, "{json}");
    }
}

proptest! {
    // breaks when what a column takes as exact is written back in other bytes
    #[test]
    fn exact_is_exact(value in any::<f64>(), text in ".*") {
        let mut json = String::new();
        prop_assert!(write_json(&mut json, &Float64Array::from(vec![value]), 0));
        let read = json::float64(&json, &mut String::new());
        prop_assert!(matches!(read, Fit::Exact(read) if read.to_bits() == value.to_bits() || value.is_nan()));
        json.clear();
        prop_assert!(write_json(&mut json, &StringArray::from(vec![text.as_str()]), 0));
        prop_assert_eq!(json::text(&json, &mut String::new()), Fit::Exact(text.into()));
    }
}

#[test]
fn settling_moves_what_fits_and_keeps_the_rest() {
    // breaks when a value is lost, stands in two forms, or overwrites one that the row had
    let schema = schema(&[
        ("tier", ColumnType::Text, "user.tier"),
        ("n", ColumnType::Float64, "n"),
        ("big", ColumnType::Int64, "big"),
    ]);
    let rows = batch(
        &schema,
        &[
            Some(&[("user.tier", "\"gold\"")]),
            None,
            Some(&[("n", "1.5"), ("x", "1"), ("user.tier", "7")]),
            Some(&[("n", "41"), ("big", "9")]),
            Some(&[("user.tier", "\"a\""), ("user.tier", "\"b\"")]),
            Some(&[("user.tier", "\"map\"")]),
            Some(&[]),
        ],
        &[("tier", Arc::new(StringArray::from(vec![None, None, None, None, None, Some("own"), None])))],
    );
    // a slice: positions of entries do not begin at 0
    let rows = rows.slice(0, 7).slice(0, 7);
    let (settled, note) = settle(&schema, vec![rows.slice(0, 1), rows.slice(1, 6)]).unwrap();
    let text = |row: usize| column(&settled[1], "tier").as_string::<i32>().value(row - 1).to_owned();
    assert_eq!(column(&settled[0], "tier").as_string::<i32>().value(0), "gold");
    assert!(column(&settled[0], ATTRIBUTES_COLUMN).is_null(0), "the map has nothing left");
    let (tier, n, big) = (column(&settled[1], "tier"), column(&settled[1], "n"), column(&settled[1], "big"));
    assert!(tier.is_null(1) && text(4) == "a" && text(5) == "own");
    assert_eq!(
        (n.as_primitive::<Float64Type>().value(1), n.as_primitive::<Float64Type>().value(2)),
        (1.5, 41.0)
    );
    assert_eq!(big.as_primitive::<Int64Type>().value(2), 9);
    let map = column(&settled[1], ATTRIBUTES_COLUMN);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(entries(map, 1), [pair("x", "1"), pair("user.tier", "7")]);
    assert_eq!(entries(map, 2), [pair("n", "41")], "41 is not 41.0");
    assert_eq!(entries(map, 3).len(), 2, "of a doubled key both stay");
    assert_eq!(entries(map, 4), [pair("user.tier", "\"map\"")]);
    assert!(map.is_null(0) && map.is_valid(5) && entries(map, 5).is_empty());
    let note = note.unwrap();
    let kept: Vec<&str> = note.keys.iter().flatten().map(String::as_str).collect();
    assert_eq!(kept, ["n", "user.tier", "x"]);
    assert_eq!(note.complete.len(), 3);
}

#[test]
fn a_common_key_is_found_among_any_number_of_rare_ones() {
    // breaks when clients that put values into keys make the census grow, or hide a common key
    let schema = schema(&[]);
    let attributes = attributes_column(&schema).unwrap().id;
    let texts: Vec<String> = (0..40_000).map(|row| format!("id.{row}")).collect();
    let rows: Vec<Vec<(&str, &str)>> = texts
        .iter()
        .enumerate()
        .map(|(row, key)| {
            let mut entries = vec![(key.as_str(), "1")];
            if row % 50 == 0 {
                entries.push(("common", if row % 100 == 0 { "1" } else { "0.5" }));
            }
            if row % 150 == 0 {
                entries.push(("rare", "true"));
            }
            entries
        })
        .collect();
    let rows: Vec<Option<&[(&str, &str)]>> = rows.iter().map(|row| Some(row.as_slice())).collect();
    let found = census(&[batch(&schema, &rows, &[])], attributes);
    let keys: Vec<&str> = found.iter().map(|candidate| candidate.key.as_str()).collect();
    assert_eq!(keys, ["common"]);
    assert_eq!(found[0].ty, ColumnType::Float64, "integers and doubles meet as doubles");
}

#[test]
fn few_rows_promote_nothing() {
    // breaks when a flush of three rows makes columns of all that they have
    let schema = schema(&[]);
    let row: Option<&[(&str, &str)]> = Some(&[("a", "1")]);
    let attributes = attributes_column(&schema).unwrap().id;
    assert!(census(&[batch(&schema, &[row; 63], &[])], attributes).is_empty());
    assert_eq!(census(&[batch(&schema, &[row; 64], &[])], attributes).len(), 1);
}

#[test]
fn promotion_leaves_names_that_are_taken() {
    // breaks when an attribute takes the place of a built-in column or of another key, or a table grows without end
    let schema = schema(&[("tier", ColumnType::Text, "user.tier")]);
    let candidate = |key: &str| Candidate { key: key.to_owned(), ty: ColumnType::Text, rows: 100 };
    let keys = ["model", "a.b", "a_b", "user.tier", "1st", "Résumé", "resource.x"];
    let changed = promoted(&schema, &keys.map(candidate)).unwrap().unwrap();
    let made: Vec<(&str, &str)> = changed.columns()[schema.columns().len()..]
        .iter()
        .map(|column| (column.name.as_str(), column.from_attribute.as_deref().unwrap()))
        .collect();
    assert_eq!(made, [("a_b", "a.b"), ("r_sum_", "Résumé"), ("resource_x", "resource.x")]);
    assert!(promoted(&changed, &keys.map(candidate)).unwrap().is_none());
    let many: Vec<Candidate> = (0..600).map(|number| candidate(&format!("k{number}"))).collect();
    let full = promoted(&schema, &many).unwrap().unwrap();
    assert_eq!(full.columns().len(), promote::PROMOTED_COLUMNS_MAX);
}

#[test]
fn an_attribute_has_one_column() {
    // breaks when two columns could share one key: the value moves to one of them
    let schema = schema(&[("tier", ColumnType::Text, "user.tier")]);
    let mut second = NewColumn::new("tier2", ColumnType::Text);
    second.from_attribute = Some("user.tier".to_owned());
    let refused = schema.changed(&TableChange::AddColumn(second)).unwrap_err();
    assert_eq!(refused.message(), "attribute \"user.tier\" has the column \"tier\" already");
    let drop = schema.changed(&TableChange::DropColumn { name: ATTRIBUTES_COLUMN.to_owned() });
    assert!(drop.unwrap_err().message().contains("column \"tier\" is filled from it"));
}

#[test]
fn a_column_reads_what_it_would_have_stored() {
    // breaks when rows that are filled while reading and rows that were settled disagree
    let types =
        [ColumnType::Boolean, ColumnType::Int32, ColumnType::Int64, ColumnType::Float64, ColumnType::Text];
    let values =
        ["true", "41", "4100000000", "0.5", "41.0", "\"x\"", "null", "[1]", "{\"$double\":\"NaN\"}", "raw"];
    for ty in types {
        let schema = schema(&[("c", ty.clone(), "k")]);
        for value in values {
            let rows = batch(&schema, &[Some(&[("k", value)])], &[]);
            let map = AttributeMap::new(column(&rows, ATTRIBUTES_COLUMN)).unwrap();
            let read = attribute_values(map, "k", &ty.to_arrow()).unwrap();
            let (settled, _) = settle(&schema, vec![rows.clone()]).unwrap();
            let stored = column(&settled[0], "c");
            let read = arrow::compute::cast(&read, stored.data_type()).unwrap();
            assert_eq!(&read, stored, "{value} as {ty}");
        }
    }
    let rows = batch(&schema(&[]), &[None], &[]);
    assert!(rows.column_by_name(ATTRIBUTES_COLUMN).is_none(), "an all-null map is not kept");
}
