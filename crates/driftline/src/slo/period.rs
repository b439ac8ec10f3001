//! The period that an error budget is for: rolling, or a unit of the calendar in a time zone.

use std::fmt;
use std::str::FromStr;

use arrow::array::timezone::Tz;
use chrono::{
    Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike,
    offset::LocalResult,
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

    /// The nth time that follows another by this unit. All are counted from the same one, so that what is on the 31st comes back to the 31st.
    fn nth(self, starting: NaiveDateTime, nth: i64) -> Option<NaiveDateTime> {
        let (days, months) = self.steps();
        let shifted = starting.checked_add_signed(TimeDelta::try_days(days.checked_mul(nth)?)?)?;
        let by = Months::new(u32::try_from(months.checked_mul(nth)?.unsigned_abs()).ok()?);
        if nth < 0 { shifted.checked_sub_months(by) } else { shifted.checked_add_months(by) }
    }

    /// A number of units after which a time surely has not passed yet.
    fn not_after(self, starting: NaiveDateTime, now: NaiveDateTime) -> i64 {
        let (days, months) = self.steps();
        let since = (now - starting).num_days();
        // a month has at most 31 days, and going back at least 28; clocks move by less than a day
        let of_month = if since < 0 { 28 } else { 31 };
        since.div_euclid(if days > 0 { days } else { months * of_month }) - 2
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

    /// Whether all periods begin at a whole multiple of so many minutes since 1970, as slices of time do.
    pub(crate) fn begins_with(&self, slice: Span) -> Result<bool> {
        let Some(calendar) = &self.calendar else { return Ok(true) };
        let zone = calendar.zone()?;
        let of_day =
            calendar.starting.map_or(0, |starting| i64::from(starting.hour() * 60 + starting.minute()));
        // a zone has few offsets: those of twenty years tell them
        let months = (0..240)
            .filter_map(|month| NaiveDate::from_ymd_opt(2015, 1, 1)?.checked_add_months(Months::new(month)));
        let begin =
            |day: NaiveDate| first_minute(&zone, day.and_time(NaiveTime::MIN) + TimeDelta::minutes(of_day));
        Ok(months.filter_map(begin).all(|minute| minute % slice.minutes() == 0))
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
        let minute_of = |local: NaiveDateTime| first_minute(&zone, local).ok_or_else(outside);
        let Some(starting) = self.starting else {
            let first = self.unit.first_day(now.date()).ok_or_else(outside)?;
            let next = self.unit.next(first).ok_or_else(outside)?;
            let [start, end] = [first, next].map(|day| minute_of(day.and_time(NaiveTime::MIN)));
            return Ok(Bounds { start: start?, end: end? });
        };
        // instants are compared, because local times come twice where clocks go back
        let nth = |nth: i64| minute_of(self.unit.nth(starting, nth).ok_or_else(outside)?);
        let mut at = self.unit.not_after(starting, now);
        while nth(at + 1)? <= minute {
            at += 1;
        }
        Ok(Bounds { start: nth(at)?, end: nth(at + 1)? })
    }
}

/// The minute of a local time: where clocks skip it, the first that there is after it.
fn first_minute(zone: &Tz, mut local: NaiveDateTime) -> Option<i64> {
    for _ in 0..24 * 60 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                return Some(time.timestamp().div_euclid(60));
            }
            LocalResult::None => local += TimeDelta::minutes(1),
        }
    }
    None
}
