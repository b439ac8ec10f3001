use std::{collections::BTreeSet, sync::Arc};

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, MapBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampNanosecondArray,
};

use arrow::{buffer::BooleanBuffer, compute::cast};

use super::builder::IndexBuilder;
use crate::{
    ColumnType, CompactOptions, Durability, ErrorKind, Filtered, NewColumn, SegmentIndex, SegmentReader,
    Storage, StorageOptions, TableOptions, TableSpec, TimeRange, schema::TableSchema, testing::SimDisk,
};

const ROWS: i64 = 40_000;

fn spec() -> TableSpec {
    TableSpec {
        name: "t".to_owned(),
        columns: vec![
            NewColumn::time(),
            NewColumn::new("trace_id", ColumnType::Text),
            NewColumn::new("model", ColumnType::Text),
            NewColumn::new("status", ColumnType::Int64),
            NewColumn::new("ok", ColumnType::Boolean),
            NewColumn::new("session", ColumnType::Text),
            NewColumn::new(
                "attributes",
                ColumnType::Map(Box::new(ColumnType::Text), Box::new(ColumnType::Text)),
            ),
        ],
        options: TableOptions { bloom: vec!["trace_id".to_owned()], ..TableOptions::default() },
    }
}

/// One row of 5,000 has the model `rare`, of 2,000 none; of 8,000 the status 500; every one another session.
fn batch() -> RecordBatch {
    let time = TimestampNanosecondArray::from_iter_values(0..ROWS).with_timezone("UTC");
    let model = |row: i64| match row {
        row if row % 5_000 == 7 => Some("rare"),
        row if row % 2_000 == 9 => None,
        _ => Some("usual"),
    };
    let mut attributes = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in 0..ROWS {
        if row % 10_000 == 3 {
            attributes.keys().append_value("app.user");
            attributes.values().append_value("\"ann\"");
            // of a key that comes twice the first counts
            attributes.keys().append_value("app.user");
            attributes.values().append_value("\"bob\"");
        }
        attributes.append(true).unwrap();
    }
    let columns: [(&str, ArrayRef); 7] = [
        ("time", Arc::new(time)),
        ("trace_id", Arc::new((0..ROWS).map(|row| Some(format!("{row:032x}"))).collect::<StringArray>())),
        ("model", Arc::new((0..ROWS).map(model).collect::<StringArray>())),
        (
            "status",
            Arc::new(
                (0..ROWS).map(|row| Some(if row % 8_000 == 5 { 500 } else { 200 })).collect::<Int64Array>(),
            ),
        ),
        ("ok", Arc::new((0..ROWS).map(|row| Some(row % 8_000 != 5)).collect::<BooleanArray>())),
        ("session", Arc::new((0..ROWS).map(|row| Some(format!("s{row}"))).collect::<StringArray>())),
        ("attributes", Arc::new(attributes.finish())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Two segments.
async fn filled(disk: &SimDisk) -> Storage {
    let options =
        StorageOptions { compaction: false, promote_attributes: false, ..StorageOptions::default() };
    let builder = Storage::builder("").seed(1).options(options).object_store(disk.store()).log(disk.log());
    let storage = builder.open().await.unwrap();
    storage.create_table(spec()).await.unwrap();
    for half in [batch().slice(0, 15_000), batch().slice(15_000, 25_000)] {
        storage.append("t", half, Durability::Durable).await.unwrap();
        storage.flush(None).await.unwrap();
    }
    storage
}

/// One segment, and its index.
async fn compact(storage: &Storage) -> (SegmentReader, Arc<SegmentIndex>) {
    storage.compact("t", CompactOptions::default()).await.unwrap();
    let table = Arc::clone(storage.snapshot().table("t").unwrap());
    let segments = table.segments(TimeRange::ALL).await.unwrap();
    assert_eq!(segments.len(), 1);
    let reader = table.open_segment(&segments[0]).await.unwrap();
    let index = table.index(&reader).await.unwrap().unwrap();
    (reader.as_ref().clone(), index)
}

async fn compacted(disk: &SimDisk) -> (Storage, SegmentReader, Arc<SegmentIndex>) {
    let storage = filled(disk).await;
    let (reader, index) = compact(&storage).await;
    (storage, reader, index)
}

// breaks when a column of many values that queries filter by has no index, or the next process forgets which those are
#[tokio::test]
async fn what_queries_filter_by_is_indexed_with_more_values() {
    let disk = SimDisk::new();
    let storage = filled(&disk).await;
    let table = Arc::clone(storage.snapshot().table("t").unwrap());
    let session = table.schema().column("session").unwrap().id;
    for _ in 0..3 {
        table.count_filters([Filtered::Column(session)]);
    }
    let (reader, index) = compact(&storage).await;
    let sessions = index.column(session).unwrap();
    assert_eq!(sessions.values().count() as i64, ROWS);
    for row in [0, 7, 39_999] {
        let found = reader.read_postings(&[sessions.get(&format!("s{row}")).unwrap()]).await.unwrap();
        assert_eq!(found, crate::RowSet::from_iter([row]));
    }
    assert_eq!(sessions.get("s40000"), None);
    storage.close().await.unwrap();
    let storage =
        Storage::builder("").seed(1).object_store(disk.store()).log(disk.log()).open().await.unwrap();
    let record = Arc::clone(storage.core.state().root().table("t").unwrap());
    assert!(record.filtered.contains(&Filtered::Column(session)));
}

// breaks when the index of a wide table takes more memory than it may, or leaves out what queries filter by before anything else
#[test]
fn the_index_of_a_wide_table_fits_into_memory() {
    let names = ["few", "usual", "many", "asked"];
    let texts = names.map(|name| NewColumn::new(name, ColumnType::Text));
    let columns = [NewColumn::time()].into_iter().chain(texts).collect();
    let spec = TableSpec { name: "t".to_owned(), columns, options: TableOptions::default() };
    let schema = TableSchema::from_spec(&spec).unwrap();
    let ids = names.map(|name| schema.column(name).unwrap().id);
    let arrays = schema.arrow().fields().iter().map(|field| {
        let values: ArrayRef = match field.name().as_str() {
            "time" => Arc::new(TimestampNanosecondArray::from_iter_values(0..ROWS)),
            // in one block each
            "few" => Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| row / 400))),
            // in every block, but for one row
            "usual" => Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| match row {
                77 => -1,
                row => row % 50,
            }))),
            _ => Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| row % 3_000))),
        };
        cast(&values, field.data_type()).unwrap()
    });
    let batch = RecordBatch::try_new(Arc::clone(schema.arrow()), arrays.collect()).unwrap();
    let indexed = |bytes_max| {
        let mut builder = IndexBuilder::new(&schema, &BTreeSet::from([Filtered::Column(ids[3])]), bytes_max);
        builder.add(&batch).unwrap();
        builder.keep_within_memory();
        let built = builder.finish(0).unwrap();
        let index = built.map(|(bytes, note)| {
            let range = note.range().start as usize..note.range().end as usize;
            note.open("t", &bytes[range]).unwrap()
        });
        ids.map(|id| index.as_ref().is_some_and(|index| index.column(id).is_some()))
    };
    assert_eq!(indexed(1 << 30), [true, true, true, true]);
    // without the rows of what is usual, which is not stored, there is room for the rest
    assert_eq!(indexed(800_000), [true, true, false, true]);
    assert_eq!(indexed(600_000), [false, true, false, true]);
    assert_eq!(indexed(1_000), [false, false, false, false]);
}

