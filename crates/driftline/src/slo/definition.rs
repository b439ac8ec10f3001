//! What an SLO says, and its text: the manifest keeps a definition as the clauses behind `CREATE SLO name`, which read back to the same.

use std::fmt;

use super::alerts::{Rule, Rules, Severity};
use super::period::Period;
use super::span::Span;
use crate::sql::quoted;

/// Parts of a slice that counts with its share of good events.
pub(crate) const MEAN_PARTS: i64 = 1_000_000_000;

/// A service-level objective.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) source: Source,
    /// Which rows are events at all, as SQL.
    pub(crate) eligible: Option<String>,
    /// Whether an event is good, as SQL; NULL is an event that the objective does not apply to.
    pub(crate) good: String,
    /// How many events a row stands for, as SQL; without it one.
    pub(crate) weight: Option<String>,
    pub(crate) objective: f64,
    pub(crate) period: Period,
    pub(crate) timeslices: Option<Timeslices>,
    pub(crate) group_by: Vec<String>,
    /// How long labels of an event may still come out: so long it is no part of the verdict.
    pub(crate) maturity: Option<Span>,
    /// The bad events without which no alert fires; with it alerts count shares of the period's budget.
    pub(crate) min_events: Option<u64>,
    /// `None` are the usual ones.
    pub(crate) alerts: Option<Vec<Rule>>,
}

/// Where the events are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A table or view.
    Relation(String),
    /// A query that answers a column `time` and whatever the clauses name.
    Query(String),
}

/// A budget of time instead of events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timeslices {
    pub(crate) length: Span,
    pub(crate) judged: Judged,
}

/// How a slice of time counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Judged {
    /// As good or bad: it is good with this share of good events.
    Target(f64),
    /// With its share of good events: all slices weigh the same, however many events they have.
    Mean,
}

impl Definition {
    /// The rules of its alerts.
    pub(crate) fn rules(&self) -> Rules {
        match &self.alerts {
            Some(rules) => Rules::new(rules.clone()),
            None => Rules::usual(self.period.length()),
        }
    }

    /// What is worth knowing of it before it is relied on.
    pub(crate) fn lint(&self) -> Vec<String> {
        let mut found = self.rules().lint(self.period.length(), self.objective);
        let step = self.step_minutes();
        let short = self.rules();
        let short = short.iter().filter(|rule| rule.short().minutes() < step);
        found.extend(short.map(|rule| {
            format!(
                "{} over {} can never fire: its short window of {} is shorter than a time slice",
                rule.severity.word(),
                rule.long,
                rule.short()
            )
        }));
        if self.period.length().minutes() < 60 {
            found.push(format!("a window of {} is short: were days or months meant?", self.period.length()));
        }
        found
    }

    /// The objective of its budget: the largest share of bad events, or slices, that is fine.
    pub(crate) fn budget(&self) -> f64 {
        1.0 - self.objective
    }

    /// In how many parts an event is counted: slices that count with their share of good events are counted in billionths.
    pub(crate) fn parts(&self) -> i64 {
        match self.timeslices {
            Some(Timeslices { judged: Judged::Mean, .. }) => MEAN_PARTS,
            _ => 1,
        }
    }

    /// Windows begin and end at whole multiples of so many minutes.
    pub(crate) fn step_minutes(&self) -> i64 {
        self.timeslices.map_or(1, |slices| slices.length.minutes())
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Relation(name) => write!(f, "ON {}", quoted(name))?,
            // a closing line, because the query may end with a comment
            Source::Query(query) => write!(f, "ON ({query}\n)")?,
        }
        if let Some(eligible) = &self.eligible {
            write!(f, " WHERE {eligible}")?;
        }
        write!(f, " GOOD WHEN {}", self.good)?;
        if let Some(weight) = &self.weight {
            write!(f, " WEIGHT {weight}")?;
        }
        write!(f, " OBJECTIVE {:?} WINDOW {}", self.objective, self.period)?;
        if let Some(slices) = &self.timeslices {
            write!(f, " TIMESLICES '{}'", slices.length)?;
            match slices.judged {
                Judged::Target(target) => write!(f, " TARGET {target:?}")?,
                Judged::Mean => f.write_str(" MEAN")?,
            }
        }
        if !self.group_by.is_empty() {
            let names: Vec<String> = self.group_by.iter().map(|name| quoted(name)).collect();
            write!(f, " GROUP BY {}", names.join(", "))?;
        }
        if let Some(maturity) = &self.maturity {
            write!(f, " MATURITY '{maturity}'")?;
        }
        if let Some(events) = self.min_events {
            write!(f, " MIN EVENTS {events}")?;
        }
        match self.alerts.as_deref() {
            None => {}
            Some([]) => f.write_str(" ALERT NONE")?,
            Some(rules) => {
                f.write_str(" ALERT")?;
                for severity in [Severity::Page, Severity::Ticket] {
                    let of = rules.iter().filter(|rule| rule.severity == severity);
                    let shown: Vec<String> =
                        of.map(|rule| format!("{:?} IN '{}'", rule.budget_share, rule.long)).collect();
                    if !shown.is_empty() {
                        write!(f, " {} {}", severity.word(), shown.join(", "))?;
                    }
                }
            }
        }
        Ok(())
    }
}
