use super::*;
use crate::deletion::DeletionRef;

const MIB: u64 = 1 << 20;

fn segment(id: &str, bytes: u64, deleted: u64) -> Arc<SegmentMeta> {
    let deletions = (deleted > 0).then(|| DeletionRef {
        object: "D".to_owned(),
        offset: 0,
        bytes: 10,
        crc32c: 0,
        rows: deleted,
    });
    Arc::new(SegmentMeta {
        id: id.to_owned(),
        path: format!("data/t/date=2026-08-01/{id}.parquet"),
        partition: "2026-08-01".to_owned(),
        rows: 1_000,
        bytes,
        raw_bytes: 4 * bytes,
        min_time: 0,
        max_time: 1,
        row_groups: 1,
        sort: vec![1],
        columns: vec![1],
        tail_offset: 1,
        tail_crc32c: 0,
        file_crc32c: 0,
        created_at: 0,
        deletions,
    })
}

/// The ids that are merged of segments of these sizes in MiB, named a, b, c, ...
fn merged(sizes: &[u64], reason: Reason) -> String {
    let segments: Vec<_> =
        ('a'..).zip(sizes).map(|(name, mib)| segment(&name.to_string(), mib * MIB, 0)).collect();
    planned(&segments, reason, 1 << 40)
}

fn planned(segments: &[Arc<SegmentMeta>], reason: Reason, memory_bytes: u64) -> String {
    let policy = Policy { target_bytes: 256 * MIB, memory_bytes, reason };
    plan(segments, &policy).into_iter().flatten().map(|segment| segment.id.clone()).collect()
}

#[test]
fn growth_merges_what_is_of_one_size() {
    assert_eq!(merged(&[0, 0, 0], Reason::Growth), "");
    assert_eq!(merged(&[0, 0, 0, 0], Reason::Growth), "abcd");
    // of another size: not yet
    assert_eq!(merged(&[20, 0, 0, 0], Reason::Growth), "");
    assert_eq!(merged(&[20, 0, 0, 0, 0], Reason::Growth), "bcde");
    // the smaller ones go along with the first size that has enough
    assert_eq!(merged(&[20, 21, 0, 22, 23], Reason::Growth), "abcde");
    // large ones stay what they are
    assert_eq!(merged(&[200, 200, 200, 200, 130], Reason::Growth), "");
}

#[test]
fn a_quiet_day_is_put_in_order() {
    assert_eq!(merged(&[20, 0], Reason::Quiet), "ab");
    assert_eq!(merged(&[200, 3, 1], Reason::Quiet), "bc");
    // one late row does not rewrite a day
    assert_eq!(merged(&[200, 0], Reason::Quiet), "");
}

#[test]
fn what_is_deleted_goes_when_it_is_worth_it_or_asked_for() {
    let few = [segment("a", 200 * MIB, 100)];
    let many = [segment("a", 200 * MIB, 125)];
    assert_eq!(planned(&few, Reason::Quiet, 1 << 40), "");
    assert_eq!(planned(&few, Reason::Asked, 1 << 40), "a");
    assert_eq!(planned(&many, Reason::Growth, 1 << 40), "a");
    assert_eq!(planned(&[segment("a", 200 * MIB, 1)], Reason::Asked, 1 << 40), "a");
}

#[test]
fn no_more_is_read_than_fits_into_memory() {
    let segments: Vec<_> = ('a'..'k').map(|name| segment(&name.to_string(), 16 * MIB, 0)).collect();
    // each needs 16 MiB of its one row group and 8 MiB beside it
    assert_eq!(planned(&segments, Reason::Quiet, 80 * MIB), "abc");
    // but always two, or they would stay for ever: those that take least
    let uneven: Vec<_> = [("a", 30), ("b", 10), ("c", 20)].map(|(id, mib)| segment(id, mib * MIB, 0)).into();
    assert_eq!(planned(&uneven, Reason::Quiet, 10 * MIB), "bc");
    // what is deleted goes all the same, one segment at a time
    let with_deletions = [segment("a", 160 * MIB, 0), segment("b", 16 * MIB, 1)];
    assert_eq!(planned(&with_deletions, Reason::Asked, 10 * MIB), "b");
}
