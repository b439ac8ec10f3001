//! Histograms of equal widths as numpy and histogrammar cut them, for conventions that name their rule.
//!
//! Number for number: a bin more or less changes every distance over the bins.

use super::keys::value_of;
use super::pooled::scale_of;
use super::spread::Spread;
use super::sums::Compensated;

/// How many bins `numpy.histogram_bin_edges(..., 'sturges')` makes of `count` values from `low` to `high`. For columns of
/// whole numbers numpy makes no bin narrower than 1.
pub fn sturges_bins(count: usize, low: f64, high: f64, integers: bool) -> usize {
    bins_of_width(low, high, (count as f64).log2() + 1.0, integers)
}

/// How many bins `numpy.histogram_bin_edges(keys, 'doane')` makes: Sturges' rule, with more bins for skewed values.
pub fn doane_bins(keys: &[u64], integers: bool) -> usize {
    let (low, high) = (value_of(keys[0]), value_of(keys[keys.len() - 1]));
    let n = keys.len() as f64;
    let scale = scale_of(keys, keys);
    let spread = Spread::of(keys, low, scale);
    let sigma = spread.deviation();
    if keys.len() <= 2 || sigma <= 0.0 {
        return 1;
    }
    let standard = |&key: &u64| (value_of(key) * scale - low * scale - spread.mean()) / sigma;
    let cubes = keys.iter().map(|key| standard(key).powi(3)).collect::<Compensated>().value();
    let error = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    bins_of_width(low, high, 1.0 + n.log2() + (1.0 + (cubes / n).abs() / error).log2(), integers)
}

/// The range divided by a width that itself is the range divided by `wanted`: not the same as rounding `wanted` up, to the
/// last bit.
fn bins_of_width(low: f64, high: f64, wanted: f64, integers: bool) -> usize {
    let range = high - low;
    if range == 0.0 {
        return 1;
    }
    if !range.is_finite() {
        return wanted.ceil() as usize;
    }
    let mut width = range / wanted;
    if integers && width < 1.0 {
        width = 1.0;
    }
    // a range of subnormals has no width
    if width > 0.0 { (range / width).ceil() as usize } else { 1 }
}

/// numpy's edges of `bins` bins from `low` to `high`, one more than bins; a range of nothing is widened by 1/2 either way.
pub fn edges(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let step = (high - low) / bins as f64;
    let edge = |i: usize| {
        if step.is_finite() {
            i as f64 * step + low
        } else {
            let share = i as f64 / bins as f64;
            low * (1.0 - share) + high * share
        }
    };
    (0..bins).map(edge).chain([high]).collect()
}

/// Counts of sorted keys between edges, as `numpy.histogram` counts: from each edge (included) to the next (excluded, but
/// for the last one). What lies outside is not counted.
pub fn counts(keys: &[u64], edges: &[f64]) -> Vec<u64> {
    let last = edges.len() - 1;
    let rank = |(at, &edge): (usize, &f64)| {
        keys.partition_point(|&key| if at == last { value_of(key) <= edge } else { value_of(key) < edge })
    };
    let ranks: Vec<usize> = edges.iter().enumerate().map(rank).collect();
    ranks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as u64).collect()
}

/// Bins of one width without ends, of which only those that hold values exist: value `x` lies in bin
/// `floor((x - origin) / width)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseBins {
    /// Where bin 0 begins.
    pub origin: f64,
    /// The width of each.
    pub width: f64,
}

impl SparseBins {
    /// The bin of a value.
    pub fn bin_of(&self, value: f64) -> f64 {
        ((value - self.origin) / self.width).floor()
    }
}

#[cfg(test)]
mod tests;
