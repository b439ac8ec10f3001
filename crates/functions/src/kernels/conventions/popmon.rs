//! popmon 1.4.12 with histogrammar's automatic bins, over shares: popmon itself feeds raw counts to PSI and Jensen-Shannon,
//! whose values then grow with the number of rows.

use super::super::bins::quantile;
use super::super::histograms::SparseBins;
use super::super::keys::value_of;
use super::super::pooled::ties;
use super::{Counted, shares, stability_index};

/// Bins over the middle nine tenths of the reference, and the tenth around them.
const BINS: f64 = 40.0;
/// What popmon adds to every share ("10e-6").
const EPSILON: f64 = 1e-5;

/// The bins: as wide as the reference says, without ends, existing where a value lies.
pub fn bins(reference: &[u64], current: &[u64], integers: bool) -> Counted {
    let bins = if integers { around_integers(reference) } else { of_range(reference) };
    let [mut r, mut c]: Counted = Default::default();
    let mut last = None;
    for tie in ties(reference, current) {
        let bin = bins.bin_of(value_of(tie.key));
        if last != Some(bin) {
            last = Some(bin);
            r.push(0);
            c.push(0);
        }
        let at = r.len() - 1;
        r[at] += tie.reference;
        c[at] += tie.current;
    }
    [r, c]
}

/// 40 bins over the 5 % to 95 % quantiles and a twentieth of their distance on either side.
fn of_range(reference: &[u64]) -> SparseBins {
    let at = |q: f64| quantile(reference.len(), q, |position| reference[position]);
    let (mut low, mut high) = (at(0.05), at(0.95));
    if low == high {
        (low, high) = (at(0.0), at(1.0));
    }
    let range = if high > low { (high - low) * (1.0 / 0.9) } else { 1.0 };
    SparseBins { origin: low - range * 0.05, width: range / BINS }
}

/// Bins of whole widths, from half a unit below the least value.
fn around_integers(reference: &[u64]) -> SparseBins {
    let (low, high) = (value_of(reference[0]), value_of(reference[reference.len() - 1]));
    let width = ((high - low) / BINS).round_ties_even().max(1.0);
    SparseBins { origin: (low - 0.5).floor() + 0.5, width }
}

/// PSI over shares, 1e-5 added to each.
pub fn psi(reference: &[u64], current: &[u64]) -> f64 {
    let raised =
        |counts: &[u64]| shares(counts).into_iter().map(|share| share + EPSILON).collect::<Vec<f64>>();
    stability_index(&raised(reference), &raised(current))
}

/// The Jensen-Shannon divergence in nats over shares, 1e-5 added to each within the logarithms and before them.
pub fn js_divergence(reference: &[u64], current: &[u64]) -> f64 {
    let (p, q) = (shares(reference), shares(current));
    let part = |p: f64, m: f64| (p + EPSILON) * ((p + EPSILON) / (m + EPSILON)).ln();
    let sum: f64 = p
        .iter()
        .zip(&q)
        .map(|(&p, &q)| {
            let m = 0.5 * (p + q);
            part(p, m) + part(q, m)
        })
        .sum();
    (0.5 * sum).max(0.0)
}
