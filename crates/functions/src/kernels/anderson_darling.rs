//! The two-sample Anderson-Darling test with midranks, number for number as scipy 1.17's `anderson_ksamp(variant='midrank')`.

use super::pooled::ties;

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AndersonDarling {
    /// The standardised statistic of Scholz and Stephens (1987).
    pub statistic: f64,
    /// The probability of a statistic at least as large without drift, within the table of critical values.
    pub p_value: f64,
    /// Whether the p-value is only a bound: the statistic lies outside the table, from 0.25 to 0.001.
    pub is_clipped: bool,
}

/// Significance levels of Scholz and Stephens' Table 2, and the critical values that its coefficients give for two samples,
/// `b0 + b1 + b2`.
const LEVELS: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
const B0: [f64; 7] = [0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085];
const B1: [f64; 7] = [-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615];
const B2: [f64; 7] = [-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154];

/// The least values of both sides together: below, the variance of the statistic is not defined.
pub const VALUES_MIN: usize = 4;

/// Compares two sorted populations, neither empty; `None` with less than [`VALUES_MIN`] values, or a single distinct one.
pub fn anderson_darling(reference: &[u64], current: &[u64]) -> Option<AndersonDarling> {
    let total = reference.len() + current.len();
    let first = reference[0];
    let last = reference[reference.len() - 1];
    if total < VALUES_MIN || (first == last && current[0] == first && current[current.len() - 1] == first) {
        return None;
    }
    let statistic =
        (midrank_statistic(reference, current) - 1.0) / variance(reference.len(), current.len()).sqrt();
    let critical: [f64; 7] = std::array::from_fn(|i| B0[i] + B1[i] + B2[i]);
    let (p_value, is_clipped) = if statistic < critical[0] {
        (LEVELS[0], true)
    } else if statistic > critical[6] {
        (LEVELS[6], true)
    } else {
        (quadratic_fit(critical, LEVELS.map(f64::ln), statistic).exp(), false)
    };
    Some(AndersonDarling { statistic, p_value, is_clipped })
}

/// Equation 7 of Scholz and Stephens.
fn midrank_statistic(reference: &[u64], current: &[u64]) -> f64 {
    let sizes = [reference.len() as f64, current.len() as f64];
    let total = sizes[0] + sizes[1];
    let (mut sums, mut below) = ([0.0; 2], [0.0; 2]);
    for tie in ties(reference, current) {
        let counts = [tie.reference as f64, tie.current as f64];
        let tied = counts[0] + counts[1];
        let pooled = below[0] + below[1] + tied / 2.0;
        let weight = tied / total / (pooled * (total - pooled) - total * tied / 4.0);
        for side in 0..2 {
            let apart = total * (below[side] + counts[side] / 2.0) - pooled * sizes[side];
            sums[side] += weight * apart * apart;
            below[side] += counts[side];
        }
    }
    (sums[0] / sizes[0] + sums[1] / sizes[1]) * (total - 1.0) / total
}

/// The variance of the statistic of two samples, equation 4.
fn variance(n: usize, m: usize) -> f64 {
    const SAMPLES: f64 = 2.0;
    let total = (n + m) as f64;
    let harmonic = 1.0 / n as f64 + 1.0 / m as f64;
    let (mut h, mut g) = (0.0, 0.0);
    for i in 2..n + m {
        h += 1.0 / (n + m + 1 - i) as f64;
        g += h / i as f64;
    }
    h += 1.0;
    let k = SAMPLES;
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * harmonic;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * harmonic - 8.0 * h + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k
        + (4.0 * h - 4.0 * g + 6.0) * k
        + (2.0 * h - 6.0) * harmonic
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    (a * total.powi(3) + b * total * total + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
}

/// The least-squares parabola through points, at `at`: by polynomials orthogonal over the points (Forsythe 1957).
fn quadratic_fit<const N: usize>(xs: [f64; N], ys: [f64; N], at: f64) -> f64 {
    let mean = |values: [f64; N]| values.iter().sum::<f64>() / N as f64;
    let centre = mean(xs);
    let u = xs.map(|x| x - centre);
    let dot = |a: &[f64; N], b: &[f64; N]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let squares = dot(&u, &u);
    // u² without its parts along 1 and u
    let u2 = u.map(|u| u * u);
    let (constant, slope) = (squares / N as f64, dot(&u2, &u) / squares);
    let second: [f64; N] = std::array::from_fn(|i| u2[i] - constant - slope * u[i]);
    let x = at - centre;
    mean(ys)
        + dot(&u, &ys) / squares * x
        + dot(&second, &ys) / dot(&second, &second) * (x * x - constant - slope * x)
}

#[cfg(test)]
mod tests;
