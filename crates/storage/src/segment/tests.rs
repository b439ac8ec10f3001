use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, Int64Builder,
        ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder, TimestampNanosecondArray,
    },
    compute::cast,
    datatypes::{Int64Type, TimestampNanosecondType},
};
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, basic::Encoding};

use super::*;
use crate::{
    ColumnType, ErrorKind, NewColumn, TableOptions, TableSchema, TableSpec, cache::Cache, column_id,
    order::Ordered,
};

fn schema() -> TableSchema {
    let spec = TableSpec {
        name: "t".to_owned(),
        columns: vec![
            NewColumn::time(),
            NewColumn::new("model", ColumnType::Text),
            NewColumn::new("trace_id", ColumnType::Text),
            NewColumn::new("score", ColumnType::Float64),
            NewColumn::new("tokens", ColumnType::Int64),
            NewColumn::new("ok", ColumnType::Boolean),
            NewColumn::new("price", ColumnType::Decimal { precision: 18, scale: 4 }),
            NewColumn::new("counts", ColumnType::List(Box::new(ColumnType::Int64))),
            NewColumn::new(
                "attributes",
                ColumnType::Map(Box::new(ColumnType::Text), Box::new(ColumnType::Text)),
            ),
            NewColumn::new("never", ColumnType::Int64),
        ],
        options: TableOptions {
            sort: vec!["model".to_owned(), "time".to_owned()],
            bloom: vec!["trace_id".to_owned()],
            ..TableOptions::default()
        },
    };
    TableSchema::from_spec(&spec).unwrap()
}

/// Rows that are in order already, so that what is read can be compared as it is.
fn rows(schema: &TableSchema, count: i64) -> RecordBatch {
    let model = |row: i64| (row >= count / 4).then_some(if row < count / 2 { "a" } else { "b" });
    let mut counts = ListBuilder::new(Int64Builder::new());
    let mut attributes = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in 0..count {
        counts.append_option((row % 3 > 0).then(|| (0..row % 3).map(Some).collect::<Vec<_>>()));
        for key in 0..row % 2 {
            attributes.keys().append_value(format!("key.{key}"));
            attributes.values().append_value(row.to_string());
        }
        attributes.append(row % 5 > 0).unwrap();
    }
    let price = Decimal128Array::from_iter((0..count).map(|row| (row % 7 > 0).then_some(i128::from(row))));
    let score = (0..count).map(|row| match row % 6 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(-0.0),
        _ => Some(row as f64 / 3.0),
    });
    let time = TimestampNanosecondArray::from_iter_values((0..count).map(|row| row * 1_000_003));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(time.with_timezone("UTC"))),
        ("model", Arc::new((0..count).map(model).collect::<StringArray>())),
        ("trace_id", Arc::new((0..count).map(|row| Some(format!("{row:032x}"))).collect::<StringArray>())),
        ("score", Arc::new(score.collect::<Float64Array>())),
        ("tokens", Arc::new((0..count).map(|row| Some(row % 50)).collect::<Int64Array>())),
        ("ok", Arc::new((0..count).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        ("price", Arc::new(price.with_precision_and_scale(18, 4).unwrap())),
        ("counts", Arc::new(counts.finish())),
        ("attributes", Arc::new(attributes.finish())),
    ];
    schema.conform(&RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn encoded(schema: &TableSchema, batch: RecordBatch) -> EncodedSegment {
    let ordered = Ordered::new(schema, vec![batch]).unwrap();
    let [(_, range)] = ordered.partitions() else { panic!("one partition") };
    let name = Name { table: "t", partition: "1970-01-01", id: "S".to_owned(), created_at: 0 };
    encode(schema, &ordered, range.clone(), None, name).unwrap()
}

async fn store(segment: &EncodedSegment, bytes: Bytes) -> Arc<dyn ObjectStore> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    store.put(&Path::from(segment.meta.path.as_str()), bytes.into()).await.unwrap();
    store
}

/// Everything that a reader gives out: the columns of all row groups, and what the bloom filter says.
async fn read_all(store: &Arc<dyn ObjectStore>, meta: &Arc<SegmentMeta>) -> crate::Result<Vec<ArrayRef>> {
    let reader = open(store, &Cache::new(1 << 20), meta).await?;
    let mut read = Vec::new();
    for group in 0..reader.row_groups() {
        read.extend(reader.read_columns(group, &meta.columns).await?.into_iter().flatten());
        let maybe = reader.may_contain(group, 3, format!("{:032x}", 7).as_bytes()).await?;
        read.push(Arc::new(BooleanArray::from(vec![maybe])));
    }
    Ok(read)
}

#[tokio::test]
async fn every_type_reads_back_as_it_was_written() {
    // breaks when an encoding loses a bit, a null or an order, or a column is found in the wrong place
    let schema = schema();
    let batch = rows(&schema, 500);
    let segment = encoded(&schema, batch.clone());
    let meta = Arc::new(segment.meta.clone());
    assert_eq!(
        (meta.rows, meta.row_groups, meta.columns.as_slice()),
        (500, 1, &[1, 2, 3, 4, 5, 6, 7, 8, 9][..])
    );
    let store = store(&segment, segment.bytes.clone()).await;
    let reader = open(&store, &Cache::new(0), &meta).await.unwrap();
    let wanted = [9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 77];
    let read = reader.read_columns(0, &wanted).await.unwrap();
    for (id, array) in wanted.iter().zip(read) {
        let written = batch.schema().fields().iter().position(|field| column_id(field) == Some(*id));
        let Some(position) = written else {
            assert!(array.is_none(), "column {id} is not in the file");
            continue;
        };
        let array = cast(&array.unwrap(), batch.column(position).data_type()).unwrap();
        assert_eq!(array.to_data(), batch.column(position).to_data(), "column {id}");
    }
    assert_eq!(reader.column_root(10), None);
    assert!(!reader.may_contain(0, 10, b"x").await.unwrap());
    let times = reader.statistics(0, 1).unwrap();
    assert_eq!(times.min_bytes_opt().unwrap(), 0_i64.to_le_bytes());
    assert!(reader.statistics(0, 9).is_none(), "a map has no statistics");
}

#[tokio::test]
async fn flipped_bytes_are_errors_or_change_nothing() {
    // breaks when a byte that decides an answer is used before it is checked
    let schema = schema();
    let segment = encoded(&schema, rows(&schema, 60));
    let meta = Arc::new(segment.meta.clone());
    let good = read_all(&store(&segment, segment.bytes.clone()).await, &meta).await.unwrap();
    let tail = usize::try_from(meta.tail_offset).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    for offset in (0..segment.bytes.len()).step_by(3).chain(tail..tail + 40) {
        let mut bad = segment.bytes.to_vec();
        bad[offset] ^= 1 << (offset % 8);
        match read_all(&store(&segment, bad.into()).await, &meta).await {
            Ok(read) => {
                assert!(read == good, "offset {offset} changes the rows");
                harmless += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "offset {offset}: {error}");
                assert!(error.message().starts_with(&meta.path), "{error}");
                noticed += 1;
            }
        }
    }
    assert!(harmless <= 2, "only the magic at the front is not read: {harmless} of {noticed}");
}

