use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray},
    datatypes::Int64Type,
};
use proptest::prelude::*;

use super::*;

fn batch(column: &str, values: std::ops::Range<i64>) -> RecordBatch {
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    RecordBatch::try_from_iter([(column, array)]).unwrap()
}

fn values(memtable: &Memtable) -> Vec<i64> {
    memtable
        .batches()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect()
}

#[test]
fn single_rows_are_joined_into_few_batches() {
    // breaks when small batches pile up: a scan would pay for each
    let mut memtable = Memtable::default();
    for row in 0..10_000 {
        memtable.insert(batch("a", row..row + 1), 5);
    }
    assert_eq!(values(&memtable), (0..10_000).collect::<Vec<_>>());
    assert!(memtable.batches().count() < 20, "{} batches", memtable.batches().count());
    assert_eq!((memtable.rows(), memtable.oldest_ns()), (10_000, Some(5)));
}

#[test]
fn large_rows_stay_where_they_are() {
    // breaks when rows are copied again and again although there are few of them
    let mut memtable = Memtable::default();
    let mut places = Vec::new();
    for _ in 0..8 {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(JOINED_BYTES_MAX / 2)]));
        places.push(text.as_string::<i32>().value_data().as_ptr());
        memtable.insert(RecordBatch::try_from_iter([("a", text)]).unwrap(), 0);
    }
    let kept = memtable.batches().map(|batch| batch.column(0).as_string::<i32>().value_data().as_ptr());
    assert_eq!(kept.collect::<Vec<_>>(), places);
}

#[test]
fn a_copy_does_not_see_what_comes_later() {
    // breaks when inserting changes a snapshot
    let mut memtable = Memtable::default();
    memtable.insert(batch("a", 0..3), 0);
    let before = memtable.clone();
    memtable.insert(batch("a", 3..6), 0);
    assert_eq!((values(&before), before.rows()), (vec![0, 1, 2], 3));
    assert_eq!(values(&memtable).len(), 6);
}

proptest! {
    #[test]
    fn rows_stay_in_the_order_of_their_commit(sizes in prop::collection::vec((0..2_usize, 0..3_000_i64), 0..60)) {
        // breaks when joining drops, doubles or reorders rows, mixes shapes, or makes batches without bound
        let mut memtable = Memtable::default();
        let mut next = 0;
        for (shape, rows) in &sizes {
            memtable.insert(batch(["a", "b"][*shape], next..next + rows), 0);
            next += rows;
        }
        prop_assert_eq!(values(&memtable), (0..next).collect::<Vec<_>>());
        prop_assert_eq!(memtable.rows(), next as usize);
        prop_assert_eq!(memtable.bytes(), memtable.batches().map(batch_bytes).sum::<usize>());
        for batch in memtable.batches() {
            prop_assert!(batch.num_rows() <= JOINED_ROWS_MAX);
        }
    }
}

#[test]
fn what_follows_the_first_rows_is_the_rest() {
    // breaks when a row is lost or doubled at the edge of a batch
    let mut memtable = Memtable::default();
    for first in [0, 3_000, 6_000, 9_000] {
        memtable.insert(batch("a", first..first + 3_000), 7);
    }
    for skipped in [0, 1, 2_999, 3_000, 3_001, 8_999, 12_000, 20_000] {
        let rest = memtable.without_first(skipped as usize);
        let expected: Vec<i64> = (skipped..12_000).collect();
        assert_eq!((values(&rest), rest.rows()), (expected.clone(), expected.len()));
        assert_eq!(rest.bytes(), rest.batches().map(batch_bytes).sum::<usize>());
    }
}
