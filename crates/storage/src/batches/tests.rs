use std::{future::Future, sync::Arc, task::Poll};

use arrow::array::{ArrayRef, RecordBatch, TimestampNanosecondArray};
use futures::future::join_all;

use super::{BATCHES_MAX, BatchId, Known};
use crate::{
    NewColumn, Storage, TableOptions, TableSpec,
    testing::{Crash, SimDisk},
};

/// So often a caller stops waiting: whether the log is quicker than the next caller is a matter of chance.
const ABANDONED: u32 = 500;

fn id(number: u32) -> BatchId {
    let mut id = [7; BatchId::BYTES];
    id[..4].copy_from_slice(&number.to_le_bytes());
    BatchId(id)
}

fn two_rows(table: &str, column: &str) -> Vec<(String, RecordBatch)> {
    let time = TimestampNanosecondArray::from(vec![1, 2]).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter([(column, Arc::new(time) as ArrayRef)]).unwrap();
    vec![(table.to_owned(), batch)]
}

async fn open(disk: &SimDisk) -> Storage {
    Storage::builder("").object_store(disk.store()).log(disk.log()).open().await.unwrap()
}

async fn with_table(disk: &SimDisk) -> Storage {
    let storage = open(disk).await;
    let columns = vec![NewColumn::time()];
    let spec = TableSpec { name: "t".to_owned(), columns, options: TableOptions::default() };
    storage.create_table(spec).await.unwrap();
    storage
}

/// Whether the batch was new.
async fn is_new(storage: &Storage, number: u32) -> bool {
    let appended = storage.append_once(id(number), two_rows("t", "time")).await;
    appended.unwrap().is_some()
}

fn rows_in_memory(storage: &Storage) -> usize {
    storage.snapshot().table("t").unwrap().memory().iter().map(RecordBatch::num_rows).sum()
}

// breaks when an id gets lost on the way through the log, the object or both, or when the log forgets a record before the root knows its id
#[tokio::test]
async fn a_batch_is_appended_once_whatever_comes_between() {
    let mut disk = SimDisk::new();
    let mut storage = with_table(&disk).await;
    assert!(is_new(&storage, 1).await && !is_new(&storage, 1).await);
    for round in 2..6 {
        assert!(is_new(&storage, round).await);
        match round {
            2 | 3 => drop(storage.flush(None).await.unwrap()),
            // sealed and flushed: the log is empty afterwards
            4 => storage.close().await.unwrap(),
            _ => {}
        }
        drop(storage);
        disk = disk.crash(if round == 3 { Crash::Lost } else { Crash::Killed }, 1);
        storage = open(&disk).await;
        for known in 1..=round {
            assert!(!is_new(&storage, known).await, "batch {known} after round {round}");
        }
    }
    assert!(storage.check(true).await.unwrap().findings.is_empty());
}

// breaks when two callers are both told that the batch is theirs, or when the second is told so before it is known that the first has failed
#[tokio::test]
async fn callers_at_the_same_time_append_it_once() {
    let disk = SimDisk::new();
    let storage = with_table(&disk).await;
    let callers = join_all((0..16).map(|caller| is_new(&storage, caller % 2))).await;
    assert_eq!(callers.iter().filter(|is_new| **is_new).count(), 2);
    assert_eq!(rows_in_memory(&storage), 4);
}

// breaks when a failed batch counts as one that was appended
#[tokio::test]
async fn a_batch_that_failed_may_come_again() {
    let disk = SimDisk::new();
    let storage = with_table(&disk).await;
    let failed = storage.append_once(id(1), two_rows("t", "tiem")).await;
    assert!(failed.is_err());
    assert!(is_new(&storage, 1).await);
}

// breaks when the claim ends with the caller, while the log still works on the batch
#[tokio::test]
async fn a_caller_who_stops_waiting_leaves_no_room_for_a_second_batch() {
    let disk = SimDisk::new();
    let storage = with_table(&disk).await;
    for number in 0..ABANDONED {
        let append = storage.append_once(id(number), two_rows("t", "time"));
        let mut append = Box::pin(append);
        std::future::poll_fn(|context| {
            assert!(append.as_mut().poll(context).is_pending(), "it goes through a task");
            Poll::Ready(())
        })
        .await;
        drop(append);
        assert!(!is_new(&storage, number).await);
    }
    assert_eq!(rows_in_memory(&storage), 2 * ABANDONED as usize);
}

// breaks when the window grows, or forgets the newest
#[test]
fn only_the_last_batches_are_known() {
    let mut known = Known::default();
    let last = BATCHES_MAX as u32 + 1;
    (0..=last).for_each(|number| known.add(id(number)));
    assert_eq!((known.order.len(), known.appended.len()), (BATCHES_MAX, BATCHES_MAX));
    assert!(!known.appended.contains(&id(1)) && known.appended.contains(&id(2)));
    assert!(known.appended.contains(&id(last)));
}
