//! Fiddler, after its documentation: one row more in every bin.

use super::super::bins::{counts_of_sorted, quantile_edges};
use super::{Counted, stability_index};

/// Ten bins at the reference's quantiles.
const BINS: usize = 10;

/// The bins of PSI.
pub fn bins(reference: &[u64], current: &[u64]) -> Counted {
    let edges = quantile_edges(reference.len(), BINS, |at| reference[at]);
    [counts_of_sorted(reference, &edges), counts_of_sorted(current, &edges)]
}

/// PSI over shares of counts that each have one row added.
pub fn psi(reference: &[u64], current: &[u64]) -> f64 {
    let shares = |counts: &[u64]| {
        let total = (counts.iter().sum::<u64>() + counts.len() as u64) as f64;
        counts.iter().map(|&count| (count + 1) as f64 / total).collect::<Vec<f64>>()
    };
    stability_index(&shares(reference), &shares(current))
}
