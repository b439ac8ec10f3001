//! Partitions: which UTC day or month a row belongs to, exact before 1970 and at the ends of months.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schema::Partitioning;

const NS_PER_DAY: i64 = 86_400_000_000_000;

/// A partition: days since 1970-01-01 of its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionKey(pub(crate) i32);

impl PartitionKey {
    /// Finds the partition of a time in nanoseconds since 1970.
    pub(crate) fn of(time_ns: i64, partitioning: Partitioning) -> Self {
        let day =
            i32::try_from(time_ns.div_euclid(NS_PER_DAY)).expect("64 bits of nanoseconds are 106,752 days");
        match partitioning {
            Partitioning::Day => Self(day),
            Partitioning::Month => {
                let (year, month, _) = civil_of_day(day);
                Self(day_of_civil(year, month, 1))
            }
        }
    }

    /// The first nanosecond behind the partition, as far as there is one.
    pub(crate) fn end_ns(self, partitioning: Partitioning) -> i64 {
        let next = match partitioning {
            Partitioning::Day => self.0 + 1,
            Partitioning::Month => match civil_of_day(self.0) {
                (year, 12, _) => day_of_civil(year + 1, 1, 1),
                (year, month, _) => day_of_civil(year, month + 1, 1),
            },
        };
        i64::from(next).saturating_mul(NS_PER_DAY)
    }

    /// Writes the partition as `2026-08-01` or `2026-08`.
    pub(crate) fn name(self, partitioning: Partitioning) -> String {
        let (year, month, day) = civil_of_day(self.0);
        match partitioning {
            Partitioning::Day => format!("{year:04}-{month:02}-{day:02}"),
            Partitioning::Month => format!("{year:04}-{month:02}"),
        }
    }
}

/// A closed range of time, in nanoseconds since 1970: both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// The first nanosecond.
    pub start: i64,
    /// The last nanosecond.
    pub end: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { start: i64::MIN, end: i64::MAX };

    /// Makes a range that holds both of its ends; it is empty where `start > end`.
    pub fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// Says whether the two ranges share a nanosecond.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    pub(crate) fn of(times: &[i64]) -> Option<Self> {
        let start = *times.iter().min()?;
        let end = *times.iter().max()?;
        Some(Self { start, end })
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}] ns", self.start, self.end)
    }
}

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar.
///
/// Formula: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil_of_day(day: i32) -> (i32, u32, u32) {
    let shifted = i64::from(day) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u32, day as u32)
}

/// The inverse of [`civil_of_day`] (`days_from_civil` of the same source).
fn day_of_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) as i32
}

#[cfg(test)]
mod tests;
