//! Events by minute and group: all that an SLO needs to know of its rows.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};

pub(crate) const DAY_MINUTES: i64 = 1_440;

/// Events of some time. Those of a part of the rows may be fewer than none: weights can be taken back by rows in another part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) good: i64,
    pub(crate) bad: i64,
    /// Those whose `good` is NULL: the objective does not apply, or a label is missing.
    pub(crate) unknown: i64,
}

impl Events {
    /// Those that count.
    pub(crate) fn total(&self) -> i64 {
        self.good.saturating_add(self.bad)
    }

    /// Whether a ratio can be made of them: there is traffic, and no weight is missing.
    fn is_measured(&self) -> bool {
        self.good >= 0 && self.bad >= 0 && self.total() > 0
    }

    /// The share of good events; `None` without traffic.
    pub(crate) fn sli(&self) -> Option<f64> {
        self.is_measured().then(|| self.good as f64 / self.total() as f64)
    }

    /// The share of bad events over the share that is fine; `None` without traffic.
    pub(crate) fn burn_rate(&self, budget: f64) -> Option<f64> {
        self.is_measured().then(|| self.bad as f64 / self.total() as f64 / budget)
    }
}

impl AddAssign for Events {
    fn add_assign(&mut self, more: Self) {
        self.good = self.good.saturating_add(more.good);
        self.bad = self.bad.saturating_add(more.bad);
        self.unknown = self.unknown.saturating_add(more.unknown);
    }
}

/// The values of the columns that GROUP BY names, as text.
pub(crate) type GroupKey = Box<[Option<String>]>;

/// Events of every group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    groups: BTreeMap<GroupKey, Series>,
}

/// Events of one group, by minutes since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Series {
    days: BTreeMap<i64, Day>,
}

/// One day: the minutes that have events, and their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Day {
    total: Events,
    /// In the order of minutes of the day.
    minutes: Vec<(u16, Events)>,
}

impl Counts {
    pub(crate) fn add(&mut self, group: &[Option<String>], minute: i64, events: Events) {
        match self.groups.get_mut(group) {
            Some(series) => series.add(minute, events),
            None => {
                let mut series = Series::default();
                series.add(minute, events);
                self.groups.insert(group.into(), series);
            }
        }
    }

    /// Adds what another part of the rows says.
    pub(crate) fn merge(&mut self, more: &Self) {
        for (group, series) in &more.groups {
            for (day, counted) in &series.days {
                for (minute, events) in &counted.minutes {
                    self.add(group, day * DAY_MINUTES + i64::from(*minute), *events);
                }
            }
        }
    }

    /// Every minute with events of every group.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&GroupKey, i64, Events)> {
        self.groups.iter().flat_map(|(group, series)| {
            let of_day = |(day, counted): (&i64, &Day)| {
                let first = day * DAY_MINUTES;
                counted.minutes.clone().into_iter().map(move |(at, events)| (first + i64::from(at), events))
            };
            let minutes: Vec<(i64, Events)> = series.days.iter().flat_map(of_day).collect();
            minutes.into_iter().map(move |(minute, events)| (group, minute, events))
        })
    }

    /// How many events there are, those without a verdict included.
    pub(crate) fn events(&self) -> u64 {
        let days = self.groups.values().flat_map(|series| series.days.values());
        let of_day = |day: &Day| day.total.total().saturating_add(day.total.unknown).unsigned_abs();
        days.map(of_day).fold(0, u64::saturating_add)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &GroupKey> {
        self.groups.keys()
    }

    pub(crate) fn series(&self, group: &GroupKey) -> Option<&Series> {
        self.groups.get(group)
    }

    pub(crate) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let of_day = |day: &Day| size_of::<Day>() + day.minutes.capacity() * size_of::<(u16, Events)>();
        let of_group = |(key, series): (&GroupKey, &Series)| {
            let key: usize = key.iter().flatten().map(String::len).sum();
            key + series.days.values().map(of_day).sum::<usize>()
        };
        self.groups.iter().map(of_group).sum()
    }
}

impl Series {
    fn add(&mut self, minute: i64, events: Events) {
        let day = self.days.entry(minute.div_euclid(DAY_MINUTES)).or_default();
        day.total += events;
        let of_day = u16::try_from(minute.rem_euclid(DAY_MINUTES)).expect("a day has 1440 minutes");
        match day.minutes.last_mut() {
            Some((last, known)) if *last == of_day => *known += events,
            Some((last, _)) if *last > of_day => {
                match day.minutes.binary_search_by_key(&of_day, |(at, _)| *at) {
                    Ok(at) => day.minutes[at].1 += events,
                    Err(at) => day.minutes.insert(at, (of_day, events)),
                }
            }
            _ => day.minutes.push((of_day, events)),
        }
    }

    /// The events of some minutes.
    pub(crate) fn sum(&self, minutes: &Range<i64>) -> Events {
        let mut sum = Events::default();
        for (day, counted, whole) in self.days_of(minutes) {
            match whole {
                true => sum += counted.total,
                false => counted.within(day, minutes).for_each(|(_, events)| sum += events),
            }
        }
        sum
    }

    /// The minutes with events.
    pub(crate) fn minutes(&self, minutes: Range<i64>) -> impl Iterator<Item = (i64, Events)> {
        let days = self.days_of(&minutes).collect::<Vec<_>>().into_iter();
        days.flat_map(move |(day, counted, _)| counted.within(day, &minutes).collect::<Vec<_>>())
    }

    /// The days that some minutes touch, and whether they are in there as a whole.
    fn days_of(&self, minutes: &Range<i64>) -> impl Iterator<Item = (i64, &Day, bool)> {
        let (start, end) = (minutes.start, minutes.end);
        // an empty range of a tree is refused
        let touched = (start < end)
            .then(|| self.days.range(start.div_euclid(DAY_MINUTES)..=(end - 1).div_euclid(DAY_MINUTES)));
        touched.into_iter().flatten().map(move |(day, counted)| {
            let first = day * DAY_MINUTES;
            (*day, counted, start <= first && first + DAY_MINUTES <= end)
        })
    }
}

impl Day {
    /// Its minutes that lie in a range of minutes since 1970.
    fn within(&self, day: i64, minutes: &Range<i64>) -> impl Iterator<Item = (i64, Events)> {
        let first = day * DAY_MINUTES;
        let from = self.minutes.partition_point(|(at, _)| first + i64::from(*at) < minutes.start);
        let to = self.minutes.partition_point(|(at, _)| first + i64::from(*at) < minutes.end);
        self.minutes[from..to].iter().map(move |(at, events)| (first + i64::from(*at), *events))
    }
}

#[cfg(test)]
mod tests;
