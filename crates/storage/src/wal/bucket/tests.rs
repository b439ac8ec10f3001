use std::io::Read as _;
use std::sync::Mutex;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::FutureExt;
use object_store::memory::InMemory;

use super::*;
use crate::testing::ManualClock;
use crate::wal::{Durability, Entry, Position, Record, ReplayReport, Wal, WalOptions, replay, take_over};
use crate::{ErrorKind, Result};

/// A writer of the log in a bucket, and what it delivered.
struct Writer {
    wal: Wal,
    delivered: Arc<Mutex<Vec<i64>>>,
}

fn record(value: i64) -> Record {
    let column = Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    Record { batch_id: None, entries: vec![Entry { table_id: 1, batch }] }
}

fn value(record: &Record) -> i64 {
    record.entries[0].batch.column(0).as_primitive::<Int64Type>().value(0)
}

fn log(store: &Arc<InMemory>) -> Arc<BucketLog> {
    Arc::new(BucketLog::new(Arc::clone(store) as _).unwrap())
}

fn read(store: &Arc<InMemory>, from: u64) -> Result<(ReplayReport, Vec<i64>)> {
    let mut values = Vec::new();
    let report = replay(&*log(store), Position(from), &mut |_, record| {
        values.push(value(&record));
        Ok(())
    })?;
    Ok((report, values))
}

impl Writer {
    /// Goes on behind what is there, without a look at other writers.
    fn start(store: &Arc<InMemory>, epoch: u64) -> Self {
        Self::start_from(store, epoch, 1)
    }

    /// The same where nothing before a position is needed.
    fn start_from(store: &Arc<InMemory>, epoch: u64, from: u64) -> Self {
        let report = read(store, from).unwrap().0;
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&delivered);
        let deliver = move |group: crate::wal::CommittedGroup| {
            sink.lock().unwrap().extend(group.records.iter().map(|row| value(&row.record)));
        };
        let clock = Arc::new(ManualClock::new(0));
        let wal = Wal::start(log(store), epoch, &report, WalOptions::default(), clock, deliver).unwrap();
        Self { wal, delivered }
    }

    async fn append(&self, value: i64) -> Result<u64> {
        self.wal.append(record(value), Durability::Durable).await.map(|position| position.0)
    }
}

/// Names and lengths of the objects.
async fn objects(store: &Arc<InMemory>) -> Vec<(String, u64)> {
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut objects: Vec<_> =
        listed.into_iter().map(|object| (object.location.to_string(), object.size)).collect();
    objects.sort_unstable();
    objects
}

async fn names(store: &Arc<InMemory>) -> Vec<String> {
    objects(store).await.into_iter().map(|(name, _)| name).collect()
}

fn name(position: u64) -> String {
    format!("wal/{position:020}.wal")
}

/// Would break if a sync made no object of its own, or if names did not follow from positions.
#[tokio::test]
async fn each_sync_makes_an_object_named_by_its_first_position() {
    let store = Arc::new(InMemory::new());
    let writer = Writer::start(&store, 1);
    for value in 0..3 {
        assert_eq!(writer.append(value).await.unwrap(), value as u64 + 1);
    }
    assert_eq!(names(&store).await, [name(1), name(2), name(3)]);
    let (report, values) = read(&store, 1).unwrap();
    assert_eq!((values, report.last, report.torn), (vec![0, 1, 2], Position(3), None));
    assert_eq!(read(&store, 3).unwrap().1, [2]);
    assert_eq!(writer.wal.remove_before(Position(3)).await.unwrap(), 2);
    assert_eq!(names(&store).await, [name(3)]);
    assert_eq!(read(&store, 3).unwrap().1, [2]);
    assert_eq!(read(&store, 2).unwrap_err().kind(), ErrorKind::Corrupted, "2 is missing");
}

/// Would break if every caller paid for a request of his own.
#[tokio::test]
async fn callers_that_wait_together_share_an_object() {
    let store = Arc::new(InMemory::new());
    let writer = Writer::start(&store, 1);
    let mut appends = Box::pin(futures::future::try_join_all((0..64).map(|value| writer.append(value))));
    {
        // the log thread stands in its first delivery while all the others queue up
        let _delivery = writer.delivered.lock().unwrap();
        assert!((&mut appends).now_or_never().is_none());
    }
    assert_eq!(appends.await.unwrap().len(), 64);
    let objects = names(&store).await.len();
    assert!(objects <= 2, "{objects} objects");
    assert_eq!(read(&store, 1).unwrap().1, (0..64).collect::<Vec<_>>());
}

/// Would break if two writers could both acknowledge behind the same position.
#[tokio::test]
async fn of_two_writers_behind_one_position_the_second_is_stopped() {
    let store = Arc::new(InMemory::new());
    let (first, second) = (Writer::start(&store, 1), Writer::start(&store, 1));
    first.append(10).await.unwrap();
    // the very same row: only the epochs differ in practice, here not even they
    let error = second.append(11).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("another writer has taken over"), "{error}");
    assert_eq!(second.append(12).await.unwrap_err().kind(), ErrorKind::Conflict, "it stays stopped");
    assert!(second.delivered.lock().unwrap().is_empty());
    first.append(13).await.unwrap();
    assert_eq!(read(&store, 1).unwrap().1, [10, 13]);
}

