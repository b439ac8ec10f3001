//! The bitmaps of an index, from the bytes in a file to the rows of a row group: with the `roaring` crate, with croaring's owned bitmap,
//! and with croaring's view of the bytes. The choice that follows stands in docs/decisions/0017-roaring-reads-the-bitmaps.md.

#![expect(unsafe_code, reason = "a view of bytes is unsafe: whether it is worth that is what is measured")]

use std::hint::black_box;
use std::ops::Range;

use criterion::{BenchmarkId, Criterion};
use croaring::{Bitmap, BitmapView, Portable};
use roaring::RoaringBitmap;

use crate::telemetry::mix;

/// Rows of a compacted segment, and of one of its row groups.
const SEGMENT_ROWS: u32 = 4_000_000;
const GROUP_ROWS: u32 = 256 * 1024;
/// Values whose bitmaps are united for `<> 'usual'`.
const OTHERS: u64 = 50;
/// An index keeps a bitmap where one of two blocks of a thousand rows has a row: the rarest value, a usual one, the most frequent one.
const ROWS_OF_A_VALUE: [u64; 3] = [10, 500, 50_000];

pub(crate) fn run(criterion: &mut Criterion) {
    for rows in ROWS_OF_A_VALUE {
        let bytes: Vec<Vec<u8>> = (0..OTHERS).map(|value| bitmap(value, rows)).collect();
        for (what, used) in [("read", &bytes[..1]), ("and", &bytes[..2]), ("or", &bytes[..])] {
            let mut group = criterion.benchmark_group(format!("bitmaps/{what}_of_{}", used.len()));
            group.sample_size(20);
            let expected = with_roaring(used, what);
            assert_eq!(with_croaring(used, what), expected);
            assert_eq!(with_views(used, what), expected);
            group.bench_function(BenchmarkId::new("roaring", rows), |bencher| {
                bencher.iter(|| with_roaring(black_box(used), what))
            });
            group.bench_function(BenchmarkId::new("croaring", rows), |bencher| {
                bencher.iter(|| with_croaring(black_box(used), what))
            });
            group.bench_function(BenchmarkId::new("croaring_view", rows), |bencher| {
                bencher.iter(|| with_views(black_box(used), what))
            });
            group.finish();
        }
    }
}

/// The rows of a value, as they lie in a file.
fn bitmap(value: u64, rows: u64) -> Vec<u8> {
    let rows = (0..rows).map(|row| (mix(value * 1_000_003 + row) % u64::from(SEGMENT_ROWS)) as u32);
    let mut bytes = Vec::new();
    RoaringBitmap::from_iter(rows).serialize_into(&mut bytes).expect("a vector takes all bytes");
    bytes
}

fn groups() -> impl Iterator<Item = Range<u32>> {
    (0..SEGMENT_ROWS).step_by(GROUP_ROWS as usize).map(|first| first..first + GROUP_ROWS)
}

/// What a scan makes of a set: the rows of each group, here summed up.
fn with_roaring(bytes: &[Vec<u8>], what: &str) -> u64 {
    let read =
        |bytes: &Vec<u8>| RoaringBitmap::deserialize_from(bytes.as_slice()).expect("it was serialised");
    let sets = bytes.iter().map(read);
    let found = match what {
        "and" => sets.reduce(|all, set| all & set),
        _ => sets.reduce(|any, set| any | set),
    };
    let found = found.expect("there is one");
    groups().map(|rows| found.range(rows).map(u64::from).sum::<u64>()).sum()
}

fn with_croaring(bytes: &[Vec<u8>], what: &str) -> u64 {
    let read = |bytes: &Vec<u8>| Bitmap::try_deserialize::<Portable>(bytes).expect("it was serialised");
    let mut sets = bytes.iter().map(read);
    let mut found = sets.next().expect("there is one");
    for set in sets {
        match what {
            "and" => found &= &set,
            _ => found |= &set,
        }
    }
    rows_of_groups(&found)
}

fn with_views(bytes: &[Vec<u8>], what: &str) -> u64 {
    // SAFETY: the bytes were serialised in this format by `bitmap`
    let views: Vec<BitmapView<'_>> =
        bytes.iter().map(|bytes| unsafe { BitmapView::deserialize::<Portable>(bytes) }).collect();
    match views.as_slice() {
        [one] => rows_of_groups(one),
        [a, b] if what == "and" => rows_of_groups(&a.and(b)),
        all => rows_of_groups(&Bitmap::fast_or(&all.iter().map(|view| &**view).collect::<Vec<&Bitmap>>())),
    }
}

fn rows_of_groups(found: &Bitmap) -> u64 {
    let mut rows = found.iter();
    let of_group = |group: Range<u32>| {
        rows.reset_at_or_after(group.start);
        rows.by_ref().take_while(|row| group.contains(row)).map(u64::from).sum::<u64>()
    };
    groups().map(of_group).sum()
}
