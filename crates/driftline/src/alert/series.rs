//! The state machine of the series of an alert: Prometheus', to the letter.
//!
//! A row that is new makes its series pending; one that has been there for FOR makes it fire. A series without its row is gone where it was pending;
//! where it fired it goes on for KEEP FIRING FOR and is then resolved. A resolved series is remembered for 15 minutes, so that receivers that
//! were away hear of it. Source: Prometheus, rules/alerting.go and the documentation of alerting rules.

use std::collections::BTreeMap;
use std::fmt;

use super::definition::{Definition, NoData};
use super::labels::{ALERTNAME, Labels};

/// How long a resolved series is remembered.
pub(crate) const RESOLVED_KEPT_NS: i64 = 15 * 60 * 1_000_000_000;
/// The label of the series that stands for an answer without rows.
const NO_DATA: &str = "no_data";

/// Where a series stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesState {
    /// It was resolved.
    Inactive,
    /// Its row is there, not yet for so long that it fires.
    Pending,
    /// It fires.
    Firing,
}

impl SeriesState {
    pub(crate) const ALL: [Self; 3] = [Self::Inactive, Self::Pending, Self::Firing];

    /// The word in SQL and in JSON: `inactive`, `pending` or `firing`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

impl fmt::Display for SeriesState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One series of an alert. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSeries {
    /// What tells it from others, the name of the alert included.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
    /// Where it stands.
    pub state: SeriesState,
    /// The value of its row when it last had one.
    pub value: Option<f64>,
    /// Since when its row is there.
    pub active_at_ns: i64,
    /// Since when it fires.
    pub fired_at_ns: Option<i64>,
    /// Since when it is resolved.
    pub resolved_at_ns: Option<i64>,
    /// Since when it fires without its row.
    pub keep_firing_since_ns: Option<i64>,
}

/// A series that has changed, in its new state.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvent {
    /// The name of the alert.
    pub alert: String,
    /// The time of the evaluation, in nanoseconds since 1970.
    pub at_ns: i64,
    /// The series as it is now.
    pub series: AlertSeries,
}

/// A row of the answer to an alert's query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) value: Option<f64>,
    /// Whether it counts; `None` where there is no value to tell.
    pub(crate) is_active: Option<bool>,
}

/// The series of one alert, by their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeriesSet(BTreeMap<Labels, AlertSeries>);

impl SeriesSet {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &AlertSeries> {
        self.0.values()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn insert(&mut self, series: AlertSeries) {
        self.0.insert(series.labels.clone(), series);
    }

    /// Takes the step of one evaluation, and answers the series that it changes.
    pub(crate) fn step(
        &mut self,
        alert: &str,
        definition: &Definition,
        rows: Vec<Row>,
        at_ns: i64,
    ) -> Vec<AlertSeries> {
        let nothing = rows.is_empty();
        let keeps_all = nothing && definition.no_data == NoData::Keep;
        let mut rows: BTreeMap<Labels, Row> = rows.into_iter().map(|row| (row.labels.clone(), row)).collect();
        if nothing && definition.no_data == NoData::Alert {
            let row = absent(alert, definition);
            rows.insert(row.labels.clone(), row);
        }
        let mut changed = vec![];
        for series in self.0.values_mut() {
            let verdict = match rows.remove(&series.labels) {
                Some(row) => match row.is_active.or_else(|| without_value(definition.no_data)) {
                    Some(true) => {
                        (series.value, series.annotations) = (row.value, row.annotations);
                        Some(true)
                    }
                    other => other,
                },
                None if keeps_all => None,
                None => Some(false),
            };
            let before = (series.state, series.keep_firing_since_ns);
            if let Some(is_active) = verdict {
                series.judge(is_active, definition, at_ns);
            }
            if before != (series.state, series.keep_firing_since_ns) {
                changed.push(series.clone());
            }
        }
        self.forget_old(at_ns);
        for (labels, row) in rows {
            if row.is_active.or_else(|| without_value(definition.no_data)) == Some(true) {
                let series = AlertSeries::begin(row, definition, at_ns);
                changed.push(series.clone());
                self.0.insert(labels, series);
            }
        }
        changed
    }

