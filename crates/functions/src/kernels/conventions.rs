//! What other tools compute under the same names, so that their numbers can be compared with and migrated from.
//!
//! One tool a file: its bins for sorted numbers, and its formula for counts. Every function is checked against the package
//! itself where it can be installed; which, and where Driftline departs (no NaN, no rounding dust), stands in
//! `docs/drift-conventions.md`.

pub mod deepchecks;
pub mod evidently;
pub mod fiddler;
pub mod nannyml;
pub mod popmon;

use super::pooled::ties;

/// Counts over the same bins, of the reference and of the current population.
pub type Counted = [Vec<u64>; 2];

/// Every distinct value as a bin of its own, rising.
fn each_value(reference: &[u64], current: &[u64]) -> Counted {
    ties(reference, current).map(|tie| (tie.reference, tie.current)).collect::<(Vec<u64>, Vec<u64>)>().into()
}

/// The least and the largest value of two sorted populations.
fn extremes(reference: &[u64], current: &[u64]) -> (f64, f64) {
    use super::keys::value_of;
    let (last_r, last_c) = (reference[reference.len() - 1], current[current.len() - 1]);
    (value_of(reference[0].min(current[0])), value_of(last_r.max(last_c)))
}

/// Shares of a population.
fn shares(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|&count| count as f64 / total).collect()
}

/// `sum (p - q) ln(p / q)` of shares above 0, as each tool has made them.
fn stability_index(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

#[cfg(test)]
mod tests;