/// A segment that says it has another format, and is whole.
fn of_format(segment: &EncodedSegment, digit: u8) -> EncodedSegment {
    let mut bytes = segment.bytes.to_vec();
    // in Thrift: the key, then the value, a text of one byte
    let key = format!("{}\u{18}\u{1}1", format::KEY).into_bytes();
    let at = bytes.windows(key.len()).position(|window| window == key).expect("the format is in the footer");
    bytes[at + key.len() - 1] = digit;
    let tail_offset = usize::try_from(segment.meta.tail_offset).unwrap();
    let (tail_crc32c, file_crc32c) = (crc32c::crc32c(&bytes[tail_offset..]), crc32c::crc32c(&bytes));
    let meta = SegmentMeta { tail_crc32c, file_crc32c, ..segment.meta.clone() };
    EncodedSegment { meta, bytes: bytes.into() }
}

#[tokio::test]
async fn a_newer_format_is_refused_and_says_what_to_do() {
    // breaks when a segment of a newer program is called damaged, or decoded as if it were of today
    let schema = schema();
    let segment = encoded(&schema, rows(&schema, 60));
    for (digit, kind) in [(b'2', ErrorKind::Invalid), (b'0', ErrorKind::Corrupted)] {
        let other = of_format(&segment, digit);
        let store = store(&other, other.bytes.clone()).await;
        let error = read_all(&store, &Arc::new(other.meta.clone())).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        if kind == ErrorKind::Invalid {
            let sentence = "has format 2, this program reads up to format 1: open it with a newer driftline";
            assert_eq!(error.message(), format!("{} {sentence}", other.meta.path));
        }
    }
    let same = of_format(&segment, b'1');
    assert!(same.bytes == segment.bytes && same.meta == segment.meta);
}

