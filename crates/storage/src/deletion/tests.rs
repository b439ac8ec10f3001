//! Tests of the vectors themselves; what a deletion does to a database is tested with it, from outside.

use super::*;
use crate::error::ErrorKind;

const ROWS: u64 = 200_000;

fn vector(rows: impl IntoIterator<Item = u32>) -> DeletionVector {
    let mut vector = DeletionVector::default();
    vector.extend(rows);
    vector
}

#[test]
fn several_vectors_lie_in_one_object() {
    let mut object = Vec::new();
    let all = [vector([0, 7, 199_999]), vector(1_000..100_000), vector((0..200_000).step_by(3))];
    let found: Vec<DeletionRef> = all
        .iter()
        .map(|vector| vector.clone().write("01OBJECT", &mut object).expect("it is written"))
        .collect();
    for (vector, found) in all.iter().zip(&found) {
        let bytes = &object[found.offset as usize..(found.offset + found.bytes) as usize];
        let read = DeletionVector::read(found, ROWS, bytes).expect("it is whole");
        assert_eq!(read.rows(), vector.rows());
        assert_eq!(read.live(0..ROWS as u32), vector.live(0..ROWS as u32));
    }
    assert!(found[1].bytes < 100, "a run of rows takes a few bytes, not {}", found[1].bytes);
}

#[test]
fn a_flipped_bit_and_a_row_too_many_are_found() {
    let mut object = Vec::new();
    let found = vector([1, 2, 50_000]).write("01OBJECT", &mut object).expect("it is written");
    for byte in 0..object.len() {
        let mut flipped = object.clone();
        flipped[byte] ^= 0x10;
        let error = DeletionVector::read(&found, ROWS, &flipped).expect_err("a bit was flipped");
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        assert!(error.message().starts_with("deletions/01OBJECT is damaged"), "{error}");
    }
    assert!(DeletionVector::read(&found, ROWS, &object[..object.len() - 1]).is_err());
    assert!(DeletionVector::read(&found, 50_000, &object).is_err(), "row 50,000 is beyond the segment");
    assert!(DeletionVector::read(&DeletionRef { rows: 4, ..found }, ROWS, &object).is_err());
}

#[test]
fn live_rows_are_counted_from_the_start_of_the_range() {
    let vector = vector([3, 10, 11, 64]);
    assert_eq!(vector.live(12..64), None);
    let live = vector.live(10..65).expect("three rows are deleted");
    let dead: Vec<usize> = (0..live.len()).filter(|row| !live.value(*row)).collect();
    assert_eq!((live.len(), dead), (55, vec![0, 1, 54]));
}