// breaks when a value has other rows in the index than in the segment, or is taken for rare when it is not
#[tokio::test]
async fn rare_values_have_their_rows() {
    let (storage, reader, index) = compacted(&SimDisk::new()).await;
    let column = |name: &str| storage.snapshot().table("t").unwrap().schema().column(name).unwrap().id;
    let model = index.column(column("model")).unwrap();
    assert_eq!((model.get("usual").unwrap().rows, model.get("usual").unwrap().is_stored()), (39_972, false));
    assert_eq!(model.get("unknown"), None);
    let rows =
        |wanted: &dyn Fn(i64) -> bool| (0..ROWS).filter(|row| wanted(*row)).map(|row| row as u32).collect();
    let rare: crate::RowSet = rows(&|row| row % 5_000 == 7);
    let none: crate::RowSet = rows(&|row| row % 2_000 == 9);
    let found = reader.read_postings(&[model.get("rare").unwrap()]).await.unwrap();
    assert_eq!(found, rare);
    assert_eq!(reader.read_postings(&[model.nulls().unwrap()]).await.unwrap(), none);
    let both = reader.read_postings(&[model.get("rare").unwrap(), model.nulls().unwrap()]).await.unwrap();
    assert_eq!(both, rare.union(&none));
    let errors: crate::RowSet = rows(&|row| row % 8_000 == 5);
    for (name, value) in [("status", "500"), ("ok", "false")] {
        let posting = index.column(column(name)).unwrap().get(value).unwrap();
        assert_eq!(reader.read_postings(&[posting]).await.unwrap(), errors, "{name} = {value}");
    }
    let users = index.attribute("app.user").unwrap();
    assert_eq!(
        users.values().map(|(value, posting)| (value, posting.rows)).collect::<Vec<_>>(),
        [("\"ann\"", 4)]
    );
    // what has a bloom filter, what has too many values and what is no such type
    for name in ["trace_id", "session", "time", "attributes"] {
        assert!(index.column(column(name)).is_none(), "{name}");
    }
    assert_eq!(storage.check(true).await.unwrap().findings, []);
}

