//! Databases in a bucket.

use std::{collections::BTreeSet, io, time::Duration};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampNanosecondArray},
    datatypes::Int64Type,
};
use futures::{FutureExt, TryStreamExt};
use object_store::{ObjectStoreExt, memory::InMemory};
use tempfile::TempDir;

use super::*;
use crate::{
    ColumnType, Durability, ErrorKind, NewColumn, Storage, StorageOptions, StoreOperation, TableOptions,
    TableSpec, TimeRange, column_id,
    wal::{LogFile, LogLayout, LogRead},
};

mod log_directory;

/// Another process on the same bucket.
fn on(store: &Arc<InMemory>) -> StorageBuilder {
    let options = StorageOptions { follow_interval: Duration::ZERO, ..StorageOptions::default() };
    Storage::builder("memory://").options(options).object_store(Arc::clone(store) as _)
}

async fn create(storage: &Storage) {
    let columns = vec![NewColumn::time(), NewColumn::new("n", ColumnType::Int64)];
    let options = TableOptions::default();
    storage.create_table(TableSpec { name: "t".to_owned(), columns, options }).await.unwrap();
}

async fn append(storage: &Storage, number: i64) -> Result<()> {
    let times = TimestampNanosecondArray::from(vec![number]).with_timezone("UTC");
    let numbers = ("n", Arc::new(Int64Array::from(vec![number])) as ArrayRef);
    let rows = RecordBatch::try_from_iter([("time", Arc::new(times) as ArrayRef), numbers]).unwrap();
    storage.append("t", rows, Durability::Durable).await.map(drop)
}

/// The numbers in segments and in memory, sorted.
async fn numbers(storage: &Storage) -> Vec<i64> {
    let snapshot = storage.snapshot();
    let table = snapshot.table("t").unwrap();
    let id = table.schema().column("n").unwrap().id;
    let mut found = Vec::new();
    let mut take = |array: &ArrayRef| found.extend_from_slice(array.as_primitive::<Int64Type>().values());
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let columns = table.open_segment(&segment).await.unwrap().read_columns(0, &[id]).await.unwrap();
        take(columns[0].as_ref().unwrap());
    }
    for batch in table.memory() {
        let position = batch.schema().fields().iter().position(|field| column_id(field) == Some(id));
        take(batch.column(position.unwrap()));
    }
    found.sort_unstable();
    found
}

async fn log_objects(store: &InMemory) -> Vec<String> {
    let listed: Vec<_> = store.list(Some(&"wal".into())).try_collect().await.unwrap();
    listed.into_iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect()
}

/// Would break if any step needed a directory, a lock or a second thread of the runtime; this one has a single thread.
#[tokio::test]
async fn a_database_lives_in_a_bucket() {
    let store = Arc::new(InMemory::new());
    let storage = on(&store).open().await.unwrap();
    create(&storage).await;
    append(&storage, 1).await.unwrap();
    storage.flush(None).await.unwrap();
    append(&storage, 2).await.unwrap();
    let reader = on(&store).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&reader).await, [1, 2]);
    // killed
    drop(storage);
    let storage = on(&store).open().await.unwrap();
    assert_eq!((storage.recovery().rows, numbers(&storage).await), (1, vec![1, 2]));
    append(&storage, 3).await.unwrap();
    assert_eq!(storage.check(true).await.unwrap().findings, []);
    storage.close().await.unwrap();
    assert_eq!(numbers(&reader).await, [1, 2], "a snapshot of a reader that does not follow");
    let reader = on(&store).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&reader).await, [1, 2, 3]);
    let storage = on(&store).open().await.unwrap();
    assert_eq!((storage.recovery().rows, numbers(&storage).await), (0, vec![1, 2, 3]));
}

