//! Two sorted populations walked through together, value by value.

use super::keys::value_of;

/// One distinct value, and how often each population has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    /// The value's key.
    pub key: u64,
    /// How often the reference has it.
    pub reference: u64,
    /// How often the current population has it.
    pub current: u64,
}

impl Tie {
    /// How often both together have it.
    pub fn count(self) -> u64 {
        self.reference + self.current
    }
}

/// The distinct values of two sorted populations, rising.
pub fn ties<'a>(reference: &'a [u64], current: &'a [u64]) -> impl Iterator<Item = Tie> + 'a {
    let (mut i, mut j) = (0, 0);
    std::iter::from_fn(move || {
        let key = match (reference.get(i), current.get(j)) {
            (Some(&a), Some(&b)) => a.min(b),
            (Some(&a), None) => a,
            (None, Some(&b)) => b,
            (None, None) => return None,
        };
        let (from_i, from_j) = (i, j);
        while reference.get(i) == Some(&key) {
            i += 1;
        }
        while current.get(j) == Some(&key) {
            j += 1;
        }
        Some(Tie { key, reference: (i - from_i) as u64, current: (j - from_j) as u64 })
    })
}

/// The even power of two (its root is exact) that brings the range of both populations near 1, so that squares neither
/// overflow nor vanish.
/// Both are sorted and not empty.
pub fn scale_of(reference: &[u64], current: &[u64]) -> f64 {
    let low = value_of(reference[0].min(current[0]));
    let high = value_of(reference[reference.len() - 1].max(current[current.len() - 1]));
    // halves: the range itself may overflow
    match high / 2.0 - low / 2.0 {
        0.0 => 1.0,
        half => 2f64.powi(-(libm::ilogb(half).clamp(-1000, 1000) & !1)),
    }
}

#[cfg(test)]
mod tests;
