//! evidently 0.7.23.
//!
//! Numbers: Sturges' bins over both populations together; with at most [`VALUES_AS_CATEGORIES_MAX`] distinct reference values
//! each value is a category. Shares of 0 are filled, not clipped.

use super::super::contingency::Power;
use super::super::divergence;
use super::super::gamma::chi2_survival;
use super::super::histograms::{counts, edges, sturges_bins};
use super::super::loader::deviance;
use super::super::pooled::ties;
use super::{Counted, each_value, extremes, shares, stability_index};

/// A column with at most so many distinct reference values is compared value by value.
pub const VALUES_AS_CATEGORIES_MAX: usize = 20;

/// The bins of psi, kl_div and jensenshannon.
pub fn bins(reference: &[u64], current: &[u64], integers: bool) -> Counted {
    let distinct = reference.chunk_by(|a, b| a == b).take(VALUES_AS_CATEGORIES_MAX + 1).count();
    if distinct <= VALUES_AS_CATEGORIES_MAX {
        return each_value(reference, current);
    }
    over_both(reference, current, reference.len() + current.len(), integers)
}

/// The bins of hellinger: Sturges' for as many values as are distinct.
pub fn hellinger_bins(reference: &[u64], current: &[u64], integers: bool) -> Counted {
    over_both(reference, current, ties(reference, current).count(), integers)
}

/// Every value a category, as chisquare and z see numbers.
pub fn values(reference: &[u64], current: &[u64]) -> Counted {
    each_value(reference, current)
}

fn over_both(reference: &[u64], current: &[u64], values: usize, integers: bool) -> Counted {
    let (low, high) = extremes(reference, current);
    let edges = edges(low, high, sturges_bins(values, low, high, integers));
    [counts(reference, &edges), counts(current, &edges)]
}

/// psi: `sum (r - c) ln(r / c)` over filled shares, which no longer add up to 1.
pub fn psi(reference: &[u64], current: &[u64]) -> f64 {
    stability_index(&filled(reference), &filled(current))
}

/// kl_div: KL(reference || current) in nats over filled shares, renormalised.
pub fn kl_divergence(reference: &[u64], current: &[u64]) -> f64 {
    let normalised = |counts: &[u64]| {
        let shares = filled(counts);
        let sum: f64 = shares.iter().sum();
        shares.into_iter().map(move |share| share / sum).collect::<Vec<f64>>()
    };
    let (r, c) = (normalised(reference), normalised(current));
    r.iter().zip(&c).map(|(p, q)| p * (p / q).ln()).sum::<f64>().max(0.0)
}

/// jensenshannon: the distance to base e, from 0 to `sqrt(ln 2)` = 0.83255.
pub fn js_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    let bits = divergence::js_divergence(reference, current)?;
    Some((bits * std::f64::consts::LN_2).sqrt())
}

/// Puts something into empty bins: 0.0001, or a millionth of the least other share where that is no more than 0.0001.
fn filled(counts: &[u64]) -> Vec<f64> {
    let mut shares = shares(counts);
    let least = shares.iter().copied().filter(|&share| share > 0.0).fold(f64::INFINITY, f64::min);
    let fill = if least <= 0.0001 { least / 1e6 } else { 0.0001 };
    shares.iter_mut().filter(|share| **share == 0.0).for_each(|share| *share = fill);
    shares
}

/// How well the current counts fit the reference's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Infinite where the current population has a category that the reference lacks; `None` where evidently refuses to answer.
    pub statistic: Option<f64>,
    /// The probability of a statistic at least as large by chance, the reference taken for the truth; `None` as well for a
    /// single category (evidently: NaN).
    pub p_value: Option<f64>,
    /// Categories less one.
    pub dof: u64,
    /// The least expected count.
    pub min_expected: f64,
}

/// chisquare, `sum (o - e)² / e`, and g_test, `2 sum o ln(o / e)`: tests of fit, not of homogeneity. Neither side is empty.
///
/// g_test compares counts as they are, and so refuses populations of unequal size.
pub fn fit(reference: &[u64], current: &[u64], power: Power) -> Fit {
    let (n, m) = (reference.iter().sum::<u64>(), current.iter().sum::<u64>());
    let (mut statistic, mut min_expected, mut categories) = (0.0, f64::INFINITY, 0u64);
    for (&r, &c) in reference.iter().zip(current).filter(|(r, c)| **r + **c > 0) {
        let (observed, expected) = (c as f64, r as f64 * (m as f64 / n as f64));
        let apart = observed - expected;
        statistic += match power {
            Power::Pearson => apart * apart / expected,
            Power::LogLikelihood if r == 0 => f64::INFINITY,
            Power::LogLikelihood if c == 0 => 2.0 * expected,
            // o ln(o / e) + e - o: the differences add up to 0, and so no digits cancel
            Power::LogLikelihood => 2.0 * deviance(observed, -apart),
        };
        min_expected = expected.min(min_expected);
        categories += 1;
    }
    let dof = categories - 1;
    let statistic = (power == Power::Pearson || n == m).then_some(statistic);
    let chance =
        |statistic: f64| if statistic.is_finite() { chi2_survival(statistic, dof as f64) } else { 0.0 };
    Fit { statistic, p_value: statistic.filter(|_| dof > 0).map(chance), dof, min_expected }
}
