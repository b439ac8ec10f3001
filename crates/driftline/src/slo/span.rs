//! Lengths of time that an SLO is made of: whole minutes.

use std::fmt;

use crate::error::{Error, Result};

/// Longest length: ten years.
const MINUTES_MAX: i64 = 3_660 * DAY;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

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
        let text = text.trim();
        let digits = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit.trim().to_ascii_lowercase().as_str() {
            "minute" | "minutes" | "min" | "m" => 1,
            "hour" | "hours" | "h" => HOUR,
            "day" | "days" | "d" => DAY,
            "week" | "weeks" | "w" => WEEK,
            _ => return Err(wrong()),
        };
        match number.checked_mul(unit) {
            Some(minutes) if (1..=MINUTES_MAX).contains(&minutes) => Ok(Self(minutes)),
            _ => Err(Error::invalid(format!("{what} must lie from 1 minute to 3660 days, got '{text}'"))),
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
        let (number, unit) = match self.0 {
            minutes if minutes % DAY == 0 => (minutes / DAY, "day"),
            minutes if minutes % HOUR == 0 => (minutes / HOUR, "hour"),
            minutes => (minutes, "minute"),
        };
        write!(f, "{number} {unit}{}", if number == 1 { "" } else { "s" })
    }
}
