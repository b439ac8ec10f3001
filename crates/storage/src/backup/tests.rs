use std::{
    path::Path as FilePath,
    sync::atomic::{AtomicBool, AtomicI64},
    time::Duration,
};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampNanosecondArray},
    datatypes::Int64Type,
};
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::*;
use crate::{
    BatchId, ColumnType, CompactOptions, Durability, NewColumn, StorageBuilder, StorageOptions, TableOptions,
    TableSpec, TimeRange, column_id,
    testing::{Crash, Fault, ManualClock, Operation, SimDisk, Stop},
};

mod buckets;
mod places;
mod unfinished;
mod writers;

const DAY_NS: i64 = 86_400_000_000_000;

/// A database on a simulated disk. Everybody who opens one has a seed of his own: the clock stands still.
fn on(disk: &SimDisk, seed: u64) -> StorageBuilder {
    let options = StorageOptions {
        follow_interval: Duration::ZERO,
        compaction: false,
        grace_period: Duration::ZERO,
        ..StorageOptions::default()
    };
    let clock = std::sync::Arc::new(ManualClock::new(1_785_000_000_000_000_000));
    let builder = Storage::builder("simulated").options(options).clock(clock).seed(seed);
    builder.object_store(disk.store()).log(disk.log())
}

fn spec(name: &str) -> TableSpec {
    let columns = vec![NewColumn::time(), NewColumn::new("n", ColumnType::Int64)];
    TableSpec { name: name.to_owned(), columns, options: TableOptions::default() }
}

/// One row a day.
fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
    let times = numbers.clone().map(|number| number % 3 * DAY_NS);
    let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
    let times = ("time", std::sync::Arc::new(times) as ArrayRef);
    let numbers = std::sync::Arc::new(Int64Array::from_iter_values(numbers));
    RecordBatch::try_from_iter([times, ("n", numbers)]).unwrap()
}

async fn append(storage: &Storage, table: &str, numbers: std::ops::Range<i64>) {
    storage.append(table, rows(numbers), Durability::Durable).await.unwrap();
}

/// Deletes what is less than a number.
async fn delete_below(storage: &Storage, table: &str, bound: i64) {
    let mut deletion = storage.delete(table).await.unwrap();
    let table = std::sync::Arc::clone(deletion.table());
    let id = table.schema().column("n").unwrap().id;
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let columns = table.open_segment(&segment).await.unwrap().read_columns(0, &[id]).await.unwrap();
        let values = columns[0].as_ref().unwrap().as_primitive::<Int64Type>().values().clone();
        let dead = values.iter().enumerate().filter(|(_, value)| **value < bound).map(|(row, _)| row as u32);
        deletion.add(&segment.id, dead);
    }
    deletion.commit().await.unwrap();
}

/// The numbers of a table that are not deleted, sorted.
async fn numbers(storage: &Storage, table: &str) -> Vec<i64> {
    let snapshot = storage.snapshot();
    let table = snapshot.table(table).unwrap();
    let id = table.schema().column("n").unwrap().id;
    let mut found = Vec::new();
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let dead = table.deletions(&segment).await.unwrap();
        let live = dead.and_then(|dead| dead.live(0..segment.rows as u32));
        let columns = table.open_segment(&segment).await.unwrap().read_columns(0, &[id]).await.unwrap();
        let values = columns[0].as_ref().unwrap().as_primitive::<Int64Type>().values().clone();
        let is_live = |row: usize| live.as_ref().is_none_or(|live| live.value(row));
        found.extend(values.iter().enumerate().filter(|(row, _)| is_live(*row)).map(|(_, value)| *value));
    }
    for batch in table.memory() {
        let position = batch.schema().fields().iter().position(|field| column_id(field) == Some(id));
        found.extend_from_slice(batch.column(position.unwrap()).as_primitive::<Int64Type>().values());
    }
    found.sort_unstable();
    found
}

