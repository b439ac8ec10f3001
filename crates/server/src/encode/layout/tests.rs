use std::collections::HashMap;

use arrow::array::*;
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Int8Type, Int32Type, UnionFields, i256};
use driftline::arrow;

use super::*;

/// The types that both of Grafana's readers copy into a frame; every other one makes an empty column or an error there.
fn grafana_reads(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Utf8 | T::Boolean | T::Float32 | T::Float64 => true,
        T::Timestamp(unit, _) => *unit == TimeUnit::Nanosecond,
        other => other.is_integer(),
    }
}

fn sent(column: ArrayRef) -> ArrayRef {
    let batch = RecordBatch::try_from_iter([("c", column)]).expect("one column");
    let layout = Layout::new(&batch.schema(), Types::Plain);
    let field = layout.schema().field(0);
    assert!(grafana_reads(field.data_type()), "{field:?}");
    assert!(field.is_nullable());
    let converted = layout.convert(&batch).expect("what can be sent");
    assert_eq!(converted.schema(), *layout.schema());
    Arc::clone(converted.column(0))
}

fn texts(column: ArrayRef) -> Vec<Option<String>> {
    sent(column).as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

/// Goes red when a text leaves as anything that Go's older reader does not know.
#[test]
fn texts_of_every_kind_leave_as_utf8() {
    let expected = vec![Some("a".to_owned()), None, Some("b".to_owned())];
    let values = vec![Some("a"), None, Some("b")];
    assert_eq!(texts(Arc::new(StringViewArray::from(values.clone()))), expected);
    assert_eq!(texts(Arc::new(LargeStringArray::from(values.clone()))), expected);
    assert_eq!(texts(Arc::new(values.into_iter().collect::<DictionaryArray<Int8Type>>())), expected);
    let runs =
        RunArray::try_new(&Int32Array::from(vec![1, 3]), &StringViewArray::from(vec!["a", "b"])).unwrap();
    assert_eq!(texts(Arc::new(runs)), some(&["a", "b", "b"]));
    assert_eq!(texts(Arc::new(NullArray::new(2))), vec![None, None]);
}

/// Goes red when a unit reaches Grafana, which reads every time as nanoseconds.
#[test]
fn times_leave_in_nanoseconds() {
    let nanoseconds = |column: ArrayRef| {
        let sent = sent(column);
        let sent = cast(&sent, &DataType::Int64).unwrap();
        sent.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
    };
    assert_eq!(nanoseconds(Arc::new(TimestampSecondArray::from(vec![-1]))), [-1_000_000_000]);
    let zoned = TimestampMillisecondArray::from(vec![7]).with_timezone("UTC");
    assert_eq!(nanoseconds(Arc::new(zoned)), [7_000_000]);
    assert_eq!(nanoseconds(Arc::new(TimestampMicrosecondArray::from(vec![7]))), [7_000]);
    assert_eq!(nanoseconds(Arc::new(Date32Array::from(vec![1]))), [86_400_000_000_000]);
    assert_eq!(nanoseconds(Arc::new(Date64Array::from(vec![86_400_000]))), [86_400_000_000_000]);
    assert_eq!(nanoseconds(Arc::new(DurationMillisecondArray::from(vec![5]))), [5_000_000]);
}

/// Goes red when a time that nanoseconds cannot say becomes NULL or another time.
#[test]
fn a_time_out_of_range_is_an_error() {
    for column in [
        Arc::new(TimestampSecondArray::from(vec![i64::MAX / 1_000_000_000 + 1])) as ArrayRef,
        Arc::new(Date32Array::from(vec![2_932_896])), // 9999-12-31
    ] {
        let batch = RecordBatch::try_from_iter([("until", column)]).unwrap();
        let layout = Layout::new(&batch.schema(), Types::Plain);
        let error = layout.convert(&batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("column \"until\"") && error.to_string().contains("2262-04-11"));
    }
}

#[test]
fn numbers_and_bytes_leave_as_what_grafana_knows() {
    let decimal = Decimal128Array::from(vec![12345]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(sent(Arc::new(decimal)).as_primitive::<arrow::datatypes::Float64Type>().values(), &[123.45]);
    let wide = Decimal256Array::from(vec![i256::from(5)]).with_precision_and_scale(40, 1).unwrap();
    assert_eq!(sent(Arc::new(wide)).as_primitive::<arrow::datatypes::Float64Type>().values(), &[0.5]);
    let bytes: &[&[u8]] = &[&[0, 255, 16]];
    for column in [
        Arc::new(BinaryArray::from(bytes.to_vec())) as ArrayRef,
        Arc::new(LargeBinaryArray::from(bytes.to_vec())),
        Arc::new(BinaryViewArray::from(bytes.to_vec())),
        Arc::new(FixedSizeBinaryArray::try_from_iter(bytes.iter()).unwrap()),
    ] {
        assert_eq!(texts(column), some(&["00ff10"]));
    }
    assert_eq!(texts(Arc::new(Time32SecondArray::from(vec![3661]))), some(&["01:01:01"]));
    let interval = IntervalDayTimeArray::from(vec![arrow::datatypes::IntervalDayTime::new(1, 0)]);
    assert_eq!(texts(Arc::new(interval)), some(&["1 days"]));
}

/// Goes red when a nested value loses a NULL, a name or its shape on the way to JSON.
#[test]
fn nested_values_leave_as_json() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    assert_eq!(texts(Arc::new(list)), vec![Some("[1,null]".to_owned()), None]);
    let views = ListViewArray::new(
        Arc::new(Field::new_list_field(DataType::Utf8View, true)),
        ScalarBuffer::from(vec![0]),
        ScalarBuffer::from(vec![2]),
        Arc::new(StringViewArray::from(vec!["a", "\"b\""])),
        None,
    );
    assert_eq!(texts(Arc::new(views)), some(&[r#"["a","\"b\""]"#]));
    let fields = vec![
        (
            Arc::new(Field::new("x", DataType::Float64, true)),
            Arc::new(Float64Array::from(vec![f64::NAN])) as ArrayRef,
        ),
        (Arc::new(Field::new("b", DataType::Binary, true)), Arc::new(BinaryArray::from(vec![&[171u8][..]]))),
    ];
    assert_eq!(texts(Arc::new(StructArray::from(fields))), some(&[r#"{"x":null,"b":"ab"}"#]));
}

#[test]
fn maps_leave_as_objects_whatever_their_keys_are() {
    let mut map = MapBuilder::new(None, Int32Builder::new(), StringViewBuilder::new());
    map.keys().append_value(7);
    map.values().append_value("x");
    map.append(true).unwrap();
    map.append(false).unwrap();
    assert_eq!(texts(Arc::new(map.finish())), vec![Some(r#"{"7":"x"}"#.to_owned()), None]);
}

#[test]
fn unions_leave_as_text() {
    let fields = UnionFields::from_fields([Field::new("i", DataType::Int32, true)]);
    let children: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![4]))];
    let union = UnionArray::try_new(fields, ScalarBuffer::from(vec![0i8]), Some(vec![0i32].into()), children)
        .unwrap();
    assert_eq!(texts(Arc::new(union)), some(&["{i=4}"]));
}

/// Goes red when a caller that asked for Arrow's types gets a view or a dictionary inside of one.
#[test]
fn arrows_own_types_leave_without_views() {
    let items = Arc::new(StringViewArray::from(vec!["a", "b"]));
    let list = ListArray::new(
        Arc::new(Field::new_list_field(DataType::Utf8View, false)),
        OffsetBuffer::new(vec![0, 2].into()),
        items,
        None,
    );
    let time = TimestampMillisecondArray::from(vec![7]).with_timezone("UTC");
    let columns = [("list", Arc::new(list) as ArrayRef), ("time", Arc::new(time))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let layout = Layout::new(&batch.schema(), Types::Arrow);
    let converted = layout.convert(&batch).unwrap();
    let item = Field::new_list_field(DataType::Utf8, false);
    assert_eq!(converted.schema().field(0).data_type(), &DataType::List(Arc::new(item)));
    assert_eq!(converted.schema().field(1).data_type(), batch.schema().field(1).data_type());
}

/// Goes red when a result column that cannot be NULL leaves as such: Grafana fills its gaps with 0.
#[test]
fn every_column_is_nullable_and_keeps_its_metadata() {
    let metadata = HashMap::from([("unit".to_owned(), "ms".to_owned())]);
    let field = Field::new("count", DataType::Int64, false).with_metadata(metadata.clone());
    let layout = Layout::new(&Schema::new(vec![field]), Types::Plain);
    assert!(layout.schema().field(0).is_nullable());
    assert_eq!(layout.schema().field(0).metadata(), &metadata);
}

/// Goes red when an answer without columns loses its rows.
#[test]
fn a_batch_without_columns_keeps_its_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let layout = Layout::new(&batch.schema(), Types::Plain);
    assert_eq!(layout.convert(&batch).unwrap().num_rows(), 3);
}
