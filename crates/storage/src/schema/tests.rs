use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int32Array, Int64Array, LargeStringArray,
        ListArray, NullArray, RecordBatch, StringViewArray, TimestampNanosecondArray,
    },
    datatypes::{Float32Type, Float64Type, Int32Type},
};
use proptest::prelude::*;

use super::*;

/// A schema with every type, as its JSON lies in manifests since format 1.
const STORED: &str = concat!(
    r#"{"columns":["#,
    r#"{"id":1,"name":"time","type":{"timestamp":{"unit":"nanosecond","utc":true}},"nullable":false},"#,
    r#"{"id":2,"name":"flag","type":"boolean","nullable":true},"#,
    r#"{"id":3,"name":"i8","type":"int8","nullable":true},"#,
    r#"{"id":4,"name":"i16","type":"int16","nullable":true},"#,
    r#"{"id":5,"name":"i32","type":"int32","nullable":true},"#,
    r#"{"id":6,"name":"i64","type":"int64","nullable":true},"#,
    r#"{"id":7,"name":"u8","type":"uint8","nullable":true},"#,
    r#"{"id":8,"name":"u16","type":"uint16","nullable":true},"#,
    r#"{"id":9,"name":"u32","type":"uint32","nullable":true},"#,
    r#"{"id":10,"name":"u64","type":"uint64","nullable":true},"#,
    r#"{"id":11,"name":"f32","type":"float32","nullable":true},"#,
    r#"{"id":12,"name":"f64","type":"float64","nullable":true},"#,
    r#"{"id":13,"name":"model","type":"text","nullable":true,"from_attribute":"gen_ai.request.model"},"#,
    r#"{"id":14,"name":"raw","type":"binary","nullable":true},"#,
    r#"{"id":15,"name":"day","type":"date","nullable":true},"#,
    r#"{"id":16,"name":"wall","type":{"timestamp":{"unit":"millisecond","utc":false}},"nullable":true},"#,
    r#"{"id":17,"name":"price","type":{"decimal":{"precision":18,"scale":4}},"nullable":true},"#,
    r#"{"id":18,"name":"tags","type":{"list":"text"},"nullable":true},"#,
    r#"{"id":19,"name":"embedding","type":{"fixed_size_list":["float32",16]},"nullable":true},"#,
    r#"{"id":20,"name":"exemplar","type":{"struct":[["value","float64"],["trace_id","text"]]},"nullable":true},"#,
    r#"{"id":22,"name":"attributes","type":{"map":["text","text"]},"nullable":true}"#,
    r#"],"next_column_id":23,"sort":[13,1],"partition":"month","bloom":[13]}"#,
);

#[test]
fn the_stored_form_is_stable() {
    // breaks when a change of names or types makes manifests unreadable that older versions wrote
    let schema: TableSchema = serde_json::from_str(STORED).unwrap();
    assert_eq!(serde_json::to_string(&schema).unwrap(), STORED);
    assert_eq!(schema.sort_key(), [13, 1]);
    assert_eq!(schema.partitioning(), Partitioning::Month);
    assert_eq!(schema.column("model").unwrap().from_attribute.as_deref(), Some("gen_ai.request.model"));
    for (column, field) in schema.columns().iter().zip(schema.arrow().fields()) {
        assert_eq!(column_id(field), Some(column.id));
        assert_eq!(ColumnType::from_arrow(field.data_type()).unwrap(), column.ty);
    }
}

#[test]
fn types_are_written_as_sql_writes_them() {
    // breaks when DESCRIBE and messages would show another spelling than CREATE TABLE reads
    let schema: TableSchema = serde_json::from_str(STORED).unwrap();
    let written: Vec<String> = schema.columns().iter().map(|column| column.ty.to_string()).collect();
    assert_eq!(
        written.join(" | "),
        "TIMESTAMP | BOOLEAN | TINYINT | SMALLINT | INTEGER | BIGINT | TINYINT UNSIGNED | SMALLINT UNSIGNED | \
         INTEGER UNSIGNED | BIGINT UNSIGNED | REAL | DOUBLE | TEXT | BYTEA | DATE | \
         TIMESTAMP(3) WITHOUT TIME ZONE | DECIMAL(18, 4) | TEXT[] | REAL[16] | \
         STRUCT<value DOUBLE, trace_id TEXT> | MAP<TEXT, TEXT>"
    );
}

fn spec(columns: Vec<NewColumn>, sort: &[&str]) -> TableSpec {
    let sort = sort.iter().map(|name| (*name).to_owned()).collect();
    TableSpec { name: "t".to_owned(), columns, options: TableOptions { sort, ..TableOptions::default() } }
}

