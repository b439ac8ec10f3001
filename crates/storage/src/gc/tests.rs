use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use bytesize::ByteSize;
use object_store::{ObjectStore, ObjectStoreExt};

use super::*;
use crate::{
    ColumnType, CompactOptions, Durability, Ids, NewColumn, Snapshot, StorageOptions, TableOptions,
    TableSpec, TimeRange,
    testing::{ManualClock, SimDisk},
};

const HOUR: Duration = Duration::from_secs(3_600);

struct World {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    storage: Storage,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(1_785_000_000_000_000_000));
        let disk = SimDisk::new();
        let storage = Self::open(&disk, &clock).await;
        let spec = TableSpec {
            name: "t".to_owned(),
            columns: vec![NewColumn::time(), NewColumn::new("row", ColumnType::Int64)],
            options: TableOptions::default(),
        };
        storage.create_table(spec).await.unwrap();
        Self { disk, clock, storage }
    }

    async fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Storage {
        let options =
            StorageOptions { compaction: false, bulk_bytes: ByteSize::kib(64), ..StorageOptions::default() };
        let builder = Storage::builder("").seed(1).clock(Arc::clone(clock) as _).options(options);
        builder.object_store(disk.store()).log(disk.log()).open().await.unwrap()
    }

    async fn append(&self, rows: i64) {
        self.storage.append("t", batch(rows), Durability::Durable).await.unwrap();
        self.storage.flush(None).await.unwrap();
    }

    /// The number of objects in a folder.
    async fn objects(&self, directory: &str) -> usize {
        let found: Vec<_> = self.disk.store().list(Some(&Path::from(directory))).try_collect().await.unwrap();
        found.len()
    }
}

fn batch(rows: i64) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(0..rows).with_timezone("UTC");
    let rows = Int64Array::from_iter_values(0..rows);
    RecordBatch::try_from_iter([("time", Arc::new(times) as ArrayRef), ("row", Arc::new(rows) as ArrayRef)])
        .unwrap()
}

async fn rows(snapshot: &Snapshot) -> u64 {
    let table = snapshot.table("t").unwrap();
    let mut rows = 0;
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let reader = table.open_segment(&segment).await.unwrap();
        for group in 0..reader.row_groups() {
            let id = table.schema().column("row").unwrap().id;
            rows += reader.read_columns(group, &[id]).await.unwrap()[0].as_ref().unwrap().len() as u64;
        }
    }
    rows
}

// breaks when something is removed that a version in its grace period names, or stays for ever
#[tokio::test]
async fn what_was_replaced_goes_after_the_grace_period() {
    let world = World::new().await;
    for _ in 0..5 {
        world.append(10).await;
    }
    let before = world.storage.snapshot().version();
    world.storage.compact("t", CompactOptions::default()).await.unwrap();
    assert_eq!(world.objects("data").await, 6);
    world.clock.advance(HOUR - Duration::from_secs(1));
    let report = world.storage.collect_garbage().await.unwrap();
    assert_eq!((report.objects, world.objects("data").await), (0, 6));
    world.clock.advance(Duration::from_secs(2));
    let report = world.storage.collect_garbage().await.unwrap();
    // five segments, the day lists of five flushes, and the memory of batches is none
    assert_eq!((world.objects("data").await, world.objects("manifest/days").await), (1, 1));
    assert_eq!((report.objects, report.oldest_version), (10, before + 1));
    let status = world.storage.status();
    let counts = status.maintenance;
    assert_eq!((counts.compactions, counts.segments_before, counts.segments_after), (1, 5, 1));
    assert_eq!((counts.bytes_after, counts.failures), (status.segment_bytes, 0));
    assert_eq!((counts.removed_objects, counts.removed_bytes), (10, report.bytes));
    assert_eq!(status.segments, 1);
    assert_eq!(rows(&world.storage.snapshot()).await, 50);
    assert_eq!(world.storage.check(true).await.unwrap().findings, []);
    // a database opens from what is left
    world.storage.close().await.unwrap();
    let storage = World::open(&world.disk, &world.clock).await;
    assert_eq!(rows(&storage.snapshot()).await, 50);
}

// breaks when a snapshot, or one table of it, loses a segment that it may still read
#[tokio::test]
async fn what_a_snapshot_holds_stays() {
    let world = World::new().await;
    world.append(10).await;
    world.append(10).await;
    let snapshot = world.storage.snapshot();
    let table = Arc::clone(snapshot.table("t").unwrap());
    world.storage.compact("t", CompactOptions::default()).await.unwrap();
    world.clock.advance(HOUR * 10);
    world.storage.collect_garbage().await.unwrap();
    assert_eq!(rows(&snapshot).await, 20);
    drop(snapshot);
    world.storage.collect_garbage().await.unwrap();
    assert_eq!(world.objects("data").await, 3, "the table is still held");
    drop(table);
    world.storage.collect_garbage().await.unwrap();
    assert_eq!(world.objects("data").await, 1);
}

// breaks when work that is under way for longer than the grace period loses what it has written
#[tokio::test]
async fn what_is_not_named_yet_stays_and_what_never_will_be_goes() {
    let world = World::new().await;
    let mut load = world.storage.bulk_load("t").unwrap();
    let mut given_up = world.storage.bulk_load("t").unwrap();
    load.push(batch(10_000)).await.unwrap();
    given_up.push(batch(10_000)).await.unwrap();
    let written = world.objects("data").await;
    assert!(written >= 2, "{written} segments are written");
    drop(given_up);
    world.clock.advance(HOUR * 10);
    assert_eq!(world.storage.collect_garbage().await.unwrap().objects, 0);
    load.commit().await.unwrap();
    world.clock.advance(HOUR * 10);
    assert!(world.storage.collect_garbage().await.unwrap().objects >= 1);
    assert_eq!(rows(&world.storage.snapshot()).await, 10_000);
    assert_eq!(world.storage.check(true).await.unwrap().findings, []);
}

// breaks when a file of somebody else is removed
#[tokio::test]
async fn what_is_not_ours_stays() {
    let world = World::new().await;
    let path = Path::from("data/t/date=1970-01-01/notes.txt");
    world.disk.store().put(&path, "mine".into()).await.unwrap();
    world.clock.advance(HOUR * 10);
    world.storage.collect_garbage().await.unwrap();
    assert_eq!(world.objects("data").await, 1);
}

// breaks when a purge takes what a later writer has made, whose clock is behind, for something old
#[tokio::test]
async fn what_a_later_writer_made_stays() {
    let world = World::new().await;
    let epoch = world.storage.core.epoch;
    let clock = ManualClock::new(1_785_000_000_000_000_000 - 24 * 3_600_000_000_000);
    let behind: Arc<dyn crate::Clock> = Arc::new(clock);
    let store = world.disk.store();
    for (epoch, stays) in [(epoch - 1, false), (epoch, false), (epoch + 1, true)] {
        let name =
            Path::from(format!("deletions/{}", Ids::new(Arc::clone(&behind), Some(7), epoch).next_id()));
        store.put(&name, "not named yet".into()).await.unwrap();
        let report = world.storage.purge().await.unwrap();
        assert_eq!(store.head(&name).await.is_ok(), stays, "epoch {epoch}");
        let complete = report.complete().map(drop).map_err(|error| error.kind());
        assert_eq!(complete, if stays { Err(ErrorKind::Conflict) } else { Ok(()) }, "epoch {epoch}");
    }
}
