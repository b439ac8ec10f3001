use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampNanosecondArray},
    datatypes::Int64Type,
};
use bytesize::ByteSize;

use super::*;
use crate::{
    ColumnType, Durability, ErrorKind, NewColumn, StorageOptions, TableChange, TableOptions, TableSpec,
    TimeRange, column_id,
    testing::{Crash, Fault, ManualClock, Operation, SimDisk},
};

const DAY_NS: i64 = 86_400_000_000_000;

fn options(memtable: ByteSize) -> StorageOptions {
    StorageOptions { memtable_bytes: memtable, bulk_bytes: ByteSize::kib(64), ..StorageOptions::default() }
}

async fn open(disk: &SimDisk, memtable: ByteSize) -> Result<Storage> {
    let builder = Storage::builder("").options(options(memtable)).seed(7);
    builder.clock(Arc::new(ManualClock::new(0))).object_store(disk.store()).log(disk.log()).open().await
}

fn table(name: &str) -> TableSpec {
    TableSpec {
        name: name.to_owned(),
        columns: vec![NewColumn::time(), NewColumn::new("n", ColumnType::Int64)],
        options: TableOptions::default(),
    }
}

/// Rows with these numbers, two to a day.
fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
    let times = numbers.clone().map(|number| number / 2 * DAY_NS);
    RecordBatch::try_from_iter([
        (
            "time",
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef,
        ),
        ("n", Arc::new(Int64Array::from_iter_values(numbers))),
    ])
    .unwrap()
}

/// Rows of one day.
fn many(numbers: std::ops::Range<i64>) -> RecordBatch {
    let times = numbers.clone();
    RecordBatch::try_from_iter([
        (
            "time",
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef,
        ),
        ("n", Arc::new(Int64Array::from_iter_values(numbers))),
    ])
    .unwrap()
}

/// The numbers of all rows of a table, sorted.
async fn numbers(storage: &Storage, name: &str) -> Vec<i64> {
    let snapshot = storage.snapshot();
    let table = snapshot.table(name).unwrap();
    let id = table.schema().column("n").unwrap().id;
    let mut found = Vec::new();
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let reader = table.open_segment(&segment).await.unwrap();
        for group in 0..reader.row_groups() {
            let columns = reader.read_columns(group, &[id]).await.unwrap();
            found.extend_from_slice(columns[0].as_ref().unwrap().as_primitive::<Int64Type>().values());
        }
    }
    for batch in table.memory() {
        let position = batch.schema().fields().iter().position(|field| column_id(field) == Some(id));
        found.extend_from_slice(batch.column(position.unwrap()).as_primitive::<Int64Type>().values());
    }
    found.sort_unstable();
    found
}

#[tokio::test]
async fn replay_flushes_when_memory_is_full() {
    // breaks when recovery holds the whole log in memory, or loses or doubles the rows that it flushes on the way
    let disk = SimDisk::new();
    let storage = open(&disk, ByteSize::mib(64)).await.unwrap();
    storage.create_table(table("t")).await.unwrap();
    for part in 0..53 {
        storage.append("t", many(part * 1_000..(part + 1) * 1_000), Durability::Durable).await.unwrap();
    }
    drop(storage);
    let disk = disk.crash(Crash::Killed, 1);
    let memtable = ByteSize::kib(64);
    for _ in 0..2 {
        let storage = open(&disk, memtable).await.unwrap();
        assert!(storage.recovery().rows > 0);
        assert!(storage.status().memtable_bytes < memtable.as_u64(), "{:?}", storage.status());
        assert_eq!(numbers(&storage, "t").await, (0..53_000).collect::<Vec<_>>());
        assert!(storage.snapshot().table("t").unwrap().partitions()[0].segments <= 16);
    }
}

