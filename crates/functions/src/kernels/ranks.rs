//! Median and median absolute deviation of a range of rows that moves forward.
//!
//! All rows are ranked once; which ranks lie in the range is a Fenwick tree of counts (Fenwick 1994). So a row costs
//! `O(log n)` to enter or leave and `O(log² n)` for its statistics, however long the range is.

use std::ops::Range;

use super::keys::{key_of, value_of};

/// The rank of a row that takes no part.
const LEFT_OUT: u32 = u32::MAX;

/// The most rows that can be ranked.
pub const ROWS_MAX: usize = LEFT_OUT as usize;

/// A range over rows of ranked values. Memory: 16 bytes a row.
#[derive(Debug)]
pub struct RankedRange {
    /// By rank.
    keys: Vec<u64>,
    /// By row.
    ranks: Vec<u32>,
    /// Counts by rank, one-based.
    tree: Vec<u32>,
    count: usize,
    range: Range<usize>,
}

impl RankedRange {
    /// Ranks rows, at most [`ROWS_MAX`]; those that are `None` take no part. The range is empty.
    pub fn new(values: impl ExactSizeIterator<Item = Option<f64>>) -> Self {
        assert!(values.len() <= ROWS_MAX, "rows fit their ranks");
        let mut ranks = vec![LEFT_OUT; values.len()];
        let mut rising: Vec<(u64, u32)> =
            values.enumerate().filter_map(|(row, value)| Some((key_of(value?), row as u32))).collect();
        rising.sort_unstable();
        for (rank, &(_, row)) in rising.iter().enumerate() {
            ranks[row as usize] = rank as u32;
        }
        let keys: Vec<u64> = rising.into_iter().map(|(key, _)| key).collect();
        Self { tree: vec![0; keys.len() + 1], keys, ranks, count: 0, range: 0..0 }
    }

    /// Moves to another range of rows.
    pub fn advance(&mut self, range: Range<usize>) {
        let range = range.start..range.end.max(range.start);
        if range.start >= self.range.end || range.end <= self.range.start {
            self.range.clone().for_each(|row| self.count_row(row, false));
            range.clone().for_each(|row| self.count_row(row, true));
        } else {
            (self.range.start..range.start).for_each(|row| self.count_row(row, false));
            (range.start..self.range.start).for_each(|row| self.count_row(row, true));
            (range.end..self.range.end).for_each(|row| self.count_row(row, false));
            (self.range.end..range.end).for_each(|row| self.count_row(row, true));
        }
        self.range = range;
    }

    /// The median and the median of the distances from it; `None` for an empty range.
    pub fn median_and_deviation(&self) -> Option<(f64, f64)> {
        if self.count == 0 {
            return None;
        }
        let (low, high) = ((self.count - 1) / 2, self.count / 2);
        let median = middle(self.nth(low), self.nth(high));
        // from the median downwards and from there upwards, distances only grow: two sorted lists
        let falling = |at: usize| (at <= low).then(|| median - self.nth(low - at));
        let rising = |at: usize| (low + 1 + at < self.count).then(|| self.nth(low + 1 + at) - median);
        let mut down = self.taken_below(low, falling, rising);
        let mut up = low - down;
        let mut next = || {
            let (below, above) = (falling(down), rising(up));
            match (below, above) {
                (Some(below), Some(above)) if below > above => {
                    up += 1;
                    above
                }
                (Some(below), _) => {
                    down += 1;
                    below
                }
                (None, above) => {
                    up += 1;
                    above.unwrap_or(f64::INFINITY)
                }
            }
        };
        let lower = next();
        let upper = if high > low { next() } else { lower };
        Some((median, middle(lower, upper)))
    }

    /// How many of the `count` least distances come from the falling list: the least number whose next distance is not below
    /// the last one then taken from the rising list.
    fn taken_below(
        &self,
        count: usize,
        falling: impl Fn(usize) -> Option<f64>,
        rising: impl Fn(usize) -> Option<f64>,
    ) -> usize {
        let above = self.count - (self.count - 1) / 2 - 1;
        let (mut low, mut high) = (count.saturating_sub(above), count);
        while low < high {
            let taken = low.midpoint(high);
            let is_enough = match (falling(taken), rising(count - taken - 1)) {
                (Some(next), Some(last)) => next >= last,
                _ => true,
            };
            if is_enough {
                high = taken;
            } else {
                low = taken + 1;
            }
        }
        low
    }

    fn count_row(&mut self, row: usize, enters: bool) {
        let rank = self.ranks[row];
        if rank == LEFT_OUT {
            return;
        }
        let mut at = rank as usize + 1;
        while at < self.tree.len() {
            self.tree[at] = if enters { self.tree[at] + 1 } else { self.tree[at] - 1 };
            at += at & at.wrapping_neg();
        }
        self.count = if enters { self.count + 1 } else { self.count - 1 };
    }

    /// The value with `below` values of the range before it.
    fn nth(&self, below: usize) -> f64 {
        let (mut rank, mut left) = (0, below as u32);
        let mut step = (self.tree.len() - 1).checked_ilog2().map_or(0, |bits| 1 << bits);
        while step > 0 {
            if let Some(&count) = self.tree.get(rank + step)
                && count <= left
            {
                rank += step;
                left -= count;
            }
            step /= 2;
        }
        value_of(self.keys[rank])
    }
}

/// Halfway between two values, as numpy takes it; the sum must be finite.
fn middle(low: f64, high: f64) -> f64 {
    (low + high) / 2.0
}

#[cfg(test)]
mod tests;
