use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray},
    datatypes::{Int64Type, TimestampNanosecondType},
};
use tempfile::TempDir;

use crate::{
    ColumnType, Durability, ErrorKind, NewColumn, Snapshot, Storage, TableChange, TableOptions, TableSpec,
    TimeRange, column_id,
};

const DAY_NS: i64 = 86_400_000_000_000;

fn predictions() -> TableSpec {
    TableSpec {
        name: "predictions".to_owned(),
        columns: vec![
            NewColumn::time(),
            NewColumn::new("model", ColumnType::Text),
            NewColumn::new("confidence", ColumnType::Float64),
            NewColumn::new("tokens", ColumnType::Int64),
        ],
        options: TableOptions {
            sort: vec!["model".to_owned(), "time".to_owned()],
            bloom: vec!["model".to_owned()],
            ..TableOptions::default()
        },
    }
}

fn rows(times: &[i64], models: &[Option<&str>], tokens: &[i64]) -> RecordBatch {
    let time = TimestampNanosecondArray::from(times.to_vec()).with_timezone("UTC");
    RecordBatch::try_from_iter_with_nullable([
        ("time", Arc::new(time) as ArrayRef, false),
        ("model", Arc::new(StringArray::from(models.to_vec())) as ArrayRef, true),
        ("tokens", Arc::new(Int64Array::from(tokens.to_vec())) as ArrayRef, true),
    ])
    .unwrap()
}

/// All (time, tokens) of a table, in segments and in memory, sorted by tokens.
async fn read(snapshot: &Snapshot, table: &str) -> Vec<(i64, i64)> {
    let table = snapshot.table(table).unwrap();
    let ids = [table.schema().time_column().id, table.schema().column("tokens").unwrap().id];
    let mut found = Vec::new();
    let mut take = |time: &ArrayRef, tokens: &ArrayRef| {
        let time = time.as_primitive::<TimestampNanosecondType>().values().to_vec();
        found.extend(time.into_iter().zip(tokens.as_primitive::<Int64Type>().values().to_vec()));
    };
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let reader = table.open_segment(&segment).await.unwrap();
        for group in 0..reader.row_groups() {
            let columns = reader.read_columns(group, &ids).await.unwrap();
            take(columns[0].as_ref().unwrap(), columns[1].as_ref().unwrap());
        }
    }
    for batch in table.memory() {
        let position =
            |id: u32| batch.schema().fields().iter().position(|field| column_id(field) == Some(id)).unwrap();
        take(batch.column(position(ids[0])), batch.column(position(ids[1])));
    }
    found.sort_by_key(|(_, tokens)| *tokens);
    found
}

#[tokio::test]
async fn rows_are_the_same_in_memory_in_segments_and_after_reopening() {
    // breaks when a step of append, flush, commit or recovery loses, doubles or changes a row
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.create_table(predictions()).await.unwrap();
    let times = [5 * DAY_NS, -1, 5 * DAY_NS - 1, 7];
    let batch = rows(&times, &[Some("b"), None, Some("a"), Some("b")], &[1, 2, 3, 4]);
    let expected = [(times[0], 1), (times[1], 2), (times[2], 3), (times[3], 4)];
    storage.append("predictions", batch, Durability::Durable).await.unwrap();
    let before = storage.snapshot();
    assert_eq!(read(&before, "predictions").await, expected);

    let report = storage.flush(None).await.unwrap();
    assert_eq!((report.tables, report.rows, report.segments), (1, 4, 4));
    let after = storage.snapshot();
    assert_eq!(after.table("predictions").unwrap().memory_rows(), 0);
    let keys: Vec<&str> =
        after.table("predictions").unwrap().partitions().iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["1969-12-31", "1970-01-01", "1970-01-05", "1970-01-06"]);
    assert_eq!(read(&after, "predictions").await, expected);
    assert_eq!(read(&before, "predictions").await, expected, "a snapshot never changes");

    storage.append("predictions", rows(&[9], &[None], &[5]), Durability::Durable).await.unwrap();
    drop((storage, before, after));
    let storage = reopen(&directory).await;
    let mut expected = expected.to_vec();
    expected.push((9, 5));
    assert_eq!(storage.recovery().rows, 1);
    assert_eq!(read(&storage.snapshot(), "predictions").await, expected);
    storage.close().await.unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    assert_eq!(storage.recovery().rows, 0);
    assert_eq!(read(&storage.snapshot(), "predictions").await, expected);
    let check = storage.check(true).await.unwrap();
    assert_eq!((check.findings, check.segments, check.rows), (vec![], 5, 5));
}

/// Opens again after the last handle was dropped without a close.
async fn reopen(directory: &TempDir) -> Storage {
    Storage::open(directory.path()).await.unwrap()
}