/// Would break if a writer that was replaced could acknowledge once more: at once, or when he wakes up after all of the log
/// has been flushed and removed.
#[tokio::test]
async fn a_fence_stops_the_writer_of_before_for_ever() {
    let store = Arc::new(InMemory::new());
    let (old, sleeper) = (Writer::start(&store, 1), Writer::start(&store, 1));
    old.append(1).await.unwrap();
    take_over(&*log(&store), 2, Some(Position(0))).unwrap();
    let new = Writer::start(&store, 2);
    assert_eq!(new.append(2).await.unwrap(), 5, "a fence that stays takes three positions");
    assert_eq!(old.append(3).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(read(&store, 1).unwrap().1, [1, 2]);
    // everything is flushed
    new.wal.remove_before(Position(6)).await.unwrap();
    assert_eq!(names(&store).await, [name(2)], "the fence stays");
    drop(sleeper);
    let woken = Writer { wal: behind(&store, 1, 1), delivered: Arc::default() };
    assert_eq!(woken.append(4).await.unwrap_err().kind(), ErrorKind::Conflict);
    // and the next writers read over it and leave it
    take_over(&*log(&store), 3, Some(Position(5))).unwrap();
    assert_eq!(names(&store).await, [name(2), name(6)]);
    let (report, values) = read(&store, 6).unwrap();
    assert_eq!((report.last, values), (Position(8), vec![]));
    let next = Writer::start_from(&store, 3, 6);
    next.wal.remove_before(Position(9)).await.unwrap();
    assert_eq!(names(&store).await, [name(2), name(6)]);
}

/// A writer of this epoch whose last frame was `last`: he slept, and does not look.
fn behind(store: &Arc<InMemory>, epoch: u64, last: u64) -> Wal {
    let report = ReplayReport { last: Position(last), frames: 0, rows: 0, torn: None, files: Vec::new() };
    let clock = Arc::new(ManualClock::new(0));
    Wal::start(log(store), epoch, &report, WalOptions::default(), clock, |_| {}).unwrap()
}

/// Would break if openings left objects behind although nobody needs them.
#[tokio::test]
async fn a_fence_behind_a_clean_close_goes_with_the_rest() {
    let store = Arc::new(InMemory::new());
    take_over(&*log(&store), 1, None).unwrap();
    let first = Writer::start(&store, 1);
    assert_eq!(first.append(1).await.unwrap(), 3, "a fence takes two positions");
    first.wal.remove_before(Position(4)).await.unwrap();
    first.wal.close().await.unwrap();
    assert_eq!(names(&store).await, [name(4)], "the mark of the end");
    take_over(&*log(&store), 2, Some(Position(3))).unwrap();
    let second = Writer::start_from(&store, 2, 4);
    assert_eq!(second.append(2).await.unwrap(), 7);
    second.wal.remove_before(Position(8)).await.unwrap();
    assert_eq!(names(&store).await, Vec::<String>::new());
    // an empty log says nothing of its writer: he may be alive
    take_over(&*log(&store), 3, Some(Position(7))).unwrap();
    assert_eq!(second.append(3).await.unwrap_err().kind(), ErrorKind::Conflict);
    let sizes: Vec<u64> = objects(&store).await.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(sizes, [40 + 3 * 24]);
}

/// Would break if a writer that came late disturbed the one that passed him.
#[tokio::test]
async fn a_late_writer_leaves_the_log_to_the_next_epoch() {
    let store = Arc::new(InMemory::new());
    take_over(&*log(&store), 6, Some(Position(0))).unwrap();
    let error = take_over(&*log(&store), 5, Some(Position(0))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(names(&store).await, [name(1)]);
    Writer::start(&store, 6).append(1).await.unwrap();
}

/// Would break if damage to the last object were cut off as the tail of a file is.
#[tokio::test]
async fn an_object_has_no_torn_tail() {
    let store = Arc::new(InMemory::new());
    let writer = Writer::start(&store, 1);
    writer.append(1).await.unwrap();
    let path = Path::from(name(1));
    let whole = store.get(&path).await.unwrap().bytes().await.unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut flipped = whole.to_vec();
        flipped[at] ^= 1;
        store.put(&path, flipped.into()).await.unwrap();
        let error = read(&store, 1).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupted | ErrorKind::Invalid), "byte {at}: {error}");
        store.put(&path, whole.slice(..at).into()).await.unwrap();
        assert_eq!(read(&store, 1).unwrap_err().kind(), ErrorKind::Corrupted, "cut at {at}");
    }
    // an object in the place of another
    store.put(&Path::from(name(2)), whole.clone().into()).await.unwrap();
    store.put(&path, whole.into()).await.unwrap();
    assert_eq!(read(&store, 1).unwrap_err().kind(), ErrorKind::Corrupted);
}

/// Would break if files that were copied out of a directory were taken for objects, or passed over.
#[tokio::test]
async fn files_of_a_directory_are_refused() {
    let store = Arc::new(InMemory::new());
    let path = Path::from("wal/00000000000000000001-00000000000000000001.wal");
    store.put(&path, "x".into()).await.unwrap();
    let error = read(&store, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("leave out wal/"), "{error}");
}

/// Would break if what was fetched ahead were given out as another object, or fetched for nothing.
#[tokio::test]
async fn many_objects_are_read_in_order() {
    let store = Arc::new(InMemory::new());
    let writer = Writer::start(&store, 1);
    for value in 0..100 {
        writer.append(value).await.unwrap();
    }
    assert_eq!(read(&store, 1).unwrap().1, (0..100).collect::<Vec<_>>());
    assert_eq!(read(&store, 51).unwrap().1, (50..100).collect::<Vec<_>>());
    let log = log(&store);
    let names = log.list().unwrap();
    for name in [&names[90], &names[3], &names[4], &names[60], &names[60]] {
        let mut bytes = Vec::new();
        log.open_read(name).unwrap().read_to_end(&mut bytes).unwrap();
        let stored = store.get(&super::path(name)).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, stored, "{name}");
    }
}
