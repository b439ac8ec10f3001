//! The period that an error budget is for: rolling, or a unit of the calendar in a time zone.

use std::fmt;
use std::str::FromStr;

use arrow::array::timezone::Tz;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, offset::LocalResult};

use super::span::Span;
use crate::error::{Error, Result};

const MINUTE_NS: i64 = 60_000_000_000;

/// A period of a budget.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Period {
    length: Span,
    calendar: Option<Calendar>,
}

/// A unit of the calendar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calendar {
    pub(crate) unit: Unit,
    /// The name of a time zone.
    pub(crate) zone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub(crate) const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
            Self::Quarter => "QUARTER",
            Self::Year => "YEAR",
        }
    }

    /// The first day of the unit that a day is in.
    fn first_day(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
            Self::Month => day.with_day(1),
            Self::Quarter => day.with_day(1)?.with_month0(day.month0() / 3 * 3),
            Self::Year => day.with_day(1)?.with_month(1),
        }
    }

    /// The first day of the next unit.
    fn next(self, first: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
            Self::Quarter => first.checked_add_months(Months::new(3)),
            Self::Year => first.checked_add_months(Months::new(12)),
        }
    }
}

/// A period at a moment, in minutes since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) start: i64,
    /// When its budget ends; of a rolling period the moment itself.
    pub(crate) end: i64,
}

impl Period {
    pub(crate) fn new(length: Span, calendar: Option<Calendar>) -> Result<Self> {
        if let Some(calendar) = &calendar {
            calendar.zone()?;
        }
        Ok(Self { length, calendar })
    }

    /// The nominal length, by which thresholds are scaled.
    pub(crate) fn length(&self) -> Span {
        self.length
    }

    /// The period whose last minute before `end` is counted.
    pub(crate) fn at(&self, end: i64) -> Result<Bounds> {
        match &self.calendar {
            None => Ok(Bounds { start: end - self.length.minutes(), end }),
            Some(calendar) => calendar.at(end - 1),
        }
    }
}

/// As it stands behind WINDOW.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.length)?;
        match &self.calendar {
            Some(Calendar { unit, zone }) => {
                write!(f, " CALENDAR {} IN '{}'", unit.word(), zone.replace('\'', "''"))
            }
            None => Ok(()),
        }
    }
}

impl Calendar {
    fn zone(&self) -> Result<Tz> {
        Tz::from_str(&self.zone).map_err(|_| {
            Error::invalid(format!("\"{}\" is no time zone: name one as 'Europe/Berlin' or 'UTC'", self.zone))
        })
    }

    /// The unit that a minute lies in.
    fn at(&self, minute: i64) -> Result<Bounds> {
        let zone = self.zone()?;
        let outside = || Error::invalid("the period lies outside of the calendar");
        let ns = minute.checked_mul(MINUTE_NS).ok_or_else(outside)?;
        let day = zone.timestamp_nanos(ns).date_naive();
        let first = self.unit.first_day(day).ok_or_else(outside)?;
        let next = self.unit.next(first).ok_or_else(outside)?;
        let minute_of = |day: NaiveDate| midnight(&zone, day).ok_or_else(outside);
        Ok(Bounds { start: minute_of(first)?, end: minute_of(next)? })
    }
}

/// The first minute of a day: where clocks skip midnight, the first that there is.
fn midnight(zone: &Tz, day: NaiveDate) -> Option<i64> {
    let mut local = day.and_time(NaiveTime::MIN);
    for _ in 0..24 * 4 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                return Some(time.timestamp().div_euclid(60));
            }
            LocalResult::None => local += chrono::TimeDelta::minutes(15),
        }
    }
    None
}
