//! Where an SLO stands at a moment: every window out of the same counts.

use std::collections::BTreeMap;
use std::ops::Range;

use super::alerts::{Rule, Severity};
use super::counts::{Events, GroupKey};
use super::definition::{Definition, Judged, MEAN_PARTS, Timeslices};
use super::period::Bounds;
use super::span::Span;
use super::store::Counted;
use crate::error::Result;

/// The windows of burn rates besides the period, in minutes.
pub(crate) const BURN_WINDOWS: [(&str, i64); 7] =
    [("5m", 5), ("30m", 30), ("1h", 60), ("2h", 120), ("6h", 360), ("24h", 1_440), ("3d", 4_320)];
/// The window whose burn rate says how long the budget lasts: one hour.
const PRESENT: usize = 2;

/// What an SLO does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    Ticket,
    Page,
    /// The period has no event that counts.
    NoData,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Ticket => "ticket",
            Self::Page => "page",
            Self::NoData => "no_data",
        }
    }
}

/// Where one group of an SLO stands. Of an SLO of time slices, events are slices.
#[derive(Debug)]
pub(crate) struct Status {
    /// The end of all windows, in minutes since 1970; what lies after it is not counted.
    pub(crate) end: i64,
    pub(crate) period: Bounds,
    pub(crate) events: Events,
    /// In how many parts each event is counted.
    pub(crate) parts: i64,
    /// Rows that are events with a NULL verdict.
    pub(crate) ineligible: i64,
    /// The share of the events that have a verdict; of time slices, the share of the time that has any.
    pub(crate) coverage: Option<f64>,
    pub(crate) burns: [Option<f64>; BURN_WINDOWS.len()],
    pub(crate) burn: Option<f64>,
    pub(crate) consumed_projected: Option<f64>,
    pub(crate) seconds_to_exhaustion: Option<f64>,
    pub(crate) state: State,
    pub(crate) reason: Option<String>,
}

impl Status {
    /// The share of the budget that is spent; more than 1 where it is overspent.
    pub(crate) fn consumed(&self) -> Option<f64> {
        self.burn
    }

    pub(crate) fn remaining(&self) -> Option<f64> {
        self.burn.map(|burn| 1.0 - burn)
    }
}

/// The last minute, exclusive, of the windows of a moment: the minute of the moment counts, events whose labels may still come out do not.
pub(crate) fn end_of_windows(definition: &Definition, at_ns: i64) -> i64 {
    let minute = at_ns.div_euclid(60_000_000_000) + i64::from(at_ns.rem_euclid(60_000_000_000) > 0);
    let mature = minute - definition.maturity.map_or(0, Span::minutes);
    let step = definition.step_minutes();
    // slices that are not over have no verdict
    mature.div_euclid(step) * step
}

/// The minutes that a status is made of.
pub(crate) fn minutes_needed(definition: &Definition, end: i64) -> Result<Range<i64>> {
    let longest = definition.rules().iter().map(|rule| rule.long.minutes()).max().unwrap_or(0);
    let windows = BURN_WINDOWS.iter().map(|(_, minutes)| *minutes).max().unwrap_or(0);
    let start = definition.period.at(end)?.start.min(end - longest.max(windows));
    let step = definition.step_minutes();
    Ok(start.div_euclid(step) * step..end)
}

