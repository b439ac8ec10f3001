//! The period that an error budget is for: rolling, or a unit of the calendar in a time zone.

use std::fmt;
use std::str::FromStr;

use arrow::array::timezone::Tz;
use chrono::{
    Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, offset::LocalResult,
};

use super::span::{MINUTE_NS, Span};
use crate::error::{Error, Result};

/// How a local time is written.
pub(crate) const STARTING_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

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
    /// A local time at which a period begins; without it they begin with the day, week, month, quarter or year.
    pub(crate) starting: Option<NaiveDateTime>,
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

    /// Days or months of a unit.
    fn steps(self) -> (i64, i64) {
        match self {
            Self::Day => (1, 0),
            Self::Week => (7, 0),
            Self::Month => (0, 1),
            Self::Quarter => (0, 3),
            Self::Year => (0, 12),
        }
    }

    /// The two of the times that follow each other by this unit, one of which is `starting`, between which a time lies. All are counted from
    /// `starting`, so that one on the 31st comes back to the 31st.
    fn around(self, starting: NaiveDateTime, now: NaiveDateTime) -> Option<(NaiveDateTime, NaiveDateTime)> {
        let (days, months) = self.steps();
        let nth = |nth: i64| -> Option<NaiveDateTime> {
            let shifted = starting.checked_add_signed(TimeDelta::try_days(days.checked_mul(nth)?)?)?;
            let by = Months::new(u32::try_from(months.checked_mul(nth)?.unsigned_abs()).ok()?);
            if nth < 0 { shifted.checked_sub_months(by) } else { shifted.checked_add_months(by) }
        };
        let since = (now - starting).num_minutes();
        // never too late, and then forward: a month has at most 31 days, and going back at least 28
        let of_month = if since < 0 { 28 } else { 31 };
        let unit = TimeDelta::try_days(if days > 0 { days } else { months * of_month })?;
        let mut at = since.div_euclid(unit.num_minutes()) - 1;
        while nth(at + 1)? <= now {
            at += 1;
        }
        Some((nth(at)?, nth(at + 1)?))
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

    /// A period of the calendar as OpenSLO says it: duration, start and time zone.
    pub(crate) fn openslo(&self) -> Option<(&'static str, String, &str)> {
        let Calendar { unit, zone, starting } = self.calendar.as_ref()?;
        let (duration, usual) = match unit {
            Unit::Day => ("1d", "2020-01-01 00:00:00"),
            Unit::Week => ("1w", "2020-01-06 00:00:00"),
            Unit::Month => ("1M", "2020-01-01 00:00:00"),
            Unit::Quarter => ("1Q", "2020-01-01 00:00:00"),
            Unit::Year => ("1Y", "2020-01-01 00:00:00"),
        };
        let start = starting
            .map_or_else(|| usual.to_owned(), |starting| starting.format(STARTING_FORMAT).to_string());
        Some((duration, start, zone))
    }

    /// Whether OpenSLO would say it in the same words: it has none for the length of a unit of the calendar.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        match (self.openslo(), other.openslo()) {
            (None, None) => self.length == other.length,
            (ours, theirs) => ours == theirs,
        }
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
            Some(Calendar { unit, zone, starting }) => {
                write!(f, " CALENDAR {} IN '{}'", unit.word(), zone.replace('\'', "''"))?;
                match starting {
                    Some(starting) => write!(f, " STARTING '{}'", starting.format(STARTING_FORMAT)),
                    None => Ok(()),
                }
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
        let now = zone.timestamp_nanos(ns).naive_local();
        let (first, next) = match self.starting {
            None => {
                let first = self.unit.first_day(now.date()).ok_or_else(outside)?;
                let next = self.unit.next(first).ok_or_else(outside)?;
                (first.and_time(NaiveTime::MIN), next.and_time(NaiveTime::MIN))
            }
            Some(starting) => self.unit.around(starting, now).ok_or_else(outside)?,
        };
        let minute_of = |local: NaiveDateTime| first_minute(&zone, local).ok_or_else(outside);
        Ok(Bounds { start: minute_of(first)?, end: minute_of(next)? })
    }
}

/// The minute of a local time: where clocks skip it, the first that there is after it.
fn first_minute(zone: &Tz, mut local: NaiveDateTime) -> Option<i64> {
    for _ in 0..24 * 4 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                return Some(time.timestamp().div_euclid(60));
            }
            LocalResult::None => local += TimeDelta::minutes(15),
        }
    }
    None
}
