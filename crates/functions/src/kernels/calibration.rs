//! How far predicted probabilities can be taken at their word: per-row scores, and bins of predictions.
//!
//! A bin holds the probabilities above its lower edge, up to and including its upper edge; the first bin also holds its
//! lower edge. That is the convention of Guo et al. (2017) and of scikit-learn's `calibration_curve`. Sums are
//! [fixed point](super::fixed), so nothing depends on the order of rows.

use super::keys::{key_of, value_of};
use super::{bins, fixed, sorted};

/// Probabilities are kept this far from 0 and 1 before a logarithm: scikit-learn's clipping for doubles.
pub const CLIP: f64 = f64::EPSILON;

/// The logarithmic loss of one row, `-ln` of the probability given to what happened, in `[0, 36.05]`.
#[inline]
pub fn log_loss(positive: bool, p: f64) -> f64 {
    let given = if positive { p } else { 1.0 - p };
    // 0 - ln: a certain and right prediction costs 0, not -0
    0.0 - given.clamp(CLIP, 1.0 - CLIP).ln()
}

/// The squared distance of the probability from what happened, in `[0, 1]`.
#[inline]
pub fn squared_error(positive: bool, p: f64) -> f64 {
    let distance = if positive { 1.0 - p } else { p };
    distance * distance
}

/// The rows whose probability lies in one bin. At least one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// The lower edge, excluded but in the first bin.
    pub lo: f64,
    /// The upper edge, included.
    pub hi: f64,
    /// Rows.
    pub count: u64,
    /// Rows whose label is positive.
    pub positives: u64,
    /// The sum of probabilities, in fixed point.
    pub sum: u128,
}

impl Bin {
    /// The mean predicted probability.
    pub fn mean_predicted(&self) -> f64 {
        fixed::mean(self.sum, self.count)
    }

    /// The share of positive rows.
    pub fn observed(&self) -> f64 {
        self.positives as f64 / self.count as f64
    }
}

/// The edge above bin `index` of `bins` equal widths over `[0, 1]`.
#[inline]
fn uniform_edge(index: usize, bins: usize) -> f64 {
    (index + 1) as f64 / bins as f64
}

/// The bin of a probability among `bins` equal widths over `[0, 1]`.
#[inline]
pub fn uniform_bin(p: f64, bins: usize) -> usize {
    let guess = ((p * bins as f64) as usize).min(bins - 1);
    // the product is rounded: the edges decide
    if guess > 0 && p <= uniform_edge(guess - 1, bins) {
        guess - 1
    } else if p > uniform_edge(guess, bins) {
        guess + 1
    } else {
        guess
    }
}

/// The bins of equal width that hold rows, from `(count, positives, sum)` of each bin.
pub fn uniform_bins(tallies: impl ExactSizeIterator<Item = (u64, u64, u128)>) -> Vec<Bin> {
    let bins = tallies.len();
    let edge = |index: usize| if index == 0 { 0.0 } else { uniform_edge(index - 1, bins) };
    tallies
        .enumerate()
        .filter(|(_, (count, ..))| *count > 0)
        .map(|(index, (count, positives, sum))| Bin {
            lo: edge(index),
            hi: edge(index + 1),
            count,
            positives,
            sum,
        })
        .collect()
}

/// The bins between the `bins`-quantiles (type 7) of all probabilities that hold rows, from the sorted probabilities of
/// negative and of positive rows. Repeated quantiles make one edge.
pub fn quantile_bins(negatives: &[u64], positives: &[u64], bins: usize) -> Vec<Bin> {
    let all = sorted::merge(&[negatives, positives]);
    let (Some(&first), Some(&last)) = (all.first(), all.last()) else { return Vec::new() };
    let quantile = |i: usize| bins::quantile(all.len(), i as f64 * (1.0 / bins as f64), |at| all[at]);
    // interpolation must never step back, not even by the last bit
    let mut edges: Vec<f64> = (1..bins)
        .scan(value_of(first), |below, i| {
            *below = quantile(i).max(*below);
            Some(*below)
        })
        .collect();
    edges.push(value_of(last));
    edges.dedup();
    let mut found = Vec::with_capacity(edges.len());
    let (mut rows_before, mut positives_before, mut lo) = (0, 0, value_of(first));
    for hi in edges {
        let key = key_of(hi);
        let rows = all.partition_point(|&other| other <= key);
        let positives = positives.partition_point(|&other| other <= key);
        if rows > rows_before {
            found.push(Bin {
                lo,
                hi,
                count: (rows - rows_before) as u64,
                positives: (positives - positives_before) as u64,
                sum: all[rows_before..rows].iter().map(|&key| fixed::of(value_of(key))).sum(),
            });
        }
        (rows_before, positives_before, lo) = (rows, positives, hi);
    }
    found
}

/// The expected calibration error, `sum n_b / n * |observed_b - mean_predicted_b|`; `None` without rows.
pub fn expected_error(bins: &[Bin]) -> Option<f64> {
    let rows: u64 = bins.iter().map(|bin| bin.count).sum();
    let apart = |bin: &Bin| bin.count as f64 * (bin.observed() - bin.mean_predicted()).abs();
    (rows > 0).then(|| bins.iter().map(apart).sum::<f64>() / rows as f64)
}

#[cfg(test)]
mod tests;
