//! The one-sided Kolmogorov-Smirnov distribution for a finite sample.
//!
//! `P(D+ >= d) = sum over j of binom(n, j) d (d + j/n)^(j-1) (1 - d - j/n)^(n-j)` (Birnbaum and Tingey 1951). Each term is a
//! binomial probability times `d / (d + j/n)`; binomial probabilities keep their digits at any n in Loader's form (see
//! `loader`).

use std::f64::consts::PI;

use super::loader::{deviance, stirling_remainder};

/// Beyond this size scipy takes the limit, and so do we.
const SUM_MAX: f64 = 1_000_000.0;

/// The probability that the one-sided statistic of a sample of `n` values is at least `d`, for 0 < d < 1.
pub fn survival(n: f64, d: f64) -> f64 {
    if n > SUM_MAX {
        return (-(6.0 * n * d + 1.0).powi(2) / 18.0 / n).exp();
    }
    let t = n * d;
    let mut sum = (n * (-d).ln_1p()).exp();
    let terms = (n - t).floor() as u64;
    let remainder_n = stirling_remainder(n);
    for j in 1..=terms.min(n as u64 - 1) {
        let successes = j as f64;
        let failures = n - successes;
        if failures - t <= 0.0 {
            break;
        }
        let exponent = remainder_n
            - stirling_remainder(successes)
            - stirling_remainder(failures)
            - deviance(successes, t)
            - deviance(failures, -t);
        let scale = (n / (2.0 * PI * successes * failures)).sqrt();
        sum += exponent.exp() * scale * t / (t + successes);
    }
    sum.min(1.0)
}
