//! The Mann-Whitney U test: is a value of one population more often the larger one of a pair?

use std::f64::consts::SQRT_2;

use super::pooled::ties;

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// U of the reference: pairs in which its value is the larger one, a tie counting half.
    pub statistic: f64,
    /// The two-sided probability of a U at least as far from its mean without drift.
    pub p_value: f64,
}

/// Compares two sorted populations, not empty, by the normal approximation with corrections for continuity and ties. Counts
/// are exact integers.
pub fn mann_whitney(reference: &[u64], current: &[u64]) -> MannWhitney {
    let (n, m) = (reference.len() as u128, current.len() as u128);
    let (mut twice_u, mut tied, mut below) = (0u128, 0u128, 0u128);
    for tie in ties(reference, current) {
        let (r, c, t) = (u128::from(tie.reference), u128::from(tie.current), u128::from(tie.count()));
        twice_u += r * (2 * below + c);
        tied += t * t * t - t;
        below += c;
    }
    // the larger U of both sides above its mean n m / 2, less 1/2 for continuity
    let above = (twice_u.max(2 * n * m - twice_u) - n * m) as f64 / 2.0 - 0.5;
    let (pairs, total) = ((n * m) as f64, (n + m) as f64);
    let error = (pairs / 12.0 * ((total + 1.0) - tied as f64 / (total * (total - 1.0)))).sqrt();
    // a single distinct value has no error: minus infinity, and 1
    let p_value = libm::erfc(above / error / SQRT_2).min(1.0);
    MannWhitney { statistic: twice_u as f64 / 2.0, p_value }
}

#[cfg(test)]
mod tests;