/// Would break if a reader asked for each object of the log at each look, or did not see what the writer did.
#[tokio::test]
async fn a_reader_follows_the_writer_in_a_bucket() {
    let store = Arc::new(InMemory::new());
    let writer = on(&store).open().await.unwrap();
    create(&writer).await;
    append(&writer, 1).await.unwrap();
    let options = StorageOptions { follow_interval: Duration::from_millis(1), ..StorageOptions::default() };
    let reader = on(&store).options(options).read_only(true).open().await.unwrap();
    for number in 2..6 {
        append(&writer, number).await.unwrap();
        if number == 4 {
            writer.flush(None).await.unwrap();
        }
        while numbers(&reader).await.len() < number as usize {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(numbers(&reader).await, [1, 2, 3, 4, 5]);
    assert_eq!(reader.status().requests.requests(StoreOperation::Head), 0);
}

/// Would break if a writer that was replaced could acknowledge or commit what nobody reads, or if what he acknowledged were
/// lost to his successor.
#[tokio::test]
async fn a_second_writer_takes_over_and_the_first_is_stopped() {
    let store = Arc::new(InMemory::new());
    let old = on(&store).open().await.unwrap();
    create(&old).await;
    append(&old, 1).await.unwrap();
    let new = on(&store).open().await.unwrap();
    assert_eq!(numbers(&new).await, [1]);
    let error = append(&old, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("another writer has taken over this database"), "{error}");
    assert_eq!(append(&old, 2).await.unwrap_err().kind(), ErrorKind::Conflict, "it stays stopped");
    assert_eq!(old.status().poisoned.unwrap().kind(), ErrorKind::Conflict);
    assert_eq!(old.flush(None).await.unwrap_err().kind(), ErrorKind::Conflict);
    append(&new, 3).await.unwrap();
    new.flush(None).await.unwrap();
    append(&new, 4).await.unwrap();
    assert!(old.close().await.is_err());
    drop((old, new));
    let last = on(&store).open().await.unwrap();
    assert_eq!(numbers(&last).await, [1, 3, 4]);
}

/// Writers that open and append all at once: whatever was acknowledged to one of them. An opening fences whoever is there, even
/// where it fails itself, so most are stopped, and in a bad wave nearly all.
async fn wave(store: &Arc<InMemory>, wave: i64) -> BTreeSet<i64> {
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 0..6 {
                let Ok(storage) = on(&store).open().await else { continue };
                for number in 0..20 {
                    let number = wave * 10_000 + writer * 1_000 + round * 100 + number;
                    match append(&storage, number).await {
                        Ok(()) => acknowledged.push(number),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                            break;
                        }
                    }
                    if number % 7 == 0 && storage.flush(None).await.is_err() {
                        break;
                    }
                }
                if writer % 2 == 0 {
                    drop(storage.close().await);
                }
            }
            acknowledged
        })
    });
    let ended = futures::future::join_all(writers).await;
    ended.into_iter().flat_map(|writer| writer.unwrap()).collect()
}

/// Would break if, of writers that open and append all at once, two could acknowledge, or one acknowledged what the last
/// does not see.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_any_writer_acknowledged_the_last_one_sees() {
    let store = Arc::new(InMemory::new());
    let first = on(&store).open().await.unwrap();
    create(&first).await;
    first.close().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    for number in 0..20 {
        acknowledged.extend(wave(&store, number).await);
        if acknowledged.len() >= 20 {
            break;
        }
    }
    assert!(acknowledged.len() >= 20, "{} rows", acknowledged.len());
    let last = on(&store).open().await.unwrap();
    let visible = numbers(&last).await;
    let distinct: BTreeSet<i64> = visible.iter().copied().collect();
    assert_eq!(distinct.len(), visible.len(), "no row comes twice");
    assert_eq!(acknowledged.difference(&distinct).collect::<Vec<_>>(), Vec::<&i64>::new());
    assert_eq!(last.check(true).await.unwrap().findings, []);
}

/// Would break if openings, or rows that were flushed, left objects of the log behind.
#[tokio::test]
async fn a_closed_database_has_one_object_of_the_log() {
    let store = Arc::new(InMemory::new());
    for number in 0..4 {
        let storage = on(&store).open().await.unwrap();
        if number == 0 {
            create(&storage).await;
        }
        if number != 2 {
            append(&storage, number).await.unwrap();
        }
        storage.close().await.unwrap();
        let objects = log_objects(&store).await;
        assert_eq!(objects.len(), 1, "{objects:?}");
    }
    // a writer that was killed leaves a fence of 112 bytes
    let killed = on(&store).open().await.unwrap();
    append(&killed, 9).await.unwrap();
    drop(killed);
    on(&store).open().await.unwrap().close().await.unwrap();
    assert_eq!(log_objects(&store).await.len(), 2);
}

/// The log of a writer that sleeps before his fence, and meanwhile another makes a root.
#[derive(Debug)]
struct Overtaken {
    log: BucketLog,
    store: Arc<InMemory>,
}

impl LogStore for Overtaken {
    fn layout(&self) -> LogLayout {
        LogLayout::Objects
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        let root = object_store::path::Path::from("manifest/00000000000000000009.json");
        // memory does not wait
        self.store.put(&root, "of another writer".into()).now_or_never().unwrap().unwrap();
        self.log.create(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.log.list()
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        self.log.open_read(name)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        self.log.len(name)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.log.truncate(name, len)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.log.remove(name)
    }
}

/// Would break if a writer served that was overtaken between his root and his fence.
#[tokio::test]
async fn a_writer_that_is_overtaken_while_he_opens_gives_up() {
    let store = Arc::new(InMemory::new());
    let log = BucketLog::new(Arc::clone(&store) as _).unwrap();
    let log = Arc::new(Overtaken { log, store: Arc::clone(&store) });
    let error = on(&store).log(log).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("while it was opened"), "{error}");
}

