//! Counts the keys in the attributes of a flush, in bounded memory: clients may put values into keys.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::{
    AttributeMap,
    json::{Kind, kind},
};
use crate::schema::{ColumnType, column_id};

/// A key is common in more than this share of the rows of a flush,
const COMMON_PERCENT: usize = 1;
/// and in no fewer rows than this: three rows say nothing about the next thousand.
const COMMON_ROWS_MIN: usize = 64;
/// Distinct keys that are counted at once. When one more comes, the rarer half is forgotten: a key that lies in more
/// than one row of a hundred outlives any number of keys that come once.
const KEYS_COUNTED_MAX: usize = 8_192;

/// A key that is common enough for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) key: String,
    pub(crate) ty: ColumnType,
    /// The rows whose value fits the type.
    pub(crate) rows: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    texts: usize,
    integers: usize,
    doubles: usize,
    booleans: usize,
    /// The last row, counted from 1, so that a key counts once a row.
    last_row: usize,
}

impl Count {
    fn total(&self) -> usize {
        self.texts + self.integers + self.doubles + self.booleans
    }

    /// The type that most rows fit; integers and doubles meet as doubles.
    fn best(&self) -> (ColumnType, usize) {
        let numbers = if self.doubles > 0 { ColumnType::Float64 } else { ColumnType::Int64 };
        let types = [
            (ColumnType::Text, self.texts),
            (numbers, self.integers + self.doubles),
            (ColumnType::Boolean, self.booleans),
        ];
        types.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best }).expect("three types")
    }
}

/// Finds the keys that are common in the attributes of some rows, the most frequent first.
pub(crate) fn census(batches: &[RecordBatch], attributes: u32) -> Vec<Candidate> {
    let mut counts: HashMap<&str, Count> = HashMap::new();
    let mut rows = 0;
    for batch in batches {
        let position =
            batch.schema_ref().fields().iter().position(|field| column_id(field) == Some(attributes));
        let map = position.and_then(|position| AttributeMap::new(batch.column(position)));
        if let Some(map) = map {
            count(&mut counts, map, rows);
        }
        rows += batch.num_rows();
    }
    let common = |count: usize| count >= COMMON_ROWS_MIN && count * 100 > rows * COMMON_PERCENT;
    let mut candidates: Vec<Candidate> = counts
        .into_iter()
        .map(|(key, count)| (key, count.best()))
        .filter(|(_, (_, count))| common(*count))
        .map(|(key, (ty, rows))| Candidate { key: key.to_owned(), ty, rows })
        .collect();
    candidates.sort_unstable_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.key.cmp(&b.key)));
    candidates
}

fn count<'a>(counts: &mut HashMap<&'a str, Count>, map: AttributeMap<'a>, rows_before: usize) {
    for row in 0..map.rows() {
        for entry in map.entries(row) {
            let key = map.key(entry);
            if counts.len() == KEYS_COUNTED_MAX && !counts.contains_key(key) {
                forget_rarer_half(counts);
            }
            let count = counts.entry(key).or_default();
            let number = rows_before + row + 1;
            if count.last_row == number {
                continue;
            }
            count.last_row = number;
            match map.value(entry).map_or(Kind::Other, kind) {
                Kind::Text => count.texts += 1,
                Kind::Integer => count.integers += 1,
                Kind::Double => count.doubles += 1,
                Kind::Boolean => count.booleans += 1,
                Kind::Other => {}
            }
        }
    }
}

fn forget_rarer_half(counts: &mut HashMap<&str, Count>) {
    let mut totals: Vec<usize> = counts.values().map(Count::total).collect();
    let middle = totals.len() / 2;
    let (_, &mut median, _) = totals.select_nth_unstable(middle);
    counts.retain(|_, count| count.total() > median);
}
