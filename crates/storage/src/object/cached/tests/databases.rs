//! What databases rely on, whose objects are kept on the local disk.

use std::time::Duration;

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampNanosecondArray},
    datatypes::Int64Type,
};

use super::*;
use crate::{
    ColumnType, CompactOptions, Durability, NewColumn, Storage, StorageOptions, TableOptions, TableSpec,
    TimeRange,
};

async fn open(store: &Arc<InMemory>, directory: &TempDir) -> Storage {
    let options = StorageOptions {
        compaction: false,
        follow_interval: Duration::ZERO,
        disk_cache: Some(directory.path().to_owned()),
        ..StorageOptions::default()
    };
    Storage::builder("memory://").options(options).object_store(Arc::clone(store) as _).open().await.unwrap()
}

/// Makes a table with a segment of the rows 1 and 2, of which 1 is deleted.
async fn fill(storage: &Storage) {
    let columns = vec![NewColumn::time(), NewColumn::new("n", ColumnType::Int64)];
    let options = TableOptions::default();
    storage.create_table(TableSpec { name: "t".to_owned(), columns, options }).await.unwrap();
    let times = TimestampNanosecondArray::from(vec![1, 2]).with_timezone("UTC");
    let numbers = ("n", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef);
    let rows = RecordBatch::try_from_iter([("time", Arc::new(times) as ArrayRef), numbers]).unwrap();
    storage.append("t", rows, Durability::Durable).await.unwrap();
    let mut deletion = storage.delete("t").await.unwrap();
    let segments = deletion.table().segments(TimeRange::ALL).await.unwrap();
    deletion.add(&segments[0].id, [0]);
    deletion.commit().await.unwrap();
}

/// The numbers in segments that are not deleted.
async fn numbers(storage: &Storage) -> Vec<i64> {
    let snapshot = storage.snapshot();
    let table = snapshot.table("t").unwrap();
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
    found
}

/// The objects of which blocks lie in the directory.
fn kept(directory: &TempDir) -> BTreeSet<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.split_once('-').unwrap().0.to_owned()).collect()
}

// breaks when a purge leaves on the local disk what it removed from the bucket
#[tokio::test]
async fn a_purge_reaches_the_local_disk() {
    let (store, directory) = (Arc::new(InMemory::new()), TempDir::new().unwrap());
    let storage = open(&store, &directory).await;
    fill(&storage).await;
    assert_eq!(numbers(&storage).await, [2]);
    let before = kept(&directory);
    assert_eq!(before.len(), 2, "a segment and deletion vectors: {before:?}");
    storage.compact("t", CompactOptions::default()).await.unwrap();
    storage.purge().await.unwrap().complete().unwrap();
    assert!(kept(&directory).is_disjoint(&before), "{:?}", kept(&directory));
    assert_eq!(numbers(&storage).await, [2]);
    assert_eq!(kept(&directory).len(), 1);
}

// breaks when a check believes the local disk, of whatever object
#[tokio::test]
async fn a_check_reads_what_lies_in_the_bucket() {
    let (store, directory) = (Arc::new(InMemory::new()), TempDir::new().unwrap());
    let storage = open(&store, &directory).await;
    fill(&storage).await;
    assert_eq!(numbers(&storage).await, [2]);
    for folder in ["data", "deletions"] {
        let listed: Vec<_> = store.list(Some(&Path::from(folder))).try_collect().await.unwrap();
        let path = &listed[0].location;
        let whole = store.get(path).await.unwrap().bytes().await.unwrap();
        let mut flipped = whole.to_vec();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        store.put(path, flipped.into()).await.unwrap();
        let flipped = storage.check(true).await.unwrap().findings;
        store.delete(path).await.unwrap();
        let missing = storage.check(true).await.unwrap().findings;
        for findings in [flipped, missing] {
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].object, path.to_string());
        }
        store.put(path, whole.into()).await.unwrap();
        assert_eq!(storage.check(true).await.unwrap().findings, []);
    }
    assert_eq!(kept(&directory).len(), 2, "all of it was on the local disk");
}