#[tokio::test]
async fn a_missing_or_cut_object_is_damaged() {
    // breaks when a lost file looks like a passing failure of the store
    let schema = schema();
    let segment = encoded(&schema, rows(&schema, 60));
    let meta = Arc::new(segment.meta.clone());
    for length in [0, 3, 100, segment.bytes.len() - 1] {
        let cut = store(&segment, segment.bytes.slice(..length)).await;
        let error = read_all(&cut, &meta).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
    }
    let empty: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let error = read_all(&empty, &meta).await.unwrap_err();
    assert_eq!(error.message(), "data/t/date=1970-01-01/S.parquet is damaged: it is missing");
    let whole = store(&segment, segment.bytes.clone()).await;
    verify(&whole, &meta, &schema, true).await.unwrap();
    let other = Arc::new(SegmentMeta { max_time: meta.max_time + 1, ..segment.meta.clone() });
    assert_eq!(verify(&whole, &other, &schema, true).await.unwrap_err().kind(), ErrorKind::Corrupted);
}

#[test]
fn a_foreign_reader_finds_plain_sorted_parquet() {
    // breaks when the file stops to be Parquet that other engines read, with its order and its field ids declared
    let schema = schema();
    let segment = encoded(&schema, rows(&schema, 20_000));
    let builder = ParquetRecordBatchReaderBuilder::try_new(segment.bytes.clone()).unwrap();
    let metadata = Arc::clone(builder.metadata());
    let group = metadata.row_group(0);
    let sorting = group.sorting_columns().unwrap();
    assert_eq!(sorting.iter().map(|column| column.column_idx).collect::<Vec<_>>(), [1, 0]);
    assert!(sorting.iter().all(|column| column.nulls_first && !column.descending));
    let root = metadata.file_metadata().schema();
    let ids: Vec<i32> = root.get_fields().iter().map(|field| field.get_basic_info().id()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let paged = |column: usize| group.column(column).column_index_offset().is_some();
    assert_eq!((0..5).map(paged).collect::<Vec<_>>(), [true, true, false, false, false]);
    let blooms =
        (0..group.num_columns()).filter(|column| group.column(*column).bloom_filter_offset().is_some());
    assert_eq!(blooms.collect::<Vec<_>>(), [2]);
    let written = |column: usize| (group.column(column).compression(), group.column(column).encodings_mask());
    for (column, codec, encoding) in [
        (0, "UNCOMPRESSED", Encoding::DELTA_BINARY_PACKED),
        (1, "ZSTD", Encoding::RLE_DICTIONARY),
        (2, "ZSTD", Encoding::DELTA_LENGTH_BYTE_ARRAY),
        (3, "LZ4_RAW", Encoding::RLE_DICTIONARY),
        (4, "LZ4_RAW", Encoding::RLE_DICTIONARY),
    ] {
        let (compression, encodings) = written(column);
        assert!(compression.to_string().starts_with(codec), "column {column}: {compression}");
        assert!(encodings.is_set(encoding), "column {column}: {encodings:?}");
    }
    let mut read = 0;
    for batch in builder.build().unwrap() {
        let batch = batch.unwrap();
        let time = batch.column(0).as_primitive::<TimestampNanosecondType>();
        assert_eq!(batch.schema().field(0).name(), "time");
        assert!(time.values().is_sorted(), "each model has later times than the one before");
        read += batch.num_rows();
    }
    assert_eq!(read, 20_000);
}

#[tokio::test]
async fn row_groups_are_read_apart() {
    // breaks when a row group is decoded with the offsets or the checksums of another
    let schema = schema();
    let count = 300_000_i64;
    let time = TimestampNanosecondArray::from_iter_values(0..count).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(time) as ArrayRef),
        (
            "model",
            Arc::new(
                (0..count).map(|row| Some(["a", "b"][usize::from(row >= 80_000)])).collect::<StringArray>(),
            ),
        ),
        ("tokens", Arc::new(Int64Array::from_iter_values(0..count))),
    ])
    .unwrap();
    let segment = encoded(&schema, schema.conform(&batch).unwrap());
    let meta = Arc::new(segment.meta.clone());
    let store = store(&segment, segment.bytes.clone()).await;
    let reader = open(&store, &Cache::new(0), &meta).await.unwrap();
    assert_eq!(
        (0..reader.row_groups()).map(|group| reader.row_group_rows(group)).collect::<Vec<_>>(),
        [80_000, 220_000]
    );
    let mut next = 0;
    for group in 0..reader.row_groups() {
        let columns = reader.read_columns(group, &[5]).await.unwrap();
        let tokens = columns[0].as_ref().unwrap().as_primitive::<Int64Type>();
        assert!(tokens.values().iter().copied().eq(next..next + tokens.len() as i64));
        next += tokens.len() as i64;
    }
    assert_eq!(next, count);
}