#[tokio::test]
async fn refuses_what_does_not_fit_and_names_it() {
    // breaks when a check is lost or its message no longer says what is wrong and what is meant
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.create_table(predictions()).await.unwrap();
    let time = || Arc::new(TimestampNanosecondArray::from(vec![1]).with_timezone("UTC")) as ArrayRef;
    let text = || Arc::new(StringArray::from(vec!["x"])) as ArrayRef;
    let cases = [
        ("prediction", vec![("time", time())], "no table \"prediction\" (did you mean \"predictions\"?)"),
        (
            "predictions",
            vec![("time", time()), ("modell", text())],
            "table \"predictions\": no column \"modell\" (did you mean \"model\"?)",
        ),
        (
            "predictions",
            vec![("time", time()), ("tokens", text())],
            "table \"predictions\": column \"tokens\" is BIGINT, got TEXT",
        ),
        (
            "predictions",
            vec![("model", text())],
            "table \"predictions\": column \"time\" must have a value in every row: 1 have none",
        ),
        (
            "predictions",
            vec![("time", time()), ("time", time())],
            "table \"predictions\": column \"time\" occurs twice in the batch",
        ),
    ];
    for (table, columns, message) in cases {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let error = storage.append(table, batch, Durability::Durable).await.unwrap_err();
        assert_eq!(error.message(), message);
        assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound), "{error:?}");
    }
    storage.close().await.unwrap();
    let error =
        storage.append("predictions", rows(&[1], &[None], &[1]), Durability::Durable).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    storage.close().await.unwrap();
}

