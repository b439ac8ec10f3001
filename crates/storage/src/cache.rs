//! A cache bounded by bytes: the least recently used entry goes first.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Immutable objects by name, at most so many bytes of them. Objects are never stale: what a name means never changes.
pub(crate) struct Cache<V> {
    bytes_max: usize,
    inner: Mutex<Inner<V>>,
}

struct Inner<V> {
    entries: HashMap<String, Entry<V>>,
    by_use: BTreeMap<u64, String>,
    next_use: u64,
    bytes: usize,
}

struct Entry<V> {
    value: Arc<V>,
    bytes: usize,
    last_use: u64,
}

impl<V> Cache<V> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let inner = Inner { entries: HashMap::new(), by_use: BTreeMap::new(), next_use: 0, bytes: 0 };
        Self { bytes_max, inner: Mutex::new(inner) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<V>> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let entry = inner.entries.get_mut(name)?;
        let name = inner.by_use.remove(&entry.last_use)?;
        entry.last_use = inner.next_use;
        inner.by_use.insert(inner.next_use, name);
        inner.next_use += 1;
        Some(Arc::clone(&entry.value))
    }

    /// Keeps an object; one that is larger than the whole cache is not kept.
    pub(crate) fn insert(&self, name: &str, value: Arc<V>, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        inner.remove(name);
        while inner.bytes + bytes > self.bytes_max {
            let Some((_, oldest)) = inner.by_use.pop_first() else { break };
            inner.remove(&oldest);
        }
        inner.by_use.insert(inner.next_use, name.to_owned());
        inner.entries.insert(name.to_owned(), Entry { value, bytes, last_use: inner.next_use });
        inner.next_use += 1;
        inner.bytes += bytes;
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

impl<V> Inner<V> {
    fn remove(&mut self, name: &str) {
        if let Some(entry) = self.entries.remove(name) {
            self.by_use.remove(&entry.last_use);
            self.bytes -= entry.bytes;
        }
    }
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_its_bytes_and_forgets_the_least_recently_used() {
        // breaks when get does not count as a use, or when the bytes of a replaced entry are not given back
        let cache = Cache::new(100);
        for name in ["a", "b", "c"] {
            cache.insert(name, Arc::new(name.to_owned()), 30);
        }
        assert_eq!(cache.get("a").as_deref(), Some(&"a".to_owned()));
        cache.insert("d", Arc::new("d".to_owned()), 30);
        assert_eq!(cache.get("b"), None);
        assert!(cache.get("a").is_some() && cache.get("c").is_some() && cache.get("d").is_some());
        cache.insert("d", Arc::new("d2".to_owned()), 40);
        assert_eq!(cache.bytes(), 100);
        cache.insert("huge", Arc::new(String::new()), 101);
        assert_eq!((cache.get("huge"), cache.bytes()), (None, 100));
    }
}