#[test]
fn wrong_declarations_are_refused_with_the_reason() {
    // breaks when a rule of schemas is lost
    let text = |name: &str| NewColumn::new(name, ColumnType::Text);
    let list = NewColumn::new("tags", ColumnType::List(Box::new(ColumnType::Text)));
    let micros = ColumnType::Timestamp { unit: TimeUnit::Microsecond, utc: true };
    let cases = [
        (spec(vec![text("a")], &["a"]), "a table needs a column \"time\" of type TIMESTAMP NOT NULL"),
        (
            spec(vec![NewColumn::new("time", micros)], &["time"]),
            "column \"time\" must be TIMESTAMP NOT NULL, got TIMESTAMP(6) NULL",
        ),
        (spec(vec![NewColumn::time(), text("a"), text("a")], &["time"]), "column \"a\" is declared twice"),
        (
            spec(vec![NewColumn::time(), text("model")], &["modle"]),
            "no column \"modle\" (did you mean \"model\"?)",
        ),
        (
            spec(vec![NewColumn::time()], &[]),
            "the sort key is empty: it needs at least one column, such as time",
        ),
        (
            spec(vec![NewColumn::time(), list], &["tags"]),
            "column \"tags\" of type TEXT[] cannot be a sort key",
        ),
        (spec(vec![NewColumn::time(), text("a")], &["a", "a"]), "the sort key names column \"a\" twice"),
        (
            spec(vec![NewColumn::time(), text("")], &["time"]),
            "\"\" is no column name: it must have 1 to 256 bytes and no control characters",
        ),
        (
            TableSpec { name: "A-b".to_owned(), ..spec(vec![NewColumn::time()], &["time"]) },
            "\"A-b\" is no table name: allowed are lower-case letters, digits and _, at most 128, the first no digit",
        ),
    ];
    for (spec, message) in cases {
        let error = TableSchema::from_spec(&spec).unwrap_err();
        assert_eq!((error.kind(), error.message()), (crate::ErrorKind::Invalid, message));
    }
}

#[test]
fn ids_are_never_given_twice() {
    // breaks when a dropped column's id is used again: its old rows would show in the new column
    let columns = vec![NewColumn::time(), NewColumn::new("a", ColumnType::Int64)];
    let schema = TableSchema::from_spec(&spec(columns, &["time"])).unwrap();
    let schema = schema.changed(&TableChange::DropColumn { name: "a".to_owned() }).unwrap();
    let schema = schema.changed(&TableChange::AddColumn(NewColumn::new("a", ColumnType::Int64))).unwrap();
    assert_eq!(schema.column("a").unwrap().id, 3);
    let stored =
        serde_json::to_string(&schema).unwrap().replace("\"next_column_id\":4", "\"next_column_id\":3");
    let error = serde_json::from_str::<TableSchema>(&stored).unwrap_err();
    assert!(error.to_string().contains("column \"a\" has the wrong id 3"), "{error}");
}

#[test]
fn a_batch_is_brought_into_the_types_of_the_table() {
    // breaks when a form of text or list that a client sends is refused, or a column is matched by position
    let columns = vec![
        NewColumn::time(),
        NewColumn::new("a", ColumnType::Text),
        NewColumn::new("b", ColumnType::Text),
        NewColumn::new("c", ColumnType::Text),
        NewColumn::new("n", ColumnType::Int64),
        NewColumn::new("absent", ColumnType::Int64),
    ];
    let schema = TableSchema::from_spec(&spec(columns, &["time"])).unwrap();
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), None].into_iter().collect();
    let batch = RecordBatch::try_from_iter([
        ("absent", Arc::new(NullArray::new(2)) as ArrayRef),
        ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("c", Arc::new(dictionary)),
        ("b", Arc::new(StringViewArray::from(vec!["y", "z"]))),
        ("a", Arc::new(LargeStringArray::from(vec!["p", "q"]))),
        ("time", Arc::new(TimestampNanosecondArray::from(vec![1, 2]).with_timezone("+00:00"))),
    ])
    .unwrap();
    let conformed = schema.conform(&batch).unwrap();
    let ids: Vec<u32> = conformed.schema().fields().iter().filter_map(|field| column_id(field)).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5], "in the order of the schema, without the all-null column");
    for (index, array) in conformed.columns().iter().enumerate() {
        assert_eq!(array.data_type(), schema.arrow().field(index).data_type());
    }
    assert_eq!(conformed.column(1).as_string::<i32>().value(1), "q");
    assert!(conformed.column(3).is_null(1));
    let wrong = RecordBatch::try_from_iter([
        ("time", Arc::new(TimestampNanosecondArray::from(vec![1]).with_timezone("UTC")) as ArrayRef),
        ("n", Arc::new(Int32Array::from(vec![1]))),
    ])
    .unwrap();
    assert_eq!(schema.conform(&wrong).unwrap_err().message(), "column \"n\" is BIGINT, got INTEGER");
}

