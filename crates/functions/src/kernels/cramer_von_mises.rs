//! The two-sample Cramér-von Mises test, number for number as scipy 1.17's `cramervonmises_2samp(method='asymptotic')`.

use std::f64::consts::PI;

use super::pooled::ties;

/// The series of the distribution ends at terms below this, as scipy's does; so a p-value below it is the error of the cut.
pub const P_VALUE_MIN: f64 = 1e-7;

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CramerVonMises {
    /// T of Anderson (1962), midranks for ties.
    pub statistic: f64,
    /// The probability of a T at least as large without drift; 1 for a single distinct value.
    pub p_value: f64,
}

/// Compares two sorted populations; `None` with less than two values a side.
pub fn cramer_von_mises(reference: &[u64], current: &[u64]) -> Option<CramerVonMises> {
    if reference.len() < 2 || current.len() < 2 {
        return None;
    }
    let (n, m) = (reference.len() as u128, current.len() as u128);
    let (k, total) = (n * m, n + m);
    // 4 U: ranks count double, for midranks are halves
    let mut squares = [0u128; 2];
    let (mut below, mut distinct) = ([0u128; 2], 0u32);
    for tie in ties(reference, current) {
        let counts = [u128::from(tie.reference), u128::from(tie.current)];
        let twice_rank = 2 * (below[0] + below[1]) + counts[0] + counts[1] + 1;
        for side in 0..2 {
            squares[side] += run_of_squares(twice_rank, below[side], counts[side]);
            below[side] += counts[side];
        }
        distinct = distinct.saturating_add(1);
    }
    let four_u = n * squares[0] + m * squares[1];
    // u / (k N) - (4 k - 1) / (6 N), whose two large parts cancel: taken in whole numbers
    let statistic = (3 * four_u).abs_diff(2 * k * (4 * k - 1)) as f64 / (12 * k * total) as f64;
    let statistic = if 3 * four_u < 2 * k * (4 * k - 1) { -statistic } else { statistic };
    let p_value = if distinct == 1 { 1.0 } else { p_value(statistic, n as f64, m as f64) };
    Some(CramerVonMises { statistic, p_value })
}

/// The sum of `(twice_rank - 2 i)²` over the `count` positions `i` behind `below`.
fn run_of_squares(twice_rank: u128, below: u128, count: u128) -> u128 {
    if count == 0 {
        return 0;
    }
    // with d = twice_rank - 2 (below + 1), which may be negative: sum over j < count of (d - 2 j)²
    let (d, c) = (twice_rank as i128 - 2 * (below as i128 + 1), count as i128);
    (c * d * d - 2 * d * c * (c - 1) + 4 * ((c - 1) * c * (2 * c - 1) / 6)) as u128
}

/// Anderson's moments bring T onto the scale of the one-sample limit (equations 11, 14 and 15).
fn p_value(statistic: f64, n: f64, m: f64) -> f64 {
    let (total, k) = (n + m, n * m);
    let mean = (1.0 + 1.0 / total) / 6.0;
    let variance = (total + 1.0) * (4.0 * k * total - 3.0 * (n * n + m * m) - 2.0 * k)
        / (45.0 * total * total * 4.0 * k);
    let limit = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    if limit < 0.003 { 1.0 } else { (1.0 - limiting_distribution(limit)).clamp(0.0, 1.0) }
}

/// The limit of the one-sample statistic's distribution function: Csörgő and Faraway (1996), equation 1.3.
fn limiting_distribution(x: f64) -> f64 {
    let (mut sum, mut k) = (0.0, 0.0);
    loop {
        let u = (libm::lgamma(k + 0.5) - libm::lgamma(k + 1.0)).exp() / (PI.powf(1.5) * x.sqrt());
        let y: f64 = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let term = u * y.sqrt() * (-2.0 * q).exp() * bessel_k_quarter_scaled(q);
        sum += term;
        if term < P_VALUE_MIN {
            return sum;
        }
        k += 1.0;
    }
}

/// `exp(q) K_1/4(q)` of the modified Bessel function, from `K_v(q) = integral over t > 0 of exp(-q cosh t) cosh(v t)`. The
/// integrand falls doubly exponentially, so the trapezoid rule is exact to the last digits.
fn bessel_k_quarter_scaled(q: f64) -> f64 {
    // fine enough for the width of the peak at 0, which falls with q
    let step = (0.5 / q.sqrt()).min(0.125);
    let mut sum = 0.5;
    for i in 1.. {
        let t = f64::from(i) * step;
        let half = (0.5 * t).sinh();
        // cosh t - 1, without cancellation
        let term = (-2.0 * q * half * half).exp() * (0.25 * t).cosh();
        sum += term;
        if term < f64::EPSILON * 1e-2 * sum {
            break;
        }
    }
    step * sum
}

#[cfg(test)]
mod tests;
