//! What an alert says, and its text: the manifest keeps a definition as the clauses behind `CREATE ALERT name`, which read back to the same.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};
use crate::length;
use crate::sql::quoted;

/// How often an alert is evaluated where its statement does not say.
pub(crate) const EVERY_DEFAULT: Length = Length(60);
/// Longest length in a definition: ten years.
const SECONDS_MAX: i64 = 3_660 * 86_400;

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) source: Source,
    /// Which of the rows count, as SQL over the columns of the query; without it all do.
    pub(crate) when: Option<String>,
    pub(crate) every: Length,
    /// How long a row must be there before its series fires.
    pub(crate) hold: Length,
    /// How long a series goes on firing without its row.
    pub(crate) keep_firing: Length,
    pub(crate) no_data: NoData,
    /// Labels of all series; templates.
    pub(crate) labels: BTreeMap<String, String>,
    /// Texts for people; templates.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Query(String),
    /// Where an SLO stands: a series for its pages and one for its tickets, for each group.
    Slo(String),
    /// The columns of a table that drifted from a baseline in the last time: a series a column.
    Baseline {
        name: String,
        table: String,
        over: Length,
    },
}

/// What becomes of a series without a value, and of all where the query answers no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NoData {
    /// As if its row were not there.
    #[default]
    Ok,
    /// As if it were there.
    Alert,
    /// It stays as it is.
    Keep,
}

impl NoData {
    pub(crate) const ALL: [Self; 3] = [Self::Ok, Self::Alert, Self::Keep];

    /// The word in SQL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alert => "ALERT",
            Self::Keep => "KEEP",
        }
    }
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Length(i64);

impl Length {
    /// Reads `5 minutes`, from `least` on.
    pub(crate) fn parse(what: &str, text: &str, least: i64) -> Result<Self> {
        let seconds = length::parse(text).ok_or_else(|| {
            Error::invalid(format!(
                "{what} is a number and a unit, as in '30 seconds', '5 minutes' or '1 day', got '{text}'"
            ))
        })?;
        match (least..=SECONDS_MAX).contains(&seconds) {
            true => Ok(Self(seconds)),
            false => Err(Error::invalid(format!(
                "{what} must lie from {} to 3660 days, got '{text}'",
                length::shown(least)
            ))),
        }
    }

    pub(crate) fn seconds(self) -> i64 {
        self.0
    }

    pub(crate) fn ns(self) -> i64 {
        self.0.saturating_mul(1_000_000_000)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&length::shown(self.0))
    }
}

impl Source {
    /// The query that answers its rows. A text that changes from one evaluation to the next would make other series of it, so reasons and notes
    /// stay out.
    pub(crate) fn query(&self) -> String {
        match self {
            Self::Query(query) => query.clone(),
            Self::Slo(name) => slo_query(name),
            Self::Baseline { name, table, over } => format!(
                "SELECT column_name, test, score AS value, threshold, drifted FROM drift_report({}, \
                 reference => baseline({}), current => time >= now() - INTERVAL '{over}')",
                literal(table),
                literal(name)
            ),
        }
    }

    /// Which of its rows count, where the statement does not say.
    fn when(&self) -> Option<&'static str> {
        match self {
            Self::Query(_) => None,
            Self::Slo(_) => Some("fires"),
            Self::Baseline { .. } => Some("drifted"),
        }
    }

    /// What a person reads, where the statement does not say.
    fn summary(&self) -> Option<&'static str> {
        match self {
            Self::Query(_) => None,
            Self::Slo(_) => Some(
                "SLO {{ $labels.slo }} burns its error budget at {{ $value | humanize }} times the rate that it allows; \
                 {{ $columns.budget_remaining | humanizePercentage }} of the budget is left",
            ),
            Self::Baseline { .. } => Some(
                "{{ $labels.column_name }} has drifted from the baseline: {{ $labels.test }} is {{ $value | humanize }}, \
                 above {{ $columns.threshold | humanize }}",
            ),
        }
    }
}

/// A page is a ticket, too: who inhibits the one by the other hears of it once.
fn slo_query(name: &str) -> String {
    format!(
        "SELECT slo, group_key, severity, CASE WHEN state <> 'no_data' THEN coalesce(burn_rate_1h, burn_rate_period) END AS value, \
         state = 'page' OR state = severity AS fires, sli, budget_remaining, time_to_exhaustion \
         FROM slo_status({}) CROSS JOIN (VALUES ('page'), ('ticket')) AS severities (severity)",
        literal(name)
    )
}

impl Definition {
    /// Which of the rows count, as SQL.
    pub(crate) fn condition(&self) -> Option<&str> {
        self.when.as_deref().or_else(|| self.source.when())
    }

    /// The texts for people, the usual ones included.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = self.annotations.clone();
        if let Some(summary) = self.source.summary() {
            annotations.entry("summary".to_owned()).or_insert_with(|| summary.to_owned());
        }
        annotations
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EVERY '{}'", self.every)?;
        for (words, length) in [("FOR", self.hold), ("KEEP FIRING FOR", self.keep_firing)] {
            if length > Length::default() {
                write!(f, " {words} '{length}'")?;
            }
        }
        if self.no_data != NoData::default() {
            write!(f, " NO DATA {}", self.no_data.word())?;
        }
        if let Some(when) = &self.when {
            write!(f, " WHEN {when}")?;
        }
        for (word, pairs) in [("LABELS", &self.labels), ("ANNOTATIONS", &self.annotations)] {
            if !pairs.is_empty() {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(name, value)| format!("{} = {}", quoted(name), literal(value)))
                    .collect();
                write!(f, " {word} ({})", pairs.join(", "))?;
            }
        }
        match &self.source {
            Source::Query(query) => write!(f, " AS {query}"),
            Source::Slo(name) => write!(f, " ON SLO {}", quoted(name)),
            Source::Baseline { name, table, over } => {
                write!(f, " ON BASELINE {} OF {} OVER '{over}'", quoted(name), quoted(table))
            }
        }
    }
}

/// A text as SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
