//! Exact p-values of the two-sample test, by counting lattice paths.
//!
//! Shuffling `n + m` values draws a path from (0, 0) to (n, m) at random; the statistic is at least `h / lcm(n, m)` exactly
//! when the path touches a line at distance `h` from the diagonal. All sums below have positive terms, or are alternating
//! with fast falling ones, so no digits cancel.

use super::ks::Alternative;

/// The natural logarithm of the largest double: path counts beyond it cannot be held, and scipy gives up there.
const LN_COUNT_MAX: f64 = 709.782_712_893_384;

/// Whether scipy's `method='exact'` tries these sizes: their reduced product fits 31 bits.
pub fn is_feasible(n: usize, m: usize) -> bool {
    let gcd = gcd(n, m);
    ((n / gcd) as f64) < f64::from(i32::MAX) / (m / gcd) as f64
}

/// The statistic on its grid of multiples of `1 / lcm(n, m)`, and the exact p-value where it can be had.
///
/// `None` where path counts overflow, and where rounding carries a certainty past 1: scipy gives up in the same places.
pub fn p_value(n: usize, m: usize, statistic: f64, alternative: Alternative) -> (f64, Option<f64>) {
    let (statistic, h) = on_grid(n, m, statistic);
    if h == 0.0 {
        return (statistic, Some(1.0));
    }
    let p = match alternative {
        Alternative::TwoSided if n == m => Some(outside_square(n, h as usize)),
        Alternative::TwoSided => Some(touching(n.max(m), n.min(m), h as i64, true)),
        _ if n == m => Some(above_square(n, h as usize)),
        _ => can_count(n, m).then(|| touching(n.max(m), n.min(m), h as i64, false)),
    };
    (statistic, p.filter(|p| (0.0..=1.0).contains(p)))
}

/// The statistic as the nearest multiple of `1 / lcm(n, m)`, and which multiple.
pub fn on_grid(n: usize, m: usize, statistic: f64) -> (f64, f64) {
    let lcm = (n / gcd(n, m) * m) as f64;
    let h = (statistic * lcm).round_ties_even();
    (h / lcm, h)
}

/// Equal sizes, both lines: `2 (c(h) - c(2h) + c(3h) - ...)` with `c(k) = binom(2n, n - k) / binom(2n, n)`, nested from
/// the innermost term.
fn outside_square(n: usize, h: usize) -> f64 {
    let mut nested = 0.0;
    for k in (0..=n / h).rev() {
        let (low, high) = ((n - k * h) as f64, (n + k * h) as f64);
        let ratio = (0..h).fold(1.0, |ratio, j| ratio * (low - j as f64) / (high + j as f64 + 1.0));
        nested = ratio * (1.0 - nested);
    }
    2.0 * nested
}

/// Equal sizes, one line: `binom(2n, n - h) / binom(2n, n)`.
fn above_square(n: usize, h: usize) -> f64 {
    (0..h).fold(1.0, |product, j| product * (n - j) as f64 / (n + j + 1) as f64)
}

/// The probability that a random path to (m, n), m >= n, touches a line at distance `h`: both lines, or the upper one.
///
/// A random path to (x, y) came from (x - 1, y) with probability x / (x + y), which gives a recurrence in probabilities.
/// Points with the same x + y do not depend on each other, so it runs diagonal after diagonal over the points between the
/// lines; everything outside has touched.
fn touching(m: usize, n: usize, h: i64, both: bool) -> f64 {
    let gcd = gcd(m, n) as i64;
    let (step_x, step_y) = (n as i64 / gcd, m as i64 / gcd);
    // points (x, y) with x = s - y between the lines: step_x x - step_y y < h, and > -h for both
    let first_inside = |s: i64| ((step_x * s - h).div_euclid(step_x + step_y) + 1).max(s - m as i64).max(0);
    let end_inside = |s: i64| {
        let line = (step_x * s + h - 1).div_euclid(step_x + step_y) + 1;
        let grid = s.min(n as i64) + 1;
        if both { line.min(grid) } else { grid }
    };
    let index: Vec<f64> = (0..=n).map(|y| y as f64).collect();
    // y lies at y + 1, so that y - 1 always exists
    let (mut before, mut now) = (vec![1.0; n + 3], vec![1.0; n + 3]);
    before[1] = 0.0;
    for s in 1..=(m + n) as i64 {
        let (first, end) = (first_inside(s), end_inside(s));
        if end <= first {
            return 1.0;
        }
        let (first, end) = (first as usize, end as usize);
        let (all, share) = (s as f64, 1.0 / s as f64);
        let below = &before[first..end];
        let left = &before[first + 1..=end];
        for (((cell, &y), &below), &left) in
            now[first + 1..=end].iter_mut().zip(&index[first..end]).zip(below).zip(left)
        {
            *cell = (left * (all - y) + below * y) * share;
        }
        now[first] = 1.0;
        now[end + 1] = 1.0;
        std::mem::swap(&mut before, &mut now);
    }
    before[n + 1]
}

/// Whether the number of all paths can be held in a double.
fn can_count(n: usize, m: usize) -> bool {
    let ln_factorial = |k: usize| libm::lgamma(k as f64 + 1.0);
    ln_factorial(n + m) - ln_factorial(n) - ln_factorial(m) < LN_COUNT_MAX
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