#[tokio::test]
async fn changes_of_a_table_are_metadata() {
    // breaks when a renamed column loses its rows, or a column added again under an old name finds the old ones
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.create_table(predictions()).await.unwrap();
    storage.append("predictions", rows(&[1], &[Some("a")], &[1]), Durability::Durable).await.unwrap();
    storage.flush(None).await.unwrap();
    storage.append("predictions", rows(&[2], &[Some("a")], &[2]), Durability::Durable).await.unwrap();
    let rename = TableChange::RenameColumn { from: "tokens".to_owned(), to: "count".to_owned() };
    storage.alter_table("predictions", rename).await.unwrap();
    let add = TableChange::AddColumn(NewColumn::new("tokens", ColumnType::Float64));
    storage.alter_table("predictions", add).await.unwrap();
    storage.alter_table("predictions", TableChange::RenameTable { to: "guesses".to_owned() }).await.unwrap();
    for change in [
        TableChange::DropColumn { name: "time".to_owned() },
        TableChange::DropColumn { name: "model".to_owned() },
        TableChange::RenameColumn { from: "time".to_owned(), to: "t".to_owned() },
    ] {
        assert_eq!(storage.alter_table("guesses", change).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    drop(storage);
    let storage = reopen(&directory).await;
    storage.flush(None).await.unwrap();
    let snapshot = storage.snapshot();
    let table = snapshot.table("guesses").unwrap();
    let (count, tokens) =
        (table.schema().column("count").unwrap().id, table.schema().column("tokens").unwrap().id);
    assert_eq!((count, tokens), (4, 5));
    let mut counts = Vec::new();
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let reader = table.open_segment(&segment).await.unwrap();
        let columns = reader.read_columns(0, &[tokens, count]).await.unwrap();
        assert!(columns[0].is_none(), "the new column has no value in old rows");
        counts.extend(columns[1].as_ref().unwrap().as_primitive::<Int64Type>().values().to_vec());
    }
    assert_eq!(counts, [1, 2]);
    storage.drop_table("guesses").await.unwrap();
    assert!(storage.snapshot().table("guesses").is_none());
    assert!(snapshot.table("guesses").is_some(), "a snapshot never changes");
    storage.create_table(predictions()).await.unwrap();
    assert_eq!(storage.snapshot().table("predictions").unwrap().id(), 2);
}

#[tokio::test]
async fn a_bulk_load_is_visible_whole_or_not_at_all() {
    // breaks when rows show before the commit, after an abandoned load, or get lost in the split by partition
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.create_table(predictions()).await.unwrap();
    let mut abandoned = storage.bulk_load("predictions").unwrap();
    abandoned.push(rows(&[1], &[None], &[0])).await.unwrap();
    drop(abandoned);
    let mut load = storage.bulk_load("predictions").unwrap();
    let mut expected = Vec::new();
    for part in 0..10_i64 {
        let times: Vec<i64> = (0..50).map(|row| (row * 7 + part) % 5 * DAY_NS).collect();
        let tokens: Vec<i64> = (0..50).map(|row| part * 50 + row).collect();
        expected.extend(times.iter().copied().zip(tokens.iter().copied()));
        load.push(rows(&times, &[Some("m"); 50], &tokens)).await.unwrap();
    }
    assert_eq!(read(&storage.snapshot(), "predictions").await, []);
    let report = load.commit().await.unwrap();
    assert_eq!((report.rows, report.partitions, report.segments), (500, 5, 5));
    assert_eq!(read(&storage.snapshot(), "predictions").await, expected);
    assert_eq!(storage.status().position, 0, "a bulk load does not touch the log");
}

#[tokio::test]
async fn a_table_can_come_with_its_rows() {
    // breaks when the table shows before its rows, stays behind an abandoned load, takes a name that is in use, or when
    // appends after the commit do not find it
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    let taken = "table \"predictions\" exists already";
    let mut abandoned = storage.bulk_create(predictions()).unwrap();
    abandoned.push(rows(&[1], &[None], &[0])).await.unwrap();
    drop(abandoned);
    let mut load = storage.bulk_create(predictions()).unwrap();
    let late = storage.bulk_create(predictions()).unwrap();
    load.push(rows(&[1, DAY_NS], &[None, Some("a")], &[1, 2])).await.unwrap();
    assert_eq!(storage.snapshot().tables().count(), 0);
    assert_eq!(load.commit().await.unwrap().partitions, 2);
    assert_eq!(read(&storage.snapshot(), "predictions").await, [(1, 1), (DAY_NS, 2)]);
    assert_eq!(late.commit().await.unwrap_err().message(), taken);
    assert_eq!(storage.bulk_create(predictions()).unwrap_err().message(), taken);
    storage.append("predictions", rows(&[3], &[None], &[3]), Durability::Durable).await.unwrap();
    let empty = TableSpec { name: "empty".to_owned(), ..predictions() };
    storage.bulk_create(empty).unwrap().commit().await.unwrap();
    drop(storage);
    let storage = reopen(&directory).await;
    assert_eq!(read(&storage.snapshot(), "predictions").await, [(1, 1), (DAY_NS, 2), (3, 3)]);
    assert_eq!(read(&storage.snapshot(), "empty").await, []);
    assert_eq!(storage.check(true).await.unwrap().findings, []);
}

#[tokio::test]
async fn the_number_of_segments_in_a_partition_is_bounded() {
    // breaks when the merge does not run, loses rows, or keeps the old segments beside the new one
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.create_table(predictions()).await.unwrap();
    let mut expected = Vec::new();
    for turn in 0..60_i64 {
        let model = ["a", "b", "c"][turn as usize % 3];
        storage
            .append("predictions", rows(&[turn], &[Some(model)], &[turn]), Durability::Memory)
            .await
            .unwrap();
        storage.flush(Some("predictions")).await.unwrap();
        expected.push((turn, turn));
        let snapshot = storage.snapshot();
        let partitions = snapshot.table("predictions").unwrap().partitions();
        assert!(partitions[0].segments <= 16, "{} segments after {turn} flushes", partitions[0].segments);
        assert_eq!(partitions[0].rows, turn as u64 + 1);
    }
    assert_eq!(read(&storage.snapshot(), "predictions").await, expected);
    assert_eq!(storage.check(true).await.unwrap().findings, []);
}

#[tokio::test]
async fn a_bloom_filter_has_no_false_negatives() {
    // breaks when the filter is read from the wrong place or asked with other bytes than were written
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.create_table(predictions()).await.unwrap();
    let names: Vec<String> = (0..2_000).map(|number| format!("model-{number}")).collect();
    let times: Vec<i64> = (0..2_000).collect();
    let models: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    storage.append("predictions", rows(&times, &models, &times), Durability::Memory).await.unwrap();
    storage.flush(None).await.unwrap();
    let snapshot = storage.snapshot();
    let table = snapshot.table("predictions").unwrap();
    let segments = table.segments(TimeRange::ALL).await.unwrap();
    let reader = table.open_segment(&segments[0]).await.unwrap();
    let model = table.schema().column("model").unwrap().id;
    for name in &names {
        assert!(reader.may_contain(0, model, name.as_bytes()).await.unwrap(), "{name}");
    }
    let mut wrong = 0;
    for number in 0..1_000 {
        wrong += u32::from(reader.may_contain(0, model, format!("other-{number}").as_bytes()).await.unwrap());
    }
    assert!(wrong < 50, "{wrong} of 1000 absent values pass");
    let confidence = table.schema().column("confidence").unwrap().id;
    assert!(!reader.may_contain(0, confidence, &[0; 8]).await.unwrap(), "all values are NULL");
}
