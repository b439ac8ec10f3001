//! Detectors of change in a stream: values come one by one, in order, and the state is small whatever came before.
//!
//! Arithmetic is done in the order in which river 0.26 does it, so a change is seen at the same value.

pub mod adwin;
pub mod cusum;
pub mod ddm;
pub mod kswin;
pub mod page_hinkley;
pub mod python_random;

use std::fmt::Debug;

/// Values of a greater magnitude are left out, like infinities: their squares could not be summed.
pub const MAGNITUDE_MAX: f64 = 1e140;

/// Tells whether a value can take part in a running statistic: finite, and at most [`MAGNITUDE_MAX`] in magnitude.
#[inline]
pub fn is_usable(value: f64) -> bool {
    value.abs() <= MAGNITUDE_MAX
}

/// Watches a stream for a change.
pub trait Detector: Debug + Send {
    /// Takes the next value, which must be [usable](is_usable), and tells whether a change is seen at it. After a change the
    /// detector starts over with the next value.
    fn update(&mut self, value: f64) -> bool;
}

/// In which direction a change of the mean counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Upwards alone.
    Up,
    /// Downwards alone.
    Down,
    /// Both ways.
    Both,
}

#[cfg(test)]
mod tests;
