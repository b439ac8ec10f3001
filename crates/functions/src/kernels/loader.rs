//! Loader's form of binomial and Poisson probabilities (2000): deviances and Stirling remainders instead of differences of
//! large logarithms, so that they keep their digits at any size.

use std::f64::consts::PI;

/// `ln n! - ln(sqrt(2 pi n) (n / e)^n)`.
pub(crate) fn stirling_remainder(n: f64) -> f64 {
    if n < 16.0 {
        let ln_factorial = (2..=n as u32).map(f64::from).product::<f64>().ln();
        return ln_factorial - 0.5 * (2.0 * PI * n).ln() - n * n.ln() + n;
    }
    let square = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// `x ln(x / (x + shift)) + shift`: how far x lies from its mean `x + shift`, without cancellation for small shifts.
pub(crate) fn deviance(x: f64, shift: f64) -> f64 {
    let mean = x + shift;
    if shift.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() + shift;
    }
    let v = -shift / (x + mean);
    let mut sum = -shift * v;
    let mut power = 2.0 * x * v;
    for odd in (3u32..).step_by(2) {
        power *= v * v;
        let next = sum + power / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}
