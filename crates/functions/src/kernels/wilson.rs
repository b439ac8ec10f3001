//! Wilson's score interval for a share.

/// The 97.5 % quantile of the normal distribution: a two-sided interval of 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The lower and upper bound of the share behind `successes` of `n`; `None` without trials.
///
/// Wilson (1927): `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)`.
pub fn interval(successes: f64, n: f64, z: f64) -> Option<(f64, f64)> {
    if n <= 0.0 {
        return None;
    }
    let p = successes / n;
    let z2 = z * z;
    let centre = p + z2 / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    let lower = if successes == 0.0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let upper = if successes == n { 1.0 } else { ((centre + half) / scale).min(1.0) };
    Some((lower, upper))
}

#[cfg(test)]
mod tests;
