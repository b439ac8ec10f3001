//! Distances between two empirical distribution functions `F` and `G`: the area between them, and that of its square.
//!
//! Exact for finite values: no bins, ties counted together, sums compensated and taken from the least value upwards.

use super::keys::value_of;
use super::pooled::{scale_of, ties};
use super::spread::Spread;
use super::sums::Compensated;

/// The least standard deviation that a distance is divided by: that of a nearly constant column would make any shift huge.
pub const DEVIATION_MIN: f64 = 0.001;

/// Wasserstein's distance, `W1 = integral of |F - G| dx`, in the unit of the values. Both sides sorted and not empty.
pub fn wasserstein(reference: &[u64], current: &[u64]) -> f64 {
    let scale = scale_of(reference, current);
    area(reference, current, scale, f64::abs) / scale
}

/// Wasserstein's distance in standard deviations of the reference (ddof 0), which count as at least [`DEVIATION_MIN`].
pub fn wasserstein_norm(reference: &[u64], current: &[u64]) -> f64 {
    let scale = scale_of(reference, current);
    let deviation = Spread::of(reference, value_of(reference[0]), scale).deviation();
    area(reference, current, scale, f64::abs) / deviation.max(DEVIATION_MIN * scale)
}

/// Wasserstein's distance as a share of the range of both populations; 0 where they have none.
pub fn wasserstein_of_range(reference: &[u64], current: &[u64]) -> f64 {
    let scale = scale_of(reference, current);
    let low = value_of(reference[0].min(current[0])) * scale;
    let high = value_of(reference[reference.len() - 1].max(current[current.len() - 1])) * scale;
    if low == high { 0.0 } else { area(reference, current, scale, f64::abs) / (high - low) }
}

/// The energy distance, `sqrt(2 integral of (F - G)² dx)`, in the root of the values' unit.
pub fn energy_distance(reference: &[u64], current: &[u64]) -> f64 {
    let scale = scale_of(reference, current);
    (2.0 * area(reference, current, scale, |apart| apart * apart)).sqrt() / scale.sqrt()
}

/// The integral of `height(F - G)` over the values times `scale`.
fn area(reference: &[u64], current: &[u64], scale: f64, height: impl Fn(f64) -> f64) -> f64 {
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let (mut below, mut last) = ([0u64; 2], None);
    let mut sum = Compensated::default();
    for tie in ties(reference, current) {
        let value = value_of(tie.key) * scale;
        if let Some(last) = last {
            sum.add(height(below[0] as f64 / n - below[1] as f64 / m) * (value - last));
        }
        last = Some(value);
        below[0] += tie.reference;
        below[1] += tie.current;
    }
    sum.value()
}

#[cfg(test)]
mod tests;
