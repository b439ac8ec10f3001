//! Tests of homogeneity: do two populations fall into the same categories with the same probabilities?
//!
//! The table has two rows, reference and current, and a column for every category that either has. Not a test of fit of one
//! against the other: that takes the reference for the truth and rejects far too often.

use super::gamma::chi2_survival;
use super::loader::deviance;

/// How observed and expected counts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Pearson's chi-squared, `sum (o - e)² / e`.
    Pearson,
    /// The log-likelihood ratio G, `2 sum o ln(o / e)`.
    LogLikelihood,
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// The statistic; 0 for a single category.
    pub statistic: f64,
    /// The probability of a statistic at least as large without drift; 1 for a single category.
    pub p_value: f64,
    /// Degrees of freedom: categories less one.
    pub dof: u64,
    /// The least expected count: below 5 the p-value is rough.
    pub min_expected: f64,
    /// Cramér's V, from Pearson's statistic, with Bergsma's bias correction, in [0, 1]; `None` where too few rows leave nothing to correct.
    pub cramers_v: Option<f64>,
}

/// Tests two rows of counts; `None` when a side is empty. Categories that neither side has do not count. With one degree of
/// freedom `correction` moves each observed count by up to 0.5 towards the expected one (Yates), as scipy does.
pub fn homogeneity(
    reference: &[u64],
    current: &[u64],
    power: Power,
    correction: bool,
) -> Option<Homogeneity> {
    assert_eq!(reference.len(), current.len(), "both sides over the same categories");
    let (r, c): (u64, u64) = (reference.iter().sum(), current.iter().sum());
    if r == 0 || c == 0 {
        return None;
    }
    let n = (r + c) as f64;
    let shares = [r as f64 / n, c as f64 / n];
    let columns = || reference.iter().zip(current).filter(|(x, y)| **x + **y > 0);
    let categories = columns().count() as u64;
    let dof = categories - 1;
    let corrected = correction && dof == 1;
    let (mut pearson, mut likelihood, mut min_expected) = (0.0, 0.0, f64::INFINITY);
    for (&x, &y) in columns() {
        let total = (x + y) as f64;
        for (observed, share) in [(x as f64, shares[0]), (y as f64, shares[1])] {
            let expected = total * share;
            min_expected = expected.min(min_expected);
            let apart = expected - observed;
            let observed = if corrected { observed + apart.clamp(-0.5, 0.5) } else { observed };
            pearson += (observed - expected) * (observed - expected) / expected;
            if power == Power::LogLikelihood {
                // o ln(o / e) + e - o: the differences add up to 0, and so no digits cancel
                let nothing = observed == 0.0;
                likelihood += 2.0 * if nothing { expected } else { deviance(observed, expected - observed) };
            }
        }
    }
    if dof == 0 {
        return Some(Homogeneity { statistic: 0.0, p_value: 1.0, dof, min_expected, cramers_v: Some(0.0) });
    }
    let statistic = match power {
        Power::Pearson => pearson,
        Power::LogLikelihood => likelihood,
    };
    let p_value = chi2_survival(statistic, dof as f64);
    let cramers_v = cramers_v(pearson, n, categories as f64);
    Some(Homogeneity { statistic, p_value, dof, min_expected, cramers_v })
}

/// Cramér's V of a table of two rows, corrected for bias after Bergsma (2013).
fn cramers_v(pearson: f64, n: f64, categories: f64) -> Option<f64> {
    let phi2 = (pearson / n - (categories - 1.0) / (n - 1.0)).max(0.0);
    let rows = 2.0 - 1.0 / (n - 1.0);
    let columns = categories - (categories - 1.0) * (categories - 1.0) / (n - 1.0);
    let least = (rows - 1.0).min(columns - 1.0);
    (least > 0.0).then(|| (phi2 / least).sqrt().min(1.0))
}

#[cfg(test)]
mod tests;
