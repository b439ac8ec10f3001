//! The chi-squared distribution, by the regularised incomplete gamma function.
//!
//! `Q(a, x)` is a power series below `a + 1` and Legendre's continued fraction above. Both carry the factor
//! `x^a e^-x / Gamma(a + 1)`, which keeps its digits at any `a` in Loader's form (see `loader`).

use std::f64::consts::PI;

use super::loader::{deviance, stirling_remainder};

/// From here on the factor is taken in Loader's form.
const LARGE: f64 = 16.0;
/// Smallest number of the continued fraction: keeps its divisions defined.
const TINY: f64 = 1e-300;

/// The probability that a chi-squared variable of `dof` degrees of freedom is larger than `x`. 1 without degrees of freedom.
pub fn chi2_survival(x: f64, dof: f64) -> f64 {
    if dof <= 0.0 { 1.0 } else { upper(dof / 2.0, x / 2.0) }
}

/// The value that a chi-squared variable of `dof` degrees of freedom exceeds with `probability`, which lies in (0, 1).
pub fn chi2_quantile_of_survival(probability: f64, dof: f64) -> f64 {
    if dof <= 0.0 {
        return 0.0;
    }
    let a = dof / 2.0;
    let (mut low, mut high) = (0.0, a + 1.0);
    while upper(a, high) > probability {
        (low, high) = (high, 2.0 * high);
    }
    // Newton's steps, kept between the bounds
    let mut x = 0.5 * (low + high);
    for _ in 0..200 {
        let beyond = upper(a, x) - probability;
        if beyond > 0.0 {
            low = x;
        } else {
            high = x;
        }
        let density = factor(a, x) * a / x;
        let step = x + beyond / density;
        let next = if step > low && step < high { step } else { 0.5 * (low + high) };
        if (next - x).abs() <= 2.0 * f64::EPSILON * x {
            return 2.0 * next;
        }
        x = next;
    }
    2.0 * x
}

/// The regularised upper incomplete gamma function.
fn upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if x < a + 1.0 {
        (1.0 - lower_series(a, x)).max(0.0)
    } else {
        upper_fraction(a, x)
    }
}

/// `P(a, x) = factor * (1 + x/(a+1) + x²/((a+1)(a+2)) + ...)`.
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut below) = (1.0, 1.0, a);
    while term > sum * f64::EPSILON {
        below += 1.0;
        term *= x / below;
        sum += term;
    }
    factor(a, x) * sum
}

/// `Q(a, x) = factor * a / (x + 1 - a - 1(1-a)/(x + 3 - a - 2(2-a)/(x + 5 - a - ...)))`, by Lentz's method.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    let (mut i, mut change) = (0.0, f64::INFINITY);
    while (change - 1.0).abs() > f64::EPSILON {
        i += 1.0;
        let an = -i * (i - a);
        b += 2.0;
        d = away_from_zero(an * d + b).recip();
        c = away_from_zero(b + an / c);
        change = c * d;
        fraction *= change;
    }
    factor(a, x) * a * fraction
}

fn away_from_zero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

/// `x^a e^-x / Gamma(a + 1)`.
fn factor(a: f64, x: f64) -> f64 {
    if a < LARGE {
        (a * x.ln() - x - libm::lgamma(a + 1.0)).exp()
    } else {
        (-stirling_remainder(a) - deviance(a, x - a)).exp() / (2.0 * PI * a).sqrt()
    }
}

#[cfg(test)]
mod tests;