    /// Resolves everything: the alert is gone.
    pub(crate) fn end(&mut self, at_ns: i64) -> Vec<AlertSeries> {
        let active = self.0.values_mut().filter(|series| series.state != SeriesState::Inactive);
        let ended = active.map(|series| {
            series.end(at_ns);
            series.clone()
        });
        let ended = ended.collect();
        self.forget_old(at_ns);
        ended
    }

    /// Forgets what was only pending and what is resolved long ago.
    pub(crate) fn forget_old(&mut self, at_ns: i64) {
        self.0.retain(|_, series| {
            series.state != SeriesState::Inactive
                || series.resolved_at_ns.is_some_and(|at| at_ns.saturating_sub(at) <= RESOLVED_KEPT_NS)
        });
    }

    /// Forgets that anything happened later than a time: the clock has gone back.
    pub(crate) fn rewind(&mut self, at_ns: i64) {
        for series in self.0.values_mut() {
            series.active_at_ns = series.active_at_ns.min(at_ns);
            for time in
                [&mut series.fired_at_ns, &mut series.resolved_at_ns, &mut series.keep_firing_since_ns]
            {
                *time = time.map(|time| time.min(at_ns));
            }
        }
    }
}

impl AlertSeries {
    fn begin(row: Row, definition: &Definition, at_ns: i64) -> Self {
        let mut series = Self {
            labels: row.labels,
            annotations: row.annotations,
            state: SeriesState::Pending,
            value: row.value,
            active_at_ns: at_ns,
            fired_at_ns: None,
            resolved_at_ns: None,
            keep_firing_since_ns: None,
        };
        series.judge(true, definition, at_ns);
        series
    }

    fn judge(&mut self, is_active: bool, definition: &Definition, at_ns: i64) {
        match (self.state, is_active) {
            (SeriesState::Inactive, false) => {}
            (SeriesState::Inactive, true) => {
                (self.state, self.active_at_ns) = (SeriesState::Pending, at_ns);
                (self.fired_at_ns, self.resolved_at_ns) = (None, None);
                self.fire_when_held(definition, at_ns);
            }
            (SeriesState::Pending, true) => self.fire_when_held(definition, at_ns),
            (SeriesState::Firing, true) => self.keep_firing_since_ns = None,
            (SeriesState::Pending, false) => self.end(at_ns),
            (SeriesState::Firing, false) => {
                let since = *self.keep_firing_since_ns.get_or_insert(at_ns);
                if at_ns.saturating_sub(since) >= definition.keep_firing.ns() {
                    self.end(at_ns);
                }
            }
        }
    }

    fn fire_when_held(&mut self, definition: &Definition, at_ns: i64) {
        if at_ns.saturating_sub(self.active_at_ns) >= definition.hold.ns() {
            (self.state, self.fired_at_ns) = (SeriesState::Firing, Some(at_ns));
        }
    }

    /// Only what fired can be resolved.
    fn end(&mut self, at_ns: i64) {
        self.state = SeriesState::Inactive;
        self.resolved_at_ns = self.fired_at_ns.map(|_| at_ns);
        self.keep_firing_since_ns = None;
    }
}

/// What a row without a value counts as; `None`: nothing changes.
fn without_value(no_data: NoData) -> Option<bool> {
    match no_data {
        NoData::Ok => Some(false),
        NoData::Alert => Some(true),
        NoData::Keep => None,
    }
}

/// The row that stands for an answer without rows.
fn absent(alert: &str, definition: &Definition) -> Row {
    let fixed = definition.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // a label that names a row's values has none
    let fixed = fixed.filter(|(_, value)| !value.contains("{{"));
    let labels = fixed.chain([(ALERTNAME, alert), (NO_DATA, "true")]).collect();
    let summary = format!("the query of alert {alert} answers no row");
    let annotations = BTreeMap::from([("summary".to_owned(), summary)]);
    Row { labels, annotations, value: None, is_active: Some(true) }
}

#[cfg(test)]
mod tests;