/// Where a group stands.
pub(crate) fn status(
    definition: &Definition,
    counted: &Counted,
    group: &GroupKey,
    end: i64,
) -> Result<Status> {
    let period = definition.period.at(end)?;
    let tally = Tally::new(definition.timeslices, counted, group, &minutes_needed(definition, end)?);
    let parts = definition.parts();
    let budget = definition.budget();
    let events = tally.sum(period.start..end);
    let before = |minutes: i64| tally.sum(end - minutes..end);
    // a window shorter than a slice has no verdict
    let long_enough = |minutes: i64| minutes >= definition.step_minutes();
    let burns = BURN_WINDOWS.map(|(_, minutes)| match long_enough(minutes) {
        true => before(minutes).burn_rate(budget),
        false => None,
    });
    let burn = events.burn_rate(budget);
    let mut status = Status {
        end,
        period,
        events,
        parts,
        ineligible: counted.sum(group, &(period.start..end)).unknown,
        coverage: None,
        burns,
        burn,
        consumed_projected: None,
        seconds_to_exhaustion: None,
        state: if events.sli().is_some() { State::Ok } else { State::NoData },
        reason: None,
    };
    let all = match definition.timeslices {
        None => events.total() + status.ineligible,
        Some(slices) => (end - period.start) / slices.length.minutes(),
    };
    status.coverage = (all > 0).then(|| (events.total() / parts) as f64 / all as f64);
    let (elapsed, whole) = ((end - period.start) as f64, (period.end - period.start) as f64);
    status.consumed_projected = burn.map(|burn| burn * elapsed / whole);
    status.seconds_to_exhaustion = match (status.remaining(), burns[PRESENT]) {
        (Some(left), _) if left <= 0.0 => Some(0.0),
        (Some(left), Some(now)) if now > 0.0 => Some(definition.period.length().seconds() * left / now),
        _ => None,
    };
    let rules = definition.rules();
    let usable = rules.iter().filter(|rule| long_enough(rule.short().minutes()));
    let found = usable.filter_map(|rule| Some((rule, firing(definition, rule, &before, &events)?))).next();
    if let Some((rule, reason)) = found {
        status.reason = Some(reason);
        status.state = match rule.severity {
            Severity::Page => State::Page,
            Severity::Ticket => State::Ticket,
        };
    }
    Ok(status)
}

/// Why a rule fires, if it does.
fn firing(
    definition: &Definition,
    rule: &Rule,
    before: &impl Fn(i64) -> Events,
    of_period: &Events,
) -> Option<String> {
    let budget = definition.budget();
    let threshold = rule.threshold(definition.period.length());
    let (long, short) = (before(rule.long.minutes()), before(rule.short().minutes()));
    let (of_long, of_short) = (long.burn_rate(budget)?, short.burn_rate(budget)?);
    if of_short <= threshold {
        return None;
    }
    match definition.min_events {
        None if of_long > threshold => Some(format!(
            "burn rate {of_long:.4} over {} and {of_short:.4} over {}, above {threshold:.4}",
            rule.long,
            rule.short()
        )),
        // few events: what counts is their share of the budget of the whole period
        Some(least)
            if long.bad >= i64::try_from(least).unwrap_or(i64::MAX).saturating_mul(definition.parts()) =>
        {
            let parts = definition.parts() as f64;
            let allowed = of_period.total() as f64 / parts * budget;
            (long.bad as f64 / parts > rule.budget_share * allowed).then(|| {
                format!(
                    "{} bad events over {}, above {} of the {allowed:.1} that the period allows",
                    long.bad / definition.parts(),
                    rule.long,
                    rule.budget_share
                )
            })
        }
        _ => None,
    }
}

/// Events of a group, or slices.
pub(crate) enum Tally<'a> {
    Events {
        counted: &'a Counted,
        group: &'a GroupKey,
    },
    /// By the first minute of each measured slice.
    Slices(BTreeMap<i64, Events>),
}

impl<'a> Tally<'a> {
    pub(crate) fn new(
        timeslices: Option<Timeslices>,
        counted: &'a Counted,
        group: &'a GroupKey,
        minutes: &Range<i64>,
    ) -> Self {
        let Some(Timeslices { length, judged }) = timeslices else { return Self::Events { counted, group } };
        let mut slices: BTreeMap<i64, Events> = BTreeMap::new();
        for (minute, events) in counted.minutes(group, minutes) {
            let first = minute.div_euclid(length.minutes()) * length.minutes();
            *slices.entry(first).or_default() += events;
        }
        slices.retain(|_, events| events.sli().is_some());
        let parts = if judged == Judged::Mean { MEAN_PARTS } else { 1 };
        for events in slices.values_mut() {
            let good = match judged {
                Judged::Target(target) => i64::from(events.sli().is_some_and(|sli| sli >= target)),
                // to the nearest part
                Judged::Mean => (events.sli().unwrap_or_default() * MEAN_PARTS as f64).round() as i64,
            };
            *events = Events { good, bad: parts - good, unknown: 0 };
        }
        Self::Slices(slices)
    }

    pub(crate) fn sum(&self, minutes: Range<i64>) -> Events {
        match self {
            _ if minutes.is_empty() => Events::default(),
            Self::Events { counted, group } => counted.sum(group, &minutes),
            Self::Slices(slices) => {
                let mut sum = Events::default();
                slices.range(minutes).for_each(|(_, events)| sum += *events);
                sum
            }
        }
    }
}