#[test]
fn every_nan_becomes_the_one() {
    // breaks when a NaN keeps its sign or payload, alone or nested, or when another value changes
    let list = ColumnType::List(Box::new(ColumnType::Float32));
    let columns =
        vec![NewColumn::time(), NewColumn::new("x", ColumnType::Float64), NewColumn::new("l", list)];
    let schema = TableSchema::from_spec(&spec(columns, &["time"])).unwrap();
    let given = [-f64::NAN, f64::from_bits(f64::NAN.to_bits() | 1), f64::NAN, -0.0, f64::NEG_INFINITY, 1.5];
    let floats = given.map(|value| if value.is_nan() { -f32::NAN } else { value as f32 });
    let lists = floats.map(|value| Some(vec![Some(1.0), None, Some(value)]));
    let times: Vec<i64> = (0..given.len() as i64).collect();
    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")) as ArrayRef),
        ("x", Arc::new(Float64Array::from(given.to_vec()))),
        ("l", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(lists))),
    ])
    .unwrap();
    let conformed = schema.conform(&batch.slice(0, 6)).unwrap();
    let wanted = [f64::NAN, f64::NAN, f64::NAN, -0.0, f64::NEG_INFINITY, 1.5];
    let got = conformed.column(1).as_primitive::<Float64Type>().values().iter();
    assert!(got.map(|value| value.to_bits()).eq(wanted.map(f64::to_bits)));
    for (row, wanted) in wanted.iter().enumerate() {
        let list = conformed.column(2).as_list::<i32>().value(row);
        let list = list.as_primitive::<Float32Type>();
        assert_eq!(
            list.value(2).to_bits(),
            if wanted.is_nan() { f32::NAN } else { *wanted as f32 }.to_bits()
        );
        assert!(list.is_null(1));
    }
}

#[test]
fn a_small_slice_of_large_buffers_is_copied() {
    // breaks when rows in memory keep the buffers of a whole file alive that nobody counts
    let schema = TableSchema::from_spec(&spec(vec![NewColumn::time()], &["time"])).unwrap();
    let times = TimestampNanosecondArray::from_iter_values(0..100_000).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter([("time", Arc::new(times) as ArrayRef)]).unwrap();
    let conformed = schema.conform(&batch.slice(70_000, 10)).unwrap();
    assert!(conformed.get_array_memory_size() < 1_000, "{}", conformed.get_array_memory_size());
    assert_eq!(
        conformed.column(0).as_primitive::<arrow::datatypes::TimestampNanosecondType>().value(0),
        70_000
    );
}

fn any_type() -> impl Strategy<Value = ColumnType> {
    let leaf = prop_oneof![
        Just(ColumnType::Boolean),
        Just(ColumnType::Int8),
        Just(ColumnType::UInt64),
        Just(ColumnType::Float32),
        Just(ColumnType::Text),
        Just(ColumnType::Binary),
        Just(ColumnType::Date),
        Just(ColumnType::TIME),
        (1_u8..=76)
            .prop_flat_map(|precision| (Just(precision), 0..=precision as i8))
            .prop_map(|(precision, scale)| ColumnType::Decimal { precision, scale }),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| ColumnType::List(Box::new(ty))),
            (inner.clone(), 1..9_i32)
                .prop_map(|(ty, length)| ColumnType::FixedSizeList(Box::new(ty), length)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| ColumnType::Map(Box::new(a), Box::new(b))),
            prop::collection::vec(inner, 1..4).prop_map(|types| {
                let fields = types.into_iter().enumerate().map(|(index, ty)| (format!("f{index}"), ty));
                ColumnType::Struct(fields.collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_type_survives_arrow_and_json(ty in any_type()) {
        // breaks when a type reads back as another one
        prop_assert_eq!(&ColumnType::from_arrow(&ty.to_arrow()).unwrap(), &ty);
        let json = serde_json::to_string(&ty).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ColumnType>(&json).unwrap(), &ty);
    }
}
