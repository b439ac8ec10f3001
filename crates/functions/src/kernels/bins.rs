//! Bin edges from the reference, and counts between edges.
//!
//! A bin holds the values from its lower edge (included) to the next edge (excluded); the outer bins are open, so no value
//! of the current population falls outside. Edges are taken from the reference alone: equal-width bins over both
//! populations let one outlier hide a drift.

use super::keys::{key_of, value_of};

/// Most bins a function accepts.
pub const BINS_MAX: usize = 10_000;
/// From this many edges on a value finds its bin by binary search rather than by comparing with every edge.
const BINARY_SEARCH_MIN: usize = 24;
/// Values that are counted at a time.
const BLOCK: usize = 512;

/// Edges at the interior `bins`-quantiles (type 7, numpy's default) of `length` > 0 sorted values, with atoms.
///
/// A quantile value that repeats is an atom: it gets a bin of its own, `[v, next_up(v))`, so zero-inflated and constant
/// columns are not blind spots. `nth` gives the key at one of the [`quantile_positions`].
pub fn quantile_edges(length: usize, bins: usize, nth: impl Fn(usize) -> u64) -> Vec<f64> {
    with_atoms((1..bins).map(|part| quantile_part(length, part, bins, &nth)).collect())
}

/// The positions in the sorted order that [`quantile_edges`] asks for, rising.
pub fn quantile_positions(length: usize, bins: usize) -> Vec<usize> {
    let around = (1..bins).flat_map(|part| {
        let (index, _) = position_of(length, part, bins);
        [index, (index + 1).min(length - 1)]
    });
    let mut positions: Vec<usize> = around.collect();
    // with more bins than values the pairs overlap
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// The quantile of type 7: linear between the two order statistics around `q * (length - 1)`.
pub fn quantile(length: usize, q: f64, nth: impl Fn(usize) -> u64) -> f64 {
    let position = (length - 1) as f64 * q;
    let below = position.floor();
    quantile_at(length, ((below as usize).min(length - 1), position - below), nth)
}

/// The quantile `part / parts` of type 7 at its exact position: where that is a whole number, it is a value of the population,
/// though `0.1 * 3` is more than `0.3`.
pub fn quantile_part(length: usize, part: usize, parts: usize, nth: impl Fn(usize) -> u64) -> f64 {
    quantile_at(length, position_of(length, part, parts), nth)
}

fn quantile_at(length: usize, (index, share): (usize, f64), nth: impl Fn(usize) -> u64) -> f64 {
    between(value_of(nth(index)), value_of(nth((index + 1).min(length - 1))), share)
}

/// Edges of `bins` bins of equal width between the least and the largest value of the reference, with atoms.
pub fn uniform_edges(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let span = high - low;
    let step = span / bins as f64;
    let edge = |i: usize| {
        if span.is_finite() {
            low + i as f64 * step
        } else {
            let share = i as f64 / bins as f64;
            low * (1.0 - share) + high * share
        }
    };
    with_atoms((1..bins).map(edge).collect())
}

/// Counts of sorted keys in each bin: below the first edge, between neighbours, from the last edge on.
pub fn counts_of_sorted(keys: &[u64], edges: &[f64]) -> Vec<u64> {
    let mut counts = Vec::with_capacity(edges.len() + 1);
    let mut before = 0;
    for &edge in edges {
        let edge = key_of(edge);
        let rank = keys.partition_point(|&key| key < edge);
        counts.push((rank - before) as u64);
        before = rank;
    }
    counts.push((keys.len() - before) as u64);
    counts
}

/// Adds keys in any order to the counts of bins: `counts.len() == edges.len() + 1`.
pub fn add_key_counts(counts: &mut [u64], keys: &[u64], edges: &[f64]) {
    // back to floats, block by block in the first cache: they compare faster
    let mut values = [0.0; BLOCK];
    for block in keys.chunks(BLOCK) {
        for (value, &key) in values.iter_mut().zip(block) {
            *value = value_of(key);
        }
        add_counts(counts, &values[..block.len()], edges);
    }
}

/// Adds finite values to the counts of bins with known edges: `counts.len() == edges.len() + 1`.
pub fn add_counts(counts: &mut [u64], values: &[f64], edges: &[f64]) {
    assert_eq!(counts.len(), edges.len() + 1, "one bin more than edges");
    if edges.len() >= BINARY_SEARCH_MIN {
        for &value in values {
            counts[bin_of(value, edges)] += 1;
        }
        return;
    }
    // values at or above each edge: compare and add, without a branch or a scattered write a value
    let mut above = values.len() as u64;
    for (bin, &edge) in edges.iter().enumerate() {
        let at_or_above: u64 = values.iter().map(|&value| u64::from(value >= edge)).sum();
        counts[bin] += above - at_or_above;
        above = at_or_above;
    }
    counts[edges.len()] += above;
}

/// The bin of one value: the number of edges at or below it.
#[inline]
pub fn bin_of(value: f64, edges: &[f64]) -> usize {
    if edges.len() >= BINARY_SEARCH_MIN {
        edges.partition_point(|&edge| edge <= value)
    } else {
        edges.iter().map(|&edge| usize::from(edge <= value)).sum()
    }
}

/// The order statistic at or below a quantile, and how far the quantile lies on the way to the next one.
fn position_of(length: usize, part: usize, parts: usize) -> (usize, f64) {
    let scaled = (length - 1) as u128 * part as u128;
    let (below, rest) = (scaled / parts as u128, scaled % parts as u128);
    (below as usize, rest as f64 / parts as f64)
}

/// Linear interpolation as numpy does it: from the nearer end, so that `t = 1` gives `high` exactly.
fn between(low: f64, high: f64, t: f64) -> f64 {
    let span = high - low;
    if t == 0.0 || span == 0.0 {
        low
    } else if !span.is_finite() {
        low * (1.0 - t) + high * t
    } else if t < 0.5 {
        low + span * t
    } else {
        high - span * (1.0 - t)
    }
}

/// Keeps each edge once, and closes the bin of a repeated one right above it.
fn with_atoms(ascending: Vec<f64>) -> Vec<f64> {
    let mut edges: Vec<f64> = Vec::with_capacity(ascending.len());
    for group in ascending.chunk_by(|a, b| a == b) {
        let edge = group[0] + 0.0;
        if edges.last().is_none_or(|&last| last < edge) {
            edges.push(edge);
        }
        // nothing lies above the largest number
        if group.len() > 1 && edge < f64::MAX {
            edges.push(edge.next_up());
        }
    }
    edges
}

#[cfg(test)]
mod tests;
