use arrow::array::Int64Array;

use super::*;

fn key(row_group: u32) -> CacheKey {
    CacheKey { segment: "s".into(), row_group, column: 1, form: Form::Values }
}

fn column(rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from(vec![1; rows]))
}

/// Breaks when the cache grows past its limit, or keeps what is not used and drops what is.
#[test]
fn stays_within_its_bytes_and_keeps_what_is_used() {
    let one = column(1000).get_array_memory_size() + ENTRY_BYTES;
    let cache = ColumnCache::new(5 * one, 1);
    for row_group in 0..5 {
        cache.insert(key(row_group), &column(1000));
    }
    assert!(cache.get(&key(0)).is_some());
    for row_group in 5..9 {
        cache.insert(key(row_group), &column(1000));
    }
    let status = cache.status();
    assert!(status.bytes <= status.bytes_max && status.entries == 5, "{status:?}");
    assert!(cache.get(&key(0)).is_some(), "used since the hand came by");
    assert!(cache.get(&key(1)).is_none());
    assert_eq!((cache.status().hits, cache.status().misses), (2, 1));
}

/// Breaks when one giant column empties the cache, or a cache of no bytes holds something.
#[test]
fn refuses_giants() {
    let cache = ColumnCache::new(3 * (column(1000).get_array_memory_size() + ENTRY_BYTES), 1);
    cache.insert(key(0), &column(1000));
    assert_eq!(cache.status().entries, 0);
    let off = ColumnCache::new(0, 1);
    off.insert(key(0), &column(1));
    assert_eq!(off.status().bytes, 0);
}
