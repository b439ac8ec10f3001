//! Counts by key: an open hash table that no input can make slow, because it never holds more keys than a distribution has
//! buckets.

use super::Key;

const SLOTS_LEAST: usize = 16;
/// No key has this value.
const EMPTY: Key = Key::MIN;

#[derive(Debug, Clone, Default)]
pub(super) struct Buckets {
    /// A power of two of them, at most half of them filled.
    slots: Vec<(Key, u64)>,
    length: usize,
}

impl Buckets {
    /// Adds to a key's count. Returns whether the key is new.
    #[inline]
    pub(super) fn add(&mut self, key: Key, count: u64) -> bool {
        if let Some(slot) = self.find(key).filter(|slot| slot.0 == key) {
            slot.1 += count;
            return false;
        }
        self.insert(key, count);
        true
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Keys and counts in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, u64)> {
        self.slots.iter().copied().filter(|(key, _)| *key != EMPTY)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(Key, u64)>()
    }

    /// The slot of a key, or the empty one where it belongs.
    #[inline]
    fn find(&mut self, key: Key) -> Option<&mut (Key, u64)> {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let mask = self.slots.len().checked_sub(1)?;
        let hash = (key as u64).wrapping_mul(GOLDEN);
        let mut at = (hash >> 40) as usize & mask;
        while self.slots[at].0 != key && self.slots[at].0 != EMPTY {
            at = (at + 1) & mask;
        }
        Some(&mut self.slots[at])
    }

    #[cold]
    fn insert(&mut self, key: Key, count: u64) {
        if self.length * 2 >= self.slots.len() {
            let slots = vec![(EMPTY, 0); (self.slots.len() * 2).max(SLOTS_LEAST)];
            let old = std::mem::replace(&mut self.slots, slots);
            for entry in old.into_iter().filter(|(key, _)| *key != EMPTY) {
                *self.find(entry.0).expect("the table has slots") = entry;
            }
        }
        *self.find(key).expect("the table has slots") = (key, count);
        self.length += 1;
    }
}
