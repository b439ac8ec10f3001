//! The test of two proportions.

use std::f64::consts::SQRT_2;

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionTest {
    /// How many standard errors the current share lies above the reference's; below for a negative number.
    pub statistic: f64,
    /// The two-sided probability of a difference at least as large without drift.
    pub p_value: f64,
}

/// Compares the share `of_current / n_current` with `of_reference / n_reference` by the pooled z-test; both `n` are above 0.
/// Where all rows agree there is nothing to test: 0 and 1.
pub fn z_test(of_reference: u64, n_reference: u64, of_current: u64, n_current: u64) -> ProportionTest {
    assert!(n_reference > 0 && n_current > 0, "both populations have rows");
    let (r, c) = (n_reference as f64, n_current as f64);
    let pooled = (of_reference + of_current) as f64 / (r + c);
    if of_reference + of_current == 0 || of_reference + of_current == n_reference + n_current {
        return ProportionTest { statistic: 0.0, p_value: 1.0 };
    }
    let error = (pooled * (1.0 - pooled) * (1.0 / r + 1.0 / c)).sqrt();
    let statistic = (of_current as f64 / c - of_reference as f64 / r) / error;
    ProportionTest { statistic, p_value: libm::erfc(statistic.abs() / SQRT_2) }
}

#[cfg(test)]
mod tests;
