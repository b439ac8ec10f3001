//! What queries filter by: an index keeps more values of such a column or attribute than of others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// So many queries since the open make a column or attribute one that is filtered by.
const QUERIES_MIN: u32 = 3;
/// Attributes of a table of which that is known.
const ATTRIBUTES_MAX: usize = 64;
/// Longest key of such an attribute, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// A column, by its id, or an attribute that is left in the map, by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filtered {
    /// A column, by its id.
    Column(u32),
    /// An attribute, by its key.
    Attribute(String),
}

/// How many queries of this process have filtered by what, by the ids of tables.
#[derive(Debug, Default)]
pub(crate) struct FilterCounts(Mutex<HashMap<u64, BTreeMap<Filtered, u32>>>);

impl FilterCounts {
    /// Counts a query that compares these with constants.
    pub(crate) fn count(&self, table: u64, filtered: impl IntoIterator<Item = Filtered>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(table).or_default();
        for what in filtered {
            if let Some(count) = counts.get_mut(&what) {
                *count = count.saturating_add(1);
                continue;
            }
            let attributes = counts.keys().filter(|known| matches!(known, Filtered::Attribute(_))).count();
            let fits = match &what {
                Filtered::Column(_) => true,
                Filtered::Attribute(key) => key.len() <= KEY_BYTES_MAX && attributes < ATTRIBUTES_MAX,
            };
            if fits {
                counts.insert(what, 1);
            }
        }
    }

    /// What is filtered by so often that it is worth more room, of tables that are.
    pub(crate) fn often(&self, table: u64) -> BTreeSet<Filtered> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_table = counts.get(&table).into_iter().flatten();
        of_table.filter(|(_, count)| **count >= QUERIES_MIN).map(|(what, _)| what.clone()).collect()
    }

    /// Forgets tables that are gone.
    pub(crate) fn retain(&self, is_table: impl Fn(u64) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|table, _| is_table(*table));
    }
}