fn to(disk: &SimDisk) -> BackupTarget {
    BackupTarget::store(disk.store())
}

async fn backup(storage: &Storage, disk: &SimDisk) -> BackupReport {
    storage.backup(to(disk), BackupOptions::default()).await.unwrap()
}

/// What a backup holds, read where it lies; every byte of it is as it was written.
async fn held(disk: &SimDisk, table: &str) -> Vec<i64> {
    let reader = on(disk, 900).read_only(true).open().await.unwrap();
    assert_eq!(reader.check(true).await.unwrap().findings, []);
    numbers(&reader, table).await
}

/// A database with rows in segments of three days, deleted ones, a named object and rows in memory of one table of two.
async fn filled(disk: &SimDisk) -> Storage {
    let storage = on(disk, 1).open().await.unwrap();
    for table in ["t", "u"] {
        storage.create_table(spec(table)).await.unwrap();
        append(&storage, table, 0..9).await;
    }
    storage.put_object("baseline", "b", Bytes::from_static(b"what was measured"), false).await.unwrap();
    storage.flush(None).await.unwrap();
    delete_below(&storage, "t", 4).await;
    append(&storage, "u", 9..12).await;
    append(&storage, "t", 9..12).await;
    storage.flush(Some("t")).await.unwrap();
    storage
}

// breaks when a copy lacks rows, or objects that are there are copied again
#[tokio::test]
async fn a_backup_copies_what_is_not_there_yet() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    let storage = filled(&disk).await;
    let first = backup(&storage, &place).await;
    assert_eq!(held(&place, "t").await, (4..12).collect::<Vec<_>>());
    assert_eq!(held(&place, "u").await, (0..12).collect::<Vec<_>>());
    // of each table six segments and three day lists; one object with deletion vectors, one named object
    assert_eq!((first.copied, first.present, first.log_rows), (2 * (6 + 3) + 2, 0, 0));
    assert!(first.copied_bytes > 1_000 && !first.is_unchanged);

    let writes = place.operations(Operation::Write);
    let again = backup(&storage, &place).await;
    assert_eq!((again.copied, again.present, again.is_unchanged), (0, 20, true));
    assert_eq!(place.operations(Operation::Write), writes, "nothing is written where nothing changed");

    append(&storage, "t", 12..13).await;
    let next = backup(&storage, &place).await;
    assert_eq!((next.copied, next.present), (2, 19), "a segment and its day list");
    assert_eq!(held(&place, "t").await, (4..13).collect::<Vec<_>>());
    // the copy has the objects of the earlier backup, too, until they are pruned
    storage.compact("t", CompactOptions::default()).await.unwrap();
    let pruned = storage.backup(to(&place), BackupOptions { prune: true, ..BackupOptions::default() });
    let pruned = pruned.await.unwrap();
    assert_eq!(pruned.copied, 3 + 3, "a segment and a list a day");
    assert_eq!(pruned.removed, 7 + 4 + 1, "segments, day lists and deletion vectors of before");
    assert_eq!(held(&place, "t").await, (4..13).collect::<Vec<_>>());
    assert_eq!(held(&place, "u").await, (0..12).collect::<Vec<_>>());
}