fn beside(store: &Arc<InMemory>, directory: &Path) -> StorageBuilder {
    let options = StorageOptions { log_directory: Some(directory.to_owned()), ..StorageOptions::default() };
    on(store).options(options)
}

/// Would break if rows in a log beside the bucket were overlooked by a writer that looks elsewhere.
#[tokio::test]
async fn a_log_beside_the_bucket_belongs_to_its_database() {
    let store = Arc::new(InMemory::new());
    let (directory, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let storage = beside(&store, directory.path()).open().await.unwrap();
    create(&storage).await;
    append(&storage, 1).await.unwrap();
    assert_eq!(log_objects(&store).await, Vec::<String>::new());
    let error = beside(&store, directory.path()).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "it is locked: {error}");
    let reader = beside(&store, directory.path()).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&reader).await, [1]);
    drop(storage);
    for (builder, says) in [
        (on(&store), "lies in a directory beside the bucket"),
        (beside(&store, other.path()), "is not the log directory of this database"),
    ] {
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
    let storage = beside(&store, directory.path()).open().await.unwrap();
    assert_eq!((storage.recovery().rows, numbers(&storage).await), (1, vec![1]));
    storage.close().await.unwrap();
    // and the other way round
    let (store, directory) = (Arc::new(InMemory::new()), TempDir::new().unwrap());
    create(&on(&store).open().await.unwrap()).await;
    let error = beside(&store, directory.path()).open().await.unwrap_err();
    assert!(error.to_string().contains("open it without log_directory"), "{error}");
}

/// Would break if a log directory were taken for a directory, where the log lies anyway.
#[tokio::test]
async fn a_directory_has_its_own_log() {
    let directory = TempDir::new().unwrap();
    let options =
        StorageOptions { log_directory: Some(directory.path().to_owned()), ..StorageOptions::default() };
    let error = Storage::builder(directory.path().join("db")).options(options).open().await.unwrap_err();
    assert!(error.to_string().contains("log_directory is for a database in a bucket"), "{error}");
}

/// Would break if segments were read from the bucket although they are on the disk, or if a check believed the disk.
#[tokio::test]
async fn segments_are_kept_on_the_local_disk() {
    let (store, directory) = (Arc::new(InMemory::new()), TempDir::new().unwrap());
    let cached = || {
        let options =
            StorageOptions { disk_cache: Some(directory.path().join("cache")), ..StorageOptions::default() };
        on(&store).options(options)
    };
    let storage = cached().open().await.unwrap();
    create(&storage).await;
    append(&storage, 1).await.unwrap();
    storage.flush(None).await.unwrap();
    assert_eq!(numbers(&storage).await, [1]);
    storage.close().await.unwrap();
    let reader = cached().read_only(true).open().await.unwrap();
    numbers(&reader).await;
    let segments: Vec<_> = store.list(Some(&"data".into())).try_collect().await.unwrap();
    let whole = store.get(&segments[0].location).await.unwrap().bytes().await.unwrap();
    store.delete(&segments[0].location).await.unwrap();
    assert_eq!(numbers(&cached().read_only(true).open().await.unwrap()).await, [1]);
    // what lies in the bucket is what is checked
    let mut flipped = whole.to_vec();
    flipped[100] ^= 1;
    store.put(&segments[0].location, flipped.into()).await.unwrap();
    assert_eq!(numbers(&cached().read_only(true).open().await.unwrap()).await, [1]);
    assert_eq!(reader.check(true).await.unwrap().findings.len(), 1);
}

/// Would break if a request were not counted, or an answer taken for an error.
#[tokio::test]
async fn requests_are_counted() {
    let store = Arc::new(InMemory::new());
    let storage = on(&store).open().await.unwrap();
    create(&storage).await;
    let before = storage.status().requests;
    append(&storage, 1).await.unwrap();
    let after = storage.status().requests;
    assert_eq!(after.requests(StoreOperation::Put), before.requests(StoreOperation::Put) + 1);
    assert!(after.written_bytes > before.written_bytes + 100);
    assert_eq!(after.requests(StoreOperation::Get), before.requests(StoreOperation::Get));
    storage.flush(None).await.unwrap();
    let before = storage.status().requests;
    assert_eq!(numbers(&storage).await, [1]);
    let after = storage.status().requests;
    assert!(after.requests(StoreOperation::Get) > before.requests(StoreOperation::Get));
    assert!(after.read_bytes > before.read_bytes);
    let errors: u64 = StoreOperation::ALL.iter().map(|operation| after.errors(*operation)).sum();
    assert_eq!((errors, after.http_requests), (0, 0));
    let directory = TempDir::new().unwrap();
    let local = Storage::open(directory.path()).await.unwrap();
    assert!(local.status().requests.requests(StoreOperation::Put) > 0);
}
