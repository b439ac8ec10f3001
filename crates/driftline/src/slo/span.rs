//! Lengths of time that an SLO is made of: whole minutes.

use std::fmt;

use crate::error::{Error, Result};
use crate::length;

/// One minute, in nanoseconds.
pub(super) const MINUTE_NS: i64 = 60_000_000_000;
/// Longest length: ten years.
const MINUTES_MAX: i64 = 3_660 * 1_440;

/// A length of time in whole minutes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span(i64);

impl Span {
    /// So many minutes, which are known to be a length.
    pub(super) const fn of_minutes(minutes: i64) -> Self {
        Self(minutes)
    }

    /// Reads `30 days`, `1 hour`, `90m`.
    pub(crate) fn parse(what: &str, text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!(
                "{what} is a number and a unit, as in '30 days', '6 hours' or '5 minutes', got '{text}'"
            ))
        };
        match length::parse(text).ok_or_else(wrong)? {
            seconds if seconds % 60 == 0 && (1..=MINUTES_MAX).contains(&(seconds / 60)) => {
                Ok(Self(seconds / 60))
            }
            _ => Err(Error::invalid(format!(
                "{what} must lie from 1 minute to 3660 days, in whole minutes, got '{text}'"
            ))),
        }
    }

    pub(crate) const fn minutes(self) -> i64 {
        self.0
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 * 60.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&length::shown(self.0 * 60))
    }
}