#[tokio::test]
async fn memory_is_flushed_when_it_is_full_and_appends_wait_for_it() {
    // breaks when a full memtable is not flushed in the background, or when appends outrun the flush without bound
    let disk = SimDisk::new();
    let memtable = ByteSize::kib(64);
    let storage = open(&disk, memtable).await.unwrap();
    storage.create_table(table("t")).await.unwrap();
    let largest = 16 * 1_000;
    for part in 0..60 {
        let storage = &storage;
        storage.append("t", many(part * 1_000..(part + 1) * 1_000), Durability::Memory).await.unwrap();
        let bytes = storage.status().memtable_bytes;
        assert!(bytes < 2 * memtable.as_u64() + largest, "{bytes} bytes wait");
    }
    assert!(!storage.snapshot().table("t").unwrap().partitions().is_empty());
    assert_eq!(numbers(&storage, "t").await, (0..60_000).collect::<Vec<_>>());
    storage.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_fails_appends_and_keeps_what_was_acknowledged() {
    // breaks when a failed flush loses rows, stops the writer for good, or lets appends wait for ever
    let disk = SimDisk::new();
    let storage = open(&disk, ByteSize::kib(64)).await.unwrap();
    storage.create_table(table("t")).await.unwrap();
    let from = disk.operations(Operation::Write);
    for write in from + 1..from + 100 {
        disk.fail(Operation::Write, write, Fault::DiskFull);
    }
    let mut acknowledged = 0;
    let error = loop {
        // rows in memory alone: the log is not what is full here
        let batch = many(acknowledged..acknowledged + 1_000);
        match storage.append("t", batch, Durability::Memory).await {
            Ok(_) => acknowledged += 1_000,
            Err(error) => break error,
        }
        assert!(acknowledged < 100_000, "appends go on though nothing can be flushed");
    };
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.message().contains("rows in memory cannot be flushed: disk full"), "{error}");
    assert_eq!(numbers(&storage, "t").await, (0..acknowledged).collect::<Vec<_>>());
    while storage.flush(None).await.is_err() {}
    assert_eq!(storage.status().memtable_rows, 0);
    storage.append("t", many(acknowledged..acknowledged + 1), Durability::Durable).await.unwrap();
    assert_eq!(numbers(&storage, "t").await, (0..=acknowledged).collect::<Vec<_>>());
}

/// What a user does once; every step is tried once more when it fails and may be tried.
async fn session(storage: &Storage) -> Result<()> {
    async fn twice<T, F: Future<Output = Result<T>>>(step: impl Fn() -> F) -> Result<T> {
        match step().await {
            Ok(value) => Ok(value),
            Err(_) => step().await,
        }
    }
    if storage.snapshot().table("t").is_none() {
        twice(|| storage.create_table(table("t"))).await?;
    }
    storage.append("t", rows(0..10), Durability::Durable).await?;
    twice(|| storage.flush(None)).await?;
    let add = TableChange::AddColumn(NewColumn::new("later", ColumnType::Text));
    twice(|| storage.alter_table("t", add.clone())).await?;
    storage.append("t", rows(10..20), Durability::Durable).await?;
    twice(|| storage.flush(None)).await?;
    let mut load = storage.bulk_load("t")?;
    load.push(rows(20..30)).await?;
    load.commit().await?;
    storage.append("t", rows(30..40), Durability::Durable).await?;
    Ok(())
}

#[tokio::test]
async fn every_single_failed_write_leaves_whole_steps() {
    // breaks when a failed write anywhere in append, flush, change or bulk load loses a row, doubles one, shows half of
    // a step, or leaves a database that does not open
    let whole = SimDisk::new();
    session(&open(&whole, ByteSize::mib(1)).await.unwrap()).await.unwrap();
    let writes = whole.operations(Operation::Write);
    assert!(writes > 40, "{writes}");
    for fault in [Fault::Io, Fault::DiskFull] {
        for failed in 1..=writes {
            let disk = SimDisk::new();
            disk.fail(Operation::Write, failed, fault);
            if let Ok(storage) = open(&disk, ByteSize::mib(1)).await {
                let before = session(&storage).await;
                if before.is_ok() {
                    assert_eq!(numbers(&storage, "t").await, (0..40).collect::<Vec<_>>(), "write {failed}");
                }
                drop(storage);
            }
            for crash in [Crash::Killed, Crash::Lost] {
                let storage = open(&disk.crash(crash, failed), ByteSize::mib(1)).await.unwrap();
                if storage.snapshot().table("t").is_some() {
                    let found = numbers(&storage, "t").await;
                    let steps = (0..found.len() as i64).collect::<Vec<_>>();
                    assert!(found.len() % 10 == 0 && found == steps, "write {failed}: {found:?}");
                }
                assert_eq!(storage.check(true).await.unwrap().findings, [], "write {failed}");
            }
        }
    }
}

