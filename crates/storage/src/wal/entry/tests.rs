use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatchOptions, StringArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};

use super::*;

fn round_trip(record: &Record) -> Record {
    let mut bytes = Vec::new();
    encode(record, &mut bytes).expect("encodes");
    decode(&Buffer::from_vec(bytes)).expect("decodes")
}

fn field(name: &str, data_type: DataType, id: &str) -> Field {
    let metadata = HashMap::from([("PARQUET:field_id".to_owned(), id.to_owned())]);
    Field::new(name, data_type, true).with_metadata(metadata)
}

/// Would break if the schema's field metadata, types, nulls or nesting were lost: the column ids live there.
#[test]
fn a_record_comes_back_as_it_was() {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
    let schema = Schema::new(vec![
        field("time", time, "1"),
        field("text", DataType::Utf8, "7"),
        field("cost", DataType::Decimal128(18, 4), "9"),
        field("list", DataType::new_list(DataType::Int64, true), "12"),
    ]);
    let batch = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(TimestampNanosecondArray::from(vec![1, 2]).with_timezone("UTC")),
            Arc::new(StringArray::from(vec![Some("ü"), None])),
            Arc::new(Decimal128Array::from(vec![Some(5), None]).with_precision_and_scale(18, 4).unwrap()),
            Arc::new(list),
        ],
    );
    let batch = batch.unwrap();
    let narrow = Schema::new(vec![field("x", DataType::Float64, "3")]);
    let narrow =
        RecordBatch::try_new(Arc::new(narrow), vec![Arc::new(Float64Array::from(vec![0.5; 3]))]).unwrap();
    let record = Record {
        batch_id: Some(crate::BatchId([3; 16])),
        entries: vec![
            Entry { table_id: 1, batch: batch.slice(1, 1) },
            Entry { table_id: u64::MAX, batch: narrow },
            Entry { table_id: 1, batch },
        ],
    };
    let back = round_trip(&record);
    assert_eq!(back, record);
    assert_eq!(back.entries[0].batch.schema(), record.entries[0].batch.schema());
}

/// Would break if empty batches confused the stream decoder, whose loop ends when its input is empty.
#[test]
fn batches_without_rows_or_columns_come_back() {
    let schema = Arc::new(Schema::new(vec![field("x", DataType::Int64, "1")]));
    let no_rows = RecordBatch::new_empty(schema);
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let no_columns = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let entries = [no_rows, no_columns].map(|batch| Entry { table_id: 1, batch });
    let record = Record { batch_id: None, entries: entries.to_vec() };
    assert_eq!(round_trip(&record), record);
}

/// Would break if a slice of a large array dragged the whole array into the log.
#[test]
fn a_slice_takes_the_bytes_of_a_slice() {
    let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..10_000)) as _)]);
    let record = Record {
        batch_id: None,
        entries: vec![Entry { table_id: 1, batch: batch.unwrap().slice(5_000, 2) }],
    };
    let mut bytes = Vec::new();
    encode(&record, &mut bytes).unwrap();
    assert!(bytes.len() < 1_000, "{} bytes", bytes.len());
}

/// Would break if large texts went to the disk as they are, or came back as anything else.
#[test]
fn large_rows_are_compressed() {
    let texts = (0..3).map(|row| format!("{row} where is my parcel? ").repeat(5_000));
    let texts = StringArray::from_iter_values(texts);
    let raw = texts.value_data().len();
    let batch = RecordBatch::try_from_iter([("x", Arc::new(texts) as _)]).unwrap();
    let record = Record { batch_id: None, entries: vec![Entry { table_id: 1, batch }] };
    let mut bytes = Vec::new();
    encode(&record, &mut bytes).unwrap();
    assert!(bytes.len() < raw / 10, "{} of {raw} bytes", bytes.len());
    assert_eq!(decode(&Buffer::from_vec(bytes)).unwrap(), record);
}

/// Would break if a length or count were trusted before it is checked against the bytes at hand.
#[test]
fn cut_and_padded_payloads_are_refused() {
    let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
    let mut bytes = Vec::new();
    encode(&Record { batch_id: None, entries: vec![Entry { table_id: 4, batch }] }, &mut bytes).unwrap();
    for len in 0..bytes.len() {
        assert!(decode(&Buffer::from_vec(bytes[..len].to_vec())).is_err(), "cut to {len} bytes");
    }
    bytes.push(0);
    assert_eq!(decode(&Buffer::from_vec(bytes.clone())).unwrap_err(), "1 bytes follow the last entry");
    bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(decode(&Buffer::from_vec(bytes)).unwrap_err().contains("claims 18446744073709551615 bytes"));
}
