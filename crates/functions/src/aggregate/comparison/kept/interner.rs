//! Distinct texts as small numbers, all bytes in one buffer.

use std::hash::BuildHasher;

use datafusion::common::hash_utils::RandomState;
use datafusion::common::{Result, resources_err};
use hashbrown::HashTable;

/// Most distinct texts one aggregation keeps.
const CATEGORIES_MAX: usize = 10_000_000;
/// Most bytes of distinct texts one aggregation keeps.
const CATEGORY_BYTES_MAX: usize = 1 << 30;

/// Gives each distinct text a number, from 0 on.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    table: HashTable<u32>,
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
    hasher: RandomState,
}

impl Interner {
    /// The number of `text`; a new one when it was not seen before.
    pub(crate) fn intern(&mut self, text: &str) -> Result<u32> {
        let hash = self.hasher.hash_one(text.as_bytes());
        if let Some(&id) = self.table.find(hash, |&id| text_at(&self.texts, &self.ends, id) == text) {
            return Ok(id);
        }
        if self.ends.len() == CATEGORIES_MAX || self.texts.len() + text.len() > CATEGORY_BYTES_MAX {
            return resources_err!(
                "more than {CATEGORIES_MAX} distinct categories or {} MiB of their text in one aggregation: \
                 compare a coarser category",
                CATEGORY_BYTES_MAX >> 20
            );
        }
        let id = self.ends.len() as u32;
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        let (texts, ends, hasher) = (&self.texts, &self.ends, &self.hasher);
        self.table.insert_unique(hash, id, |&id| hasher.hash_one(text_at(texts, ends, id).as_bytes()));
        Ok(id)
    }

    /// The text of a number that [`Self::intern`] gave.
    pub(crate) fn text(&self, id: u32) -> &str {
        text_at(&self.texts, &self.ends, id)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.texts.capacity() + self.ends.capacity() * size_of::<usize>() + self.table.allocation_size()
    }
}

fn text_at<'a>(texts: &'a str, ends: &[usize], id: u32) -> &'a str {
    let index = id as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &texts[start..ends[index]]
}