#[tokio::test]
async fn old_rows_are_due_after_their_age() {
    // breaks when age counts from the last row instead of the first, or a quiet table keeps its rows in memory for ever
    let disk = SimDisk::new();
    let clock = Arc::new(ManualClock::new(0));
    let builder = Storage::builder("").object_store(disk.store()).log(disk.log());
    let storage = builder.clock(Arc::clone(&clock) as Arc<dyn crate::Clock>).open().await.unwrap();
    for name in ["old", "young", "empty"] {
        storage.create_table(table(name)).await.unwrap();
    }
    storage.append("old", rows(0..1), Durability::Memory).await.unwrap();
    clock.advance(Duration::from_secs(200));
    storage.append("old", rows(1..2), Durability::Memory).await.unwrap();
    storage.append("young", rows(0..1), Durability::Memory).await.unwrap();
    clock.advance(Duration::from_secs(99));
    assert_eq!(storage.core.aged_tables(), [0_u64; 0]);
    clock.advance(Duration::from_secs(1));
    let old = storage.snapshot().table("old").unwrap().id();
    assert_eq!(storage.core.aged_tables(), [old]);
    storage.flush(Some("old")).await.unwrap();
    assert_eq!(storage.core.aged_tables(), [0_u64; 0]);
}

#[tokio::test]
async fn the_log_goes_once_every_table_has_passed_it() {
    // breaks when flushed rows are replayed, log files stay for ever, or a file goes that a table still needs
    let disk = SimDisk::new();
    for turn in 0..4_i64 {
        let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
        if turn == 0 {
            storage.create_table(table("a")).await.unwrap();
            storage.create_table(table("b")).await.unwrap();
        }
        storage.append("a", rows(turn..turn + 1), Durability::Durable).await.unwrap();
        storage.append("b", rows(turn..turn + 1), Durability::Durable).await.unwrap();
        storage.flush(Some("a")).await.unwrap();
        assert_eq!(numbers(&storage, "a").await, (0..=turn).collect::<Vec<_>>());
        assert_eq!(numbers(&storage, "b").await, (0..=turn).collect::<Vec<_>>());
    }
    assert!(disk.log_files().len() >= 4, "table b needs all of it");
    let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
    assert_eq!(storage.recovery().rows, 4);
    storage.flush(None).await.unwrap();
    assert!(disk.log_files().len() <= 1, "{:?}", disk.log_files().len());
    storage.drop_table("a").await.unwrap();
    storage.drop_table("b").await.unwrap();
    storage.close().await.unwrap();
    let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
    assert_eq!(storage.snapshot().tables().count(), 0);
}

#[tokio::test]
async fn a_commit_names_no_position_that_a_loss_of_power_takes_back() {
    // breaks when a commit does not sync the log first: the lost position would be given to another record, or missed
    let disk = SimDisk::new();
    let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
    storage.create_table(table("a")).await.unwrap();
    storage.create_table(table("b")).await.unwrap();
    storage.append("a", rows(0..1), Durability::Interval).await.unwrap();
    // table b has nothing in memory, so this version says that it has passed the position of that row
    storage.create_table(table("c")).await.unwrap();
    let mut disk = disk.crash(Crash::Lost, 1);
    drop(storage);
    for turn in 0..3 {
        let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
        assert_eq!(numbers(&storage, "b").await, (0..turn).collect::<Vec<_>>());
        storage.append("b", rows(turn..turn + 1), Durability::Durable).await.unwrap();
        disk = disk.crash(Crash::Lost, 1);
    }
}

#[tokio::test]
async fn a_writer_that_was_taken_over_cannot_commit() {
    // breaks when two writers could both believe that they hold the database, or the older goes on after it has learnt
    let disk = SimDisk::new();
    let older = open(&disk, ByteSize::mib(1)).await.unwrap();
    older.create_table(table("t")).await.unwrap();
    older.append("t", rows(0..3), Durability::Durable).await.unwrap();
    let newer = open(&disk, ByteSize::mib(1)).await.unwrap();
    assert_eq!(older.flush(None).await.unwrap_err().kind(), ErrorKind::Conflict);
    let error = older.append("t", rows(3..4), Durability::Durable).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(older.status().poisoned.is_some());
    assert_eq!(numbers(&older, "t").await, [0, 1, 2], "what it acknowledged stays readable");
    assert_eq!(numbers(&newer, "t").await, [0, 1, 2]);
    newer.append("t", rows(3..4), Durability::Durable).await.unwrap();
    newer.flush(None).await.unwrap();
    assert_eq!(numbers(&newer, "t").await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_load_cannot_be_committed_after_the_close() {
    // breaks when a commit lands after the lock was given back
    let disk = SimDisk::new();
    let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
    storage.create_table(table("t")).await.unwrap();
    let mut load = storage.bulk_load("t").unwrap();
    load.push(rows(0..3)).await.unwrap();
    storage.close().await.unwrap();
    assert_eq!(load.commit().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(storage.core.begin().await.err().map(|error| error.kind()), Some(ErrorKind::Closed));
    let storage = open(&disk, ByteSize::mib(1)).await.unwrap();
    assert_eq!(numbers(&storage, "t").await, [0_i64; 0]);
}
