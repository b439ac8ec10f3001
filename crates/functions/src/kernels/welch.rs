//! Welch's t-test: do two populations have the same mean, whatever their variances?

use super::keys::value_of;
use super::pooled::scale_of;
use super::spread::Spread;
use super::student;

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelchTest {
    /// How many standard errors the mean of the reference lies above that of the current population; not finite where both
    /// are constant and differ.
    pub statistic: f64,
    /// The two-sided probability of a difference at least as large without drift.
    pub p_value: f64,
}

/// Compares two sorted populations; `None` with less than two values a side, which have no variance. Where both are constant
/// the statistic is 0 (p-value 1) or infinite (p-value 0).
pub fn welch_t_test(reference: &[u64], current: &[u64]) -> Option<WelchTest> {
    if reference.len() < 2 || current.len() < 2 {
        return None;
    }
    let scale = scale_of(reference, current);
    let origin = value_of(reference[0].min(current[0]));
    let [r, c] = [reference, current].map(|keys| Spread::of(keys, origin, scale));
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let (of_r, of_c) = (r.variance(1.0) / n, c.variance(1.0) / m);
    let apart = r.mean() - c.mean();
    if of_r + of_c == 0.0 {
        let statistic = if apart == 0.0 { 0.0 } else { f64::INFINITY.copysign(apart) };
        return Some(WelchTest { statistic, p_value: if apart == 0.0 { 1.0 } else { 0.0 } });
    }
    let dof = (of_r + of_c).powi(2) / (of_r * of_r / (n - 1.0) + of_c * of_c / (m - 1.0));
    let statistic = apart / (of_r + of_c).sqrt();
    Some(WelchTest { statistic, p_value: student::two_sided(statistic, dof) })
}

#[cfg(test)]
mod tests;