// breaks when a damaged index gives wrong rows instead of an error that names the file
#[tokio::test]
async fn a_flipped_bit_in_an_index_is_found() {
    let disk = SimDisk::new();
    let (storage, reader, _) = compacted(&disk).await;
    let table = Arc::clone(storage.snapshot().table("t").unwrap());
    let path = object_store::path::Path::from(reader.meta().path.as_str());
    let store = disk.store();
    let bytes =
        object_store::ObjectStoreExt::get(store.as_ref(), &path).await.unwrap().bytes().await.unwrap();
    let metadata = reader.parquet_metadata();
    let note = super::IndexNote::read("", metadata).unwrap().unwrap();
    let last = metadata.row_groups().last().unwrap().columns().iter();
    let data_end =
        last.map(|column| column.byte_range()).map(|(start, length)| start + length).max().unwrap();
    assert!(data_end <= note.offset, "the index lies behind the data");
    // the directory
    let mut flipped = bytes.to_vec();
    flipped[note.offset as usize + 20] ^= 1;
    store.overwrite(&path, flipped).await.unwrap();
    let error = reader.read_index().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(error.message().starts_with(&reader.meta().path), "{error}");
    assert!(!storage.check(true).await.unwrap().findings.is_empty());
    // the last bitmap in front of it
    let mut flipped = bytes.to_vec();
    flipped[note.offset as usize - 1] ^= 1;
    store.overwrite(&path, flipped).await.unwrap();
    let index = reader.read_index().await.unwrap().unwrap();
    let model = table.schema().column("model").unwrap().id;
    let posting = index.column(model).unwrap().nulls().unwrap();
    assert_eq!(reader.read_postings(&[posting]).await.unwrap_err().kind(), ErrorKind::Corrupted);
}

// breaks when a row is read with the pages of others, or from bytes that nothing has checked
#[tokio::test]
async fn a_row_is_read_without_the_pages_of_others() {
    let disk = SimDisk::new();
    let (storage, reader, _) = compacted(&disk).await;
    let column = storage.snapshot().table("t").unwrap().schema().column("trace_id").unwrap().id;
    let rows = reader.row_group_rows(0);
    let last = BooleanBuffer::collect_bool(rows, |row| row + 1 == rows);
    let (some, all) =
        (reader.bytes_to_read(0, &[column], Some(&last)), reader.bytes_to_read(0, &[column], None));
    assert!(some * 2 <= all, "{some} of {all} bytes");
    let expected = format!("{:032x}", ROWS - 1);
    let read = async || {
        let read = reader.read_selected(0, &[column], &last).await;
        read.map(|arrays| arrays[0].as_ref().unwrap().as_string_view().value(0).to_owned())
    };
    assert_eq!(read().await.unwrap(), expected);
    let path = object_store::path::Path::from(reader.meta().path.as_str());
    let store = disk.store();
    let bytes =
        object_store::ObjectStoreExt::get(store.as_ref(), &path).await.unwrap().bytes().await.unwrap();
    let root = reader.column_root(column).unwrap();
    let (start, length) = reader.parquet_metadata().row_group(0).column(root).byte_range();
    // the first page is of no concern, the last one is
    for (at, is_read) in [(start + 100, false), (start + length - 10, true)] {
        let mut flipped = bytes.to_vec();
        flipped[at as usize] ^= 1;
        store.overwrite(&path, flipped).await.unwrap();
        match read().await {
            Ok(text) => assert!(!is_read && text == expected),
            Err(error) => assert!(is_read && error.kind() == ErrorKind::Corrupted, "{error}"),
        }
    }
    assert_eq!(reader.read_columns(0, &[column]).await.unwrap_err().kind(), ErrorKind::Corrupted);
}

// breaks when an index of another version is called damaged: the rows are there without it
#[test]
fn an_index_of_another_version_is_not_used() {
    use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData};
    let note = |json: &str| {
        let root = parquet::schema::types::Type::group_type_builder("schema").build().unwrap();
        let columns = Arc::new(parquet::schema::types::SchemaDescriptor::new(Arc::new(root)));
        let pairs = vec![KeyValue::new(super::KEY.to_owned(), json.to_owned())];
        let file = FileMetaData::new(2, 0, None, Some(pairs), columns, None);
        super::IndexNote::read("a.parquet", &ParquetMetaData::new(file, vec![]))
    };
    assert!(note(r#"{"version":1,"offset":4,"bytes":5,"crc32c":6}"#).unwrap().is_some());
    assert!(note(r#"{"version":2,"somewhere":"else"}"#).unwrap().is_none());
    for damaged in [r#"{"version":1,"somewhere":"else"}"#, r#"{"offset":4}"#, "no"] {
        assert_eq!(note(damaged).unwrap_err().kind(), ErrorKind::Corrupted);
    }
}