// breaks when rows that lie in the log alone are not in a backup made beside the writer, or not in the database that it becomes
#[tokio::test]
async fn rows_of_the_log_come_along() {
    let (disk, place, restored) = (SimDisk::new(), SimDisk::new(), SimDisk::new());
    let writer = filled(&disk).await;
    let id = BatchId([7; 16]);
    writer
        .append_once(id, vec![("t".to_owned(), rows(12..14)), ("u".to_owned(), rows(12..14))])
        .await
        .unwrap();
    let reader = on(&disk, 2).read_only(true).open().await.unwrap();
    append(&writer, "u", 14..15).await;
    // the reader shows the moment of its open, the backup has that of its own
    let report = backup(&reader, &place).await;
    assert_eq!(report.log_rows, 3 + 4 + 1);
    assert_eq!(held(&place, "t").await, (4..14).collect::<Vec<_>>());
    assert_eq!(held(&place, "u").await, (0..15).collect::<Vec<_>>());
    assert!(backup(&reader, &place).await.is_unchanged);

    // a longer log of the same version is another backup
    append(&writer, "u", 15..16).await;
    let report = backup(&reader, &place).await;
    assert!(!report.is_unchanged && report.copied == 0);
    assert_eq!(held(&place, "u").await, (0..16).collect::<Vec<_>>());

    let source = on(&place, 3).read_only(true).open().await.unwrap();
    source.restore(to(&restored), BackupOptions::default()).await.unwrap();
    let storage = on(&restored, 4).open().await.unwrap();
    assert_eq!(storage.recovery().rows, 9);
    let again = storage.append_once(id, vec![("u".to_owned(), rows(12..14))]).await.unwrap();
    assert!(again.is_none(), "a batch that was in the log is known");
    append(&storage, "u", 16..18).await;
    // it dies before anything is flushed, and once more after some
    drop(storage);
    for (seed, crash) in [(5, Crash::Killed), (6, Crash::Lost)] {
        let restored = restored.crash(crash, seed);
        let storage = on(&restored, seed).open().await.unwrap();
        assert_eq!(numbers(&storage, "t").await, (4..14).collect::<Vec<_>>());
        assert_eq!(numbers(&storage, "u").await, (0..18).collect::<Vec<_>>());
        storage.flush(Some("t")).await.unwrap();
        assert!(storage.snapshot().root().log_copy.is_some(), "rows of u are in no segment");
        storage.flush(None).await.unwrap();
        assert!(storage.snapshot().root().log_copy.is_none());
        storage.purge().await.unwrap();
        drop(storage);
        let storage = on(&restored, seed + 10).open().await.unwrap();
        assert_eq!(storage.recovery().rows, 0);
        assert_eq!(numbers(&storage, "u").await, (0..18).collect::<Vec<_>>());
        assert_eq!(storage.check(true).await.unwrap().findings, []);
        storage.close().await.unwrap();
    }
}

// breaks when a database cannot be written and read again after it was restored, for the positions of its log do not run on
#[tokio::test]
async fn a_restored_database_goes_on_where_its_log_was() {
    for is_flushed in [true, false] {
        let (disk, place, restored) = (SimDisk::new(), SimDisk::new(), SimDisk::new());
        let writer = filled(&disk).await;
        // the last records of the log are flushed, those before are not; or all of them are
        if is_flushed {
            writer.flush(None).await.unwrap();
        }
        let reader = on(&disk, 2).read_only(true).open().await.unwrap();
        assert_eq!(backup(&reader, &place).await.log_rows, if is_flushed { 0 } else { 3 });
        let source = on(&place, 3).read_only(true).open().await.unwrap();
        source.restore(to(&restored), BackupOptions::default()).await.unwrap();
        for round in 0..3 {
            let storage = on(&restored, 10 + round).open().await.unwrap();
            append(&storage, "u", 12 + round as i64..13 + round as i64).await;
            drop(storage);
        }
        let storage = on(&restored, 20).open().await.unwrap();
        assert_eq!(numbers(&storage, "u").await, (0..15).collect::<Vec<_>>());
        assert_eq!(numbers(&storage, "t").await, (4..12).collect::<Vec<_>>());
        // it is a database like any other: it can be backed up, to where it came from
        let again = backup(&storage, &place).await;
        assert!(again.present > 10 && !again.is_unchanged, "{again:?}");
        assert_eq!(held(&place, "u").await, (0..15).collect::<Vec<_>>());
    }
}

