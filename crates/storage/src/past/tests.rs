use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};

use super::*;
use crate::{
    ColumnType, Durability, NewColumn, StorageBuilder, StorageOptions, TableOptions, TableSpec, TimeRange,
    testing::{ManualClock, SimDisk},
};

const START_NS: i64 = 1_785_585_600_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_NS: i64 = 60_000_000_000;

fn on(disk: &SimDisk, clock: &Arc<ManualClock>, seed: u64) -> StorageBuilder {
    let options =
        StorageOptions { follow_interval: Duration::ZERO, compaction: false, ..StorageOptions::default() };
    let builder = Storage::builder("simulated").options(options).clock(Arc::clone(clock) as _).seed(seed);
    builder.object_store(disk.store()).log(disk.log())
}

async fn append(storage: &Storage, rows: i64) {
    let times = TimestampNanosecondArray::from_iter_values(0..rows).with_timezone("UTC");
    let numbers = Arc::new(Int64Array::from_iter_values(0..rows));
    let batch = RecordBatch::try_from_iter([("time", Arc::new(times) as ArrayRef), ("n", numbers)]).unwrap();
    storage.append("t", batch, Durability::Durable).await.unwrap();
}

/// One row a minute is appended in a version of its own; the newest are in memory alone.
async fn filled(disk: &SimDisk, clock: &Arc<ManualClock>) -> Storage {
    let storage = on(disk, clock, 1).open().await.unwrap();
    let columns = vec![NewColumn::time(), NewColumn::new("n", ColumnType::Int64)];
    let spec = TableSpec { name: "t".to_owned(), columns, options: TableOptions::default() };
    storage.create_table(spec).await.unwrap();
    for _ in 0..10 {
        clock.advance(MINUTE);
        append(&storage, 1).await;
        storage.flush(None).await.unwrap();
    }
    clock.advance(MINUTE);
    append(&storage, 5).await;
    storage
}

async fn rows(snapshot: &Snapshot) -> u64 {
    let table = snapshot.table("t").unwrap();
    let segments = table.segments(TimeRange::ALL).await.unwrap();
    segments.iter().map(|segment| segment.live_rows()).sum::<u64>() + table.memory_rows() as u64
}

// breaks when another version is taken than the newest of the time, or rows that were in memory are shown
#[tokio::test]
async fn a_time_has_the_version_that_was_the_newest() {
    let (disk, clock) = (SimDisk::new(), Arc::new(ManualClock::new(START_NS)));
    let storage = filled(&disk, &clock).await;
    assert_eq!(rows(&storage.snapshot()).await, 15);
    let reader = on(&disk, &clock, 2).read_only(true).open().await.unwrap();
    for minute in 0..=10_i64 {
        for (offset, expected) in [(0, minute), (1, minute), (MINUTE_NS - 1, minute)] {
            let time = START_NS + minute * MINUTE_NS + offset;
            for storage in [&storage, &reader] {
                let snapshot = storage.snapshot_at(time).await.unwrap();
                assert_eq!(rows(&snapshot).await, expected as u64, "minute {minute} and {offset} ns");
            }
            let past = on(&disk, &clock, 3).as_of(time).open().await.unwrap();
            assert_eq!(rows(&past.snapshot()).await, expected as u64);
            assert!(past.is_read_only() && past.check(true).await.unwrap().findings.is_empty());
        }
    }
    let now = clock.now_ns();
    assert_eq!(rows(&storage.snapshot_at(now).await.unwrap()).await, 10);
    for time in [now + 1, i64::MAX] {
        assert_eq!(storage.snapshot_at(time).await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(on(&disk, &clock, 3).as_of(time).open().await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

// breaks when a time without a version is answered by another one, or the error does not say what can be asked
#[tokio::test]
async fn what_is_not_kept_is_said() {
    let (disk, clock) = (SimDisk::new(), Arc::new(ManualClock::new(START_NS)));
    let storage = filled(&disk, &clock).await;
    let error = storage.snapshot_at(START_NS - 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let sentence = "no version of the database from 2026-08-01T11:59:59.999999999Z is kept: \
                    the earliest is from 2026-08-01T12:00:00.000000000Z";
    assert_eq!(error.message(), sentence);
    assert!(storage.snapshot_at(i64::MIN).await.is_err());
    // what was replaced an hour ago goes; a snapshot keeps its own, and all that follow
    let held = storage.snapshot_at(START_NS + 7 * MINUTE_NS).await.unwrap();
    clock.advance(Duration::from_secs(2 * 3_600));
    assert!(storage.collect_garbage().await.unwrap().is_held);
    assert_eq!(rows(&held).await, 7);
    let error = storage.snapshot_at(START_NS + 7 * MINUTE_NS - 1).await.unwrap_err();
    assert!(error.message().ends_with("the earliest is from 2026-08-01T12:07:00.000000000Z"), "{error}");
    assert_eq!(rows(&storage.snapshot_at(START_NS + 8 * MINUTE_NS).await.unwrap()).await, 8);
    drop(held);
    storage.collect_garbage().await.unwrap();
    let error = storage.snapshot_at(START_NS + 8 * MINUTE_NS).await.unwrap_err();
    assert!(error.message().ends_with("the earliest is from 2026-08-01T12:10:00.000000000Z"), "{error}");
}
