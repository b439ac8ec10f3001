//! The cache of decoded columns. A key names a column of a row group of a segment; segments never change, so an entry is valid for
//! ever. What has not been used since the hand last came by goes first (CLOCK).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef};

/// What an entry takes beside its array, about.
const ENTRY_BYTES: usize = 256;
/// An entry larger than this share of the cache would push out everything else.
const ENTRY_SHARE_MAX: usize = 4;

/// Where a decoded column comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    pub(super) segment: Arc<str>,
    pub(super) row_group: u32,
    pub(super) column: u32,
    pub(super) form: Form,
}

/// As what a column is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// In the type that leaves the scan.
    Values,
    /// Text, as numbers of its different values.
    Codes,
    /// Some rows alone, by their numbers in the row group, in the type that leaves the scan.
    Rows(Arc<[u32]>),
}

impl Form {
    fn memory_size(&self) -> usize {
        match self {
            Self::Rows(rows) => size_of_val(rows.as_ref()),
            Self::Values | Self::Codes => 0,
        }
    }
}

/// What the cache of decoded columns holds, and how often it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Bytes that it may hold.
    pub bytes_max: usize,
    /// Bytes that it holds.
    pub bytes: usize,
    /// Columns of row groups that it holds.
    pub entries: usize,
    /// How often a column was there, since the database was opened.
    pub hits: u64,
    /// How often a column had to be decoded.
    pub misses: u64,
}

/// Decoded columns, bounded in bytes.
#[derive(Debug)]
pub(crate) struct ColumnCache {
    bytes_max: usize,
    scan_bytes: usize,
    inner: Mutex<Inner>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<CacheKey, Entry>,
    /// The order in which the hand comes by.
    clock: VecDeque<CacheKey>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    array: ArrayRef,
    bytes: usize,
    used: bool,
}

impl ColumnCache {
    /// A cache of so many bytes, before scans whose partitions decode about `scan_bytes` at a time.
    pub(crate) fn new(bytes_max: usize, scan_bytes: usize) -> Self {
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { bytes_max, scan_bytes, inner: Mutex::default(), hits, misses }
    }

    /// What a partition of a scan decodes at a time, about, in bytes.
    pub(super) fn scan_bytes(&self) -> usize {
        self.scan_bytes
    }

    /// Whether all rows of a column of a row group are there.
    pub(super) fn has_column(&self, segment: &Arc<str>, row_group: usize, column: u32) -> bool {
        let key = |form| CacheKey { segment: Arc::clone(segment), row_group: row_group as u32, column, form };
        self.contains(&key(Form::Values)) || self.contains(&key(Form::Codes))
    }

    pub(crate) fn status(&self) -> CacheStatus {
        let inner = self.lock();
        CacheStatus {
            bytes_max: self.bytes_max,
            bytes: inner.bytes,
            entries: inner.entries.len(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// A column that is decoded where it is not there.
    pub(super) fn get(&self, key: &CacheKey) -> Option<ArrayRef> {
        let found = self.find(key);
        if found.is_none() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// A column that, where it is not there, may be there in another form.
    pub(super) fn find(&self, key: &CacheKey) -> Option<ArrayRef> {
        let found = self.lock().entries.get_mut(key).map(|entry| {
            entry.used = true;
            Arc::clone(&entry.array)
        });
        self.hits.fetch_add(u64::from(found.is_some()), Ordering::Relaxed);
        found
    }

    /// Whether a column is there, which counts as no use of it.
    pub(super) fn contains(&self, key: &CacheKey) -> bool {
        self.lock().entries.contains_key(key)
    }

    /// Whether it would keep an array of so many bytes.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        bytes <= self.bytes_max / ENTRY_SHARE_MAX
    }

    pub(super) fn insert(&self, key: CacheKey, array: &ArrayRef) {
        let bytes = array.get_array_memory_size() + ENTRY_BYTES + key.form.memory_size();
        if !self.takes(bytes) {
            return;
        }
        let mut inner = self.lock();
        if inner.entries.contains_key(&key) {
            return;
        }
        inner.make_room(self.bytes_max - bytes);
        inner.bytes += bytes;
        inner.clock.push_back(key.clone());
        let array = Arc::clone(array);
        inner.entries.insert(key, Entry { array, bytes, used: false });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // nothing that holds the lock can leave it half changed
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Moves the hand until no more than so many bytes are held; an entry used since its last visit gets another round.
    fn make_room(&mut self, bytes_left: usize) {
        while self.bytes > bytes_left {
            let Some(key) = self.clock.pop_front() else { return };
            match self.entries.get_mut(&key) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.clock.push_back(key);
                }
                Some(entry) => {
                    self.bytes -= entry.bytes;
                    self.entries.remove(&key);
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
