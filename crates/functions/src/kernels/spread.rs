//! Mean and variance of sorted values, in two passes of compensated sums.

use super::keys::value_of;
use super::sums::Compensated;

/// Mean and squared deviations of `(value - origin) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    /// Of keys in a fixed order, not empty. With [`super::pooled::scale_of`] for `scale` no square overflows.
    pub fn of(keys: &[u64], origin: f64, scale: f64) -> Self {
        let count = keys.len() as f64;
        let value = |&key: &u64| value_of(key) * scale - origin * scale;
        let mean = keys.iter().map(value).collect::<Compensated>().value() / count;
        let apart = |key: &u64| value(key) - mean;
        let squares = keys.iter().map(|key| apart(key) * apart(key)).collect::<Compensated>().value();
        // what the rounding of the mean adds to every square
        let rest = keys.iter().map(apart).collect::<Compensated>().value();
        Self { count, mean, squares: (squares - rest * rest / count).max(0.0) }
    }

    /// The mean, of scaled values above the origin.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The variance with the divisor `count - ddof`; not finite when that is 0.
    pub fn variance(&self, ddof: f64) -> f64 {
        self.squares / (self.count - ddof)
    }

    /// The standard deviation with the divisor `count`.
    pub fn deviation(&self) -> f64 {
        self.variance(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests;
