//! Student's t distribution, by the regularised incomplete beta function; for many degrees of freedom by its expansion around
//! the normal one.

use std::f64::consts::{PI, SQRT_2};

use super::loader::stirling_remainder;

/// From here on the ratio of gamma functions is taken from Stirling's remainders: differences of large logarithms lose digits.
const LARGE: f64 = 20.0;
/// Smallest number of the continued fraction: keeps its divisions defined.
const TINY: f64 = 1e-300;
/// The continued fraction takes about the root of the larger argument.
const STEPS_MAX: u32 = 10_000;
/// From here on the expansion is exact to the last digits, while 1 - x of the beta function would lose them.
const DOF_NORMAL: f64 = 10_000.0;

/// The probability that a variable of `dof` degrees of freedom lies at least as far from 0 as `t`.
pub fn two_sided(t: f64, dof: f64) -> f64 {
    let square = t * t;
    if !square.is_finite() {
        return 0.0;
    }
    if dof >= DOF_NORMAL {
        return libm::erfc(normal_score(square, dof) / SQRT_2);
    }
    // I_x(dof / 2, 1 / 2) with x = dof / (dof + t²)
    let (a, x, rest) = (dof / 2.0, dof / (dof + square), square / (dof + square));
    if rest == 0.0 {
        return 1.0;
    }
    // x^a (1 - x)^1/2 / B(a, 1/2)
    let factor = (-a * (square / dof).ln_1p()).exp() * rest.sqrt() * inverse_beta(a);
    if x < (a + 1.0) / (a + 2.5) {
        factor / a * fraction(a, 0.5, x)
    } else {
        (1.0 - factor / 0.5 * fraction(0.5, a, rest)).max(0.0)
    }
}

/// The standard normal value of the same tail: Hill (1970), Algorithm 395.
fn normal_score(square: f64, dof: f64) -> f64 {
    let a = dof - 0.5;
    let b = 48.0 * a * a;
    let y = a * (square / dof).ln_1p();
    let correction = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b) + y + 3.0;
    (correction / b + 1.0) * y.sqrt()
}

/// `1 / B(a, 1/2) = Gamma(a + 1/2) / (Gamma(a) sqrt(pi))`.
fn inverse_beta(a: f64) -> f64 {
    let ratio = if a < LARGE {
        (libm::lgamma(a + 0.5) - libm::lgamma(a)).exp()
    } else {
        // Gamma(a + 1/2) / Gamma(a + 1), times a
        let logarithm = a * (-0.5 / a).ln_1p() + 0.5 + stirling_remainder(a - 0.5) - stirling_remainder(a);
        a * logarithm.exp() / a.sqrt()
    };
    ratio / PI.sqrt()
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = away(1.0 - (a + b) * x / (a + 1.0)).recip();
    let mut fraction = d;
    for step in 1..STEPS_MAX {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = away(1.0 + even * d).recip();
        c = away(1.0 + even / c);
        fraction *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = away(1.0 + odd * d).recip();
        c = away(1.0 + odd / c);
        let change = c * d;
        fraction *= change;
        if (change - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests;
