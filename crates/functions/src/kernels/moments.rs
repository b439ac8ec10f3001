//! Mean and standard deviation of values that come and go.
//!
//! Values are added after Welford and parts joined after Chan, Golub and LeVeque. Nothing is ever subtracted, so a value that
//! has left a window leaves no error behind, and equal values have a deviation of exactly 0. The mean is held as a sum of two
//! doubles: far from 0 one alone is too coarse to tell how far a value lies from it.

use std::ops::Range;

/// Count, mean and sum of squared deviations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// What the mean's rounding lost.
    mean_rest: f64,
    squares: f64,
}

impl Moments {
    /// Adds a value, whose square must be finite.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let deviation = self.distance(value);
        self.count += 1;
        self.move_mean(deviation / self.count as f64);
        self.squares += deviation * self.distance(value);
    }

    /// Joins two parts.
    pub fn merge(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let apart = (other.mean - self.mean) + (other.mean_rest - self.mean_rest);
        let squares = self.squares + other.squares + apart * apart * self.count as f64 * share;
        let mut joined = Self { count, squares, ..self };
        joined.move_mean(apart * share);
        joined
    }

    /// How far a value lies above the mean; above 0 without values.
    #[inline]
    pub fn distance(&self, value: f64) -> f64 {
        (value - self.mean) - self.mean_rest
    }

    /// Adds to the mean; the rounding of the sum is exactly what its parts do not explain (Knuth).
    #[inline]
    fn move_mean(&mut self, by: f64) {
        let sum = self.mean + by;
        let added = sum - self.mean;
        self.mean_rest += (self.mean - (sum - added)) + (by - added);
        self.mean = sum;
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean + self.mean_rest)
    }

    /// The standard deviation with the divisor `count - ddof`; `None` when that is not above 0.
    pub fn deviation(&self, ddof: u64) -> Option<f64> {
        let divisor = self.count.checked_sub(ddof).filter(|&divisor| divisor > 0)?;
        Some((self.squares / divisor as f64).sqrt())
    }
}

/// The moments of a range of rows that moves forward, in constant time a row on average.
///
/// The older rows are held as moments of every tail, the newer ones as one sum: what leaves is dropped, never subtracted.
/// Memory: 32 bytes a row of the longest range whose start has moved.
#[derive(Debug, Default)]
pub struct SlidingMoments {
    /// Moments of the older rows, of the last alone first, of all of them last.
    tails: Vec<Moments>,
    newer: Moments,
    start: usize,
    end: usize,
}

impl SlidingMoments {
    /// Moves on to `range`, neither of whose ends may lie before those of the last one, and tells its moments.
    /// `value` gives the value of a row, `None` where it takes no part.
    pub fn advance(&mut self, range: Range<usize>, value: impl Fn(usize) -> Option<f64>) -> Moments {
        let end = range.end.max(range.start);
        if range.start < self.start || end < self.end || range.start >= self.end {
            self.tails.clear();
            self.newer = Moments::default();
            (self.start, self.end) = (range.start, range.start);
        }
        (self.end..end).filter_map(&value).for_each(|value| self.newer.add(value));
        self.end = end;
        let leaving = range.start - self.start;
        if leaving > self.tails.len() {
            self.turn_over(range.start, value);
        } else {
            self.tails.truncate(self.tails.len() - leaving);
        }
        self.start = range.start;
        self.tails.last().copied().unwrap_or_default().merge(self.newer)
    }

    /// Makes all rows from `start` on the older ones.
    fn turn_over(&mut self, start: usize, value: impl Fn(usize) -> Option<f64>) {
        self.tails.clear();
        let mut tail = Moments::default();
        self.tails.extend((start..self.end).rev().map(|row| {
            value(row).into_iter().for_each(|value| tail.add(value));
            tail
        }));
        self.newer = Moments::default();
    }
}

#[cfg(test)]
mod tests;
