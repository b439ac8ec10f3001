//! Order-free sums of bounded numbers: fixed point in 128 bits.
//!
//! A float sum depends on its order; an integer sum does not. Each summand is rounded once, to a multiple of 2^-72
//! (2.1e-22), and from there on only integers are added and taken away. So a mean is the same to the last bit for any order
//! of rows, any batches and any partitions, windows can retract exactly, and a sum costs 16 bytes: an accumulator that is
//! exact over the whole range of a double would cost 280, for digits below 2e-22 of a number between 0 and 37.

/// Digits behind the binary point.
pub const FRACTION_BITS: u32 = 72;
/// Largest summand: 2^50 of them still fit.
pub const SUMMAND_MAX: f64 = 64.0;

const SCALE: f64 = (1u128 << FRACTION_BITS) as f64;

/// A number from 0 to [`SUMMAND_MAX`] as a multiple of 2^-72, rounded to the nearest.
///
/// ```
/// use driftline_functions::kernels::fixed::{mean, of};
/// assert_eq!(mean(of(0.1) + of(0.2) + of(0.3), 3), mean(of(0.3) + of(0.2) + of(0.1), 3));
/// ```
#[inline]
pub fn of(number: f64) -> u128 {
    debug_assert!((0.0..=SUMMAND_MAX).contains(&number), "a summand is bounded");
    // scaling by a power of two is exact, and from 2^53 on a float has no fraction to round
    (number * SCALE).round() as u128
}

/// The mean of `count` > 0 summands.
#[inline]
pub fn mean(sum: u128, count: u64) -> f64 {
    sum as f64 / SCALE / count as f64
}

#[cfg(test)]
mod tests;