// breaks when a backup that is cut off takes the one before it along, or keeps the next one from coming to its end
#[tokio::test]
async fn a_stop_at_any_write_leaves_the_backup_before() {
    let disk = SimDisk::new();
    let writer = filled(&disk).await;
    let place = SimDisk::new();
    backup(&writer, &place).await;
    let before = [held(&place, "t").await, held(&place, "u").await];
    // rows in new segments, rows that were deleted, rows in the log
    append(&writer, "t", 12..15).await;
    writer.flush(Some("t")).await.unwrap();
    delete_below(&writer, "u", 2).await;
    append(&writer, "u", 12..15).await;
    let after = [numbers(&writer, "t").await, numbers(&writer, "u").await];
    let reader = on(&disk, 2).read_only(true).open().await.unwrap();
    let options = BackupOptions { prune: true, ..BackupOptions::default() };
    for stop in [Stop::Before, Stop::After] {
        for n in 1..1_000 {
            let cut_off = place.crash(Crash::Killed, 0);
            cut_off.stop_at_write(n, stop);
            let done = reader.backup(to(&cut_off), options).await;
            let stopped = cut_off.is_stopped();
            assert!(stopped || done.is_ok(), "nothing failed, and yet: {done:?}");
            let left = cut_off.crash(Crash::Lost, n);
            let found = [held(&left, "t").await, held(&left, "u").await];
            assert!(found == before || found == after, "{stop:?} write {n}: {found:?}");
            assert!(found == after || done.is_err(), "{stop:?} write {n}: it was not durable");
            reader.backup(to(&left), options).await.unwrap();
            assert_eq!(
                [held(&left, "t").await, held(&left, "u").await],
                after,
                "{stop:?} write {n}, then again"
            );
            if !stopped {
                assert!(n > 10, "a backup with {n} writes does not do what it should");
                break;
            }
        }
    }
}

// breaks when an error of a device is passed over, or leaves a backup that cannot be read
#[tokio::test]
async fn a_failed_operation_is_reported_and_harmless() {
    let disk = SimDisk::new();
    let writer = filled(&disk).await;
    let reader = on(&disk, 2).read_only(true).open().await.unwrap();
    let expected = numbers(&writer, "u").await;
    for (operation, fault) in [(Operation::Write, Fault::DiskFull), (Operation::Read, Fault::Io)] {
        for n in 1.. {
            let place = SimDisk::new();
            place.fail(operation, n, fault);
            let done = reader.backup(to(&place), BackupOptions::default()).await;
            if place.operations(operation) < n {
                done.unwrap();
                assert!(n > 20, "a backup with {n} operations does not do what it should");
                break;
            }
            if fault == Fault::DiskFull {
                assert_eq!(done.unwrap_err().kind(), ErrorKind::ResourceExhausted, "write {n}");
            }
            reader.backup(to(&place), BackupOptions::default()).await.unwrap();
            assert_eq!(held(&place, "u").await, expected, "{operation:?} {n}");
        }
    }
}

// breaks when damaged bytes are copied as if they were whole
#[tokio::test]
async fn what_is_damaged_is_not_backed_up() {
    let disk = SimDisk::new();
    let writer = filled(&disk).await;
    writer.flush(None).await.unwrap();
    let store = disk.store();
    let items = plan::items(&writer.core.reading.manifest, writer.snapshot().root()).await.unwrap();
    for item in items {
        let path = Path::from(item.path());
        let whole = store.get(&path).await.unwrap().bytes().await.unwrap();
        let mut flipped = whole.to_vec();
        // of deletion vectors, those of this version
        let at = flipped.len() / 2;
        flipped[at] ^= 1;
        store.overwrite(&path, flipped).await.unwrap();
        let place = SimDisk::new();
        let error = writer.backup(to(&place), BackupOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{path}: {error}");
        assert!(error.message().contains(path.as_ref()), "{error}");
        let root = place.store().list_with_delimiter(Some(&Path::from("manifest"))).await.unwrap();
        assert!(root.objects.is_empty(), "a backup without a root is none");
        store.overwrite(&path, whole.to_vec()).await.unwrap();
    }
}
