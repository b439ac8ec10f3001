//! A reference kept in little: enough of its order statistics that edges and counts of quantile bins come out as from all of it.
//!
//! A quantile of type 7 lies between two neighbouring values of the sorted reference. Kept are those two values for every
//! quantile on a grid of 0.1 %, each with the exact count of values below it and of values up to it. From these *knots* every
//! edge is computed by the same arithmetic as from the whole reference, bit for bit; and its rank is exact, because no value
//! lies between an edge and the knots around it. At most about 2,000 knots, however long the reference.

use super::bins::{quantile_edges, quantile_part, quantile_positions};
use super::keys::{key_of, value_of};

/// Steps of the grid of quantiles: 0.1 % each.
pub const GRID: usize = 1000;

/// The order statistics of a reference around the quantiles of the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knots {
    /// Distinct values as keys, rising.
    keys: Vec<u64>,
    /// Values below each.
    below: Vec<u64>,
    /// Values up to each, itself included.
    through: Vec<u64>,
}

/// One knot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knot {
    /// The value.
    pub value: f64,
    /// How many values are less.
    pub below: u64,
    /// How many values are less or equal.
    pub through: u64,
}

/// Whether the quantiles of so many bins lie on the grid.
pub fn is_on_grid(bins: usize) -> bool {
    bins > 0 && GRID.is_multiple_of(bins)
}

impl Knots {
    /// Keeps what is needed of a sorted reference.
    pub fn of_sorted(keys: &[u64]) -> Self {
        let mut knots = Self { keys: Vec::new(), below: Vec::new(), through: Vec::new() };
        for position in kept_positions(keys.len()) {
            let key = keys[position];
            if knots.keys.last() == Some(&key) {
                continue;
            }
            knots.keys.push(key);
            knots.below.push(keys.partition_point(|&other| other < key) as u64);
            knots.through.push(keys.partition_point(|&other| other <= key) as u64);
        }
        knots
    }

    /// Knots as they were stored; `None` when they are none of a reference: values must be finite and rise, counts must fit
    /// together.
    pub fn of_stored(stored: impl IntoIterator<Item = Knot>) -> Option<Self> {
        let mut knots = Self { keys: Vec::new(), below: Vec::new(), through: Vec::new() };
        for Knot { value, below, through } in stored {
            let fits = match (knots.keys.last(), knots.through.last()) {
                (Some(&before), Some(&count)) => {
                    value.is_finite() && key_of(value) > before && below >= count
                }
                _ => value.is_finite() && below == 0,
            };
            if !fits || through <= below {
                return None;
            }
            knots.keys.push(key_of(value));
            knots.below.push(below);
            knots.through.push(through);
        }
        Some(knots)
    }

    /// The knots, rising.
    pub fn iter(&self) -> impl Iterator<Item = Knot> {
        let counts = self.below.iter().zip(&self.through);
        self.keys.iter().zip(counts).map(|(&key, (&below, &through))| Knot {
            value: value_of(key),
            below,
            through,
        })
    }

    /// How many values the reference has.
    pub fn len(&self) -> usize {
        self.through.last().map_or(0, |&count| count as usize)
    }

    /// Whether the reference has no value.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The quantile `step / 1000` of type 7. The reference must have a value.
    pub fn quantile(&self, step: usize) -> f64 {
        quantile_part(self.len(), step, GRID, |position| self.nth(position))
    }

    /// The edges of `bins` quantile bins with atoms, as [`quantile_edges`] finds them in the whole reference. `bins` must be on
    /// the grid, and the reference must have a value.
    pub fn edges(&self, bins: usize) -> Vec<f64> {
        assert!(is_on_grid(bins), "{bins} bins are not on the grid");
        quantile_edges(self.len(), bins, |position| self.nth(position))
    }

    /// The counts of the reference between edges that [`edges`](Self::edges) gave.
    pub fn counts(&self, edges: &[f64]) -> Vec<u64> {
        let ranks = edges.iter().map(|&edge| self.rank(edge)).chain([self.len() as u64]);
        let mut before = 0;
        ranks.map(|rank| rank - std::mem::replace(&mut before, rank)).collect()
    }

    /// How many values lie below an edge.
    fn rank(&self, edge: f64) -> u64 {
        let edge = key_of(edge);
        let next = self.keys.partition_point(|&key| key < edge);
        if self.keys.get(next) == Some(&edge) {
            return self.below[next];
        }
        // an edge that is no knot lies between two neighbouring values, or right above a knot
        next.checked_sub(1).map_or(0, |at| self.through[at])
    }

    /// The key at a position of the sorted reference, for positions that are kept.
    fn nth(&self, position: usize) -> u64 {
        self.keys[self.through.partition_point(|&through| through <= position as u64)]
    }

    /// The bytes it holds.
    pub fn heap_bytes(&self) -> usize {
        3 * self.keys.capacity() * size_of::<u64>()
    }
}

/// The positions of a sorted reference that quantiles on the grid ask for, rising. Those of fewer bins are among them: 3 of 10 is
/// 300 of 1000, exactly.
fn kept_positions(length: usize) -> Vec<usize> {
    let Some(last) = length.checked_sub(1) else { return Vec::new() };
    let mut positions: Vec<usize> = quantile_positions(length, GRID).into_iter().chain([0, last]).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

#[cfg(test)]
mod tests;
