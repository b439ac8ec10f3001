//! What is known of all alerts: read once from their log, then kept in memory.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driftline_storage::Durability;

use super::definition::Definition;
use super::labels::ALERTNAME;
use super::log::{self, Entry, Note, What};
use super::series::{AlertEvent, AlertSeries, RESOLVED_KEPT_NS, SeriesSet, SeriesState};
use crate::context::QueryContext;
use crate::db::Engine;
use crate::error::Result;

/// The name of the alert that says that another one cannot be evaluated.
const EVALUATION_FAILED: &str = "AlertEvaluationFailed";
/// Entries that wait because the log could not be written; further ones are counted as lost.
const UNLOGGED_MAX: usize = 10_000;

/// The alerts of a database.
#[derive(Debug, Default)]
pub(crate) struct AlertStore {
    /// By alert, held by who evaluates or ends it.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    sequence: i64,
    states: BTreeMap<String, State>,
    unlogged: Vec<Entry>,
    lost: u64,
    /// How far receivers have been told.
    delivered: BTreeMap<String, i64>,
}

/// What is known of one alert. It outlives the alert, until receivers have heard that its series are resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) series: SeriesSet,
    /// The time of its last evaluation.
    pub(crate) evaluated_ns: Option<i64>,
    /// The time of its last row in the log.
    pub(super) logged_ns: Option<i64>,
    /// Why its query fails, and since when.
    pub(crate) error: Option<(String, i64)>,
    /// Evaluations left out since the database was opened.
    pub(crate) missed: u64,
    pub(crate) took: Option<Duration>,
    /// When its query was answered again.
    pub(super) recovered_ns: Option<i64>,
    /// Whether it was dropped or replaced, and that is in the log.
    pub(super) is_ended: bool,
}

impl State {
    /// Forgets what receivers had their time to hear of.
    pub(super) fn forget_old(&mut self, now_ns: i64) {
        self.series.forget_old(now_ns);
        self.recovered_ns =
            self.recovered_ns.filter(|at_ns| now_ns.saturating_sub(*at_ns) <= RESOLVED_KEPT_NS);
    }

    /// Whether nobody has to hear of it any more.
    pub(super) fn is_forgotten(&self) -> bool {
        self.series.is_empty() && self.recovered_ns.is_none()
    }
}

/// Whether an alert can be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertHealth {
    /// It was not evaluated yet.
    Unknown,
    /// Its query was answered.
    Ok,
    /// Its query fails, for this reason, since this time (nanoseconds since 1970): its series stay as they are.
    Error(String, i64),
}

impl AlertHealth {
    /// The word in SQL and in JSON: `unknown`, `ok` or `error`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Error(..) => "error",
        }
    }
}

/// An alert and its series, from [`Database::alerts`](crate::Database::alerts). Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertStatus {
    /// Its name.
    pub name: String,
    /// What it asks, as SQL; `None` for an alert that was dropped while its series fired, until they are forgotten.
    pub query: Option<String>,
    /// How often it is evaluated.
    pub every: Duration,
    /// How long a row must be there before its series fires.
    pub hold: Duration,
    /// How long a series goes on firing without its row.
    pub keep_firing: Duration,
    /// Labels of all its series, as they were written.
    pub labels: BTreeMap<String, String>,
    /// Texts for people, as they were written.
    pub annotations: BTreeMap<String, String>,
    /// Whether it can be evaluated.
    pub health: AlertHealth,
    /// When it was evaluated last.
    pub evaluated_at_ns: Option<i64>,
    /// How long that took.
    pub took: Option<Duration>,
    /// Evaluations that were left out since the database was opened, because it came too late for them.
    pub missed: u64,
    /// Its series that are active, or were not long ago.
    pub series: Vec<AlertSeries>,
    /// When its query was answered again after it had failed, if that is not long ago.
    pub recovered_at_ns: Option<i64>,
}

impl AlertStatus {
    pub(super) fn new(name: &str, definition: Option<&Definition>, state: State) -> Self {
        let seconds = |length: i64| Duration::from_secs(length.unsigned_abs());
        let of = |length: fn(&Definition) -> i64| seconds(definition.map_or(0, length));
        Self {
            name: name.to_owned(),
            query: definition.map(|definition| definition.source.query()),
            every: of(|definition| definition.every.seconds()),
            hold: of(|definition| definition.hold.seconds()),
            keep_firing: of(|definition| definition.keep_firing.seconds()),
            labels: definition.map(|definition| definition.labels.clone()).unwrap_or_default(),
            annotations: definition.map(Definition::annotations).unwrap_or_default(),
            health: match (state.error, state.evaluated_ns) {
                (Some((error, since_ns)), _) => AlertHealth::Error(error, since_ns),
                (None, Some(_)) => AlertHealth::Ok,
                (None, None) => AlertHealth::Unknown,
            },
            evaluated_at_ns: state.evaluated_ns,
            took: state.took,
            missed: state.missed,
            series: state.series.iter().cloned().collect(),
            recovered_at_ns: state.recovered_ns,
        }
    }
}

impl AlertStatus {
    /// A series that fires while the alert cannot be evaluated, so that receivers hear of it: silence would look like health. It is resolved for 15
    /// minutes when it can be again.
    pub fn failure(&self) -> Option<AlertSeries> {
        match &self.health {
            AlertHealth::Error(error, since_ns) => Some(failure(&self.name, Some(error), *since_ns)),
            _ => self.recovered_at_ns.map(|at_ns| failure(&self.name, None, at_ns)),
        }
    }
}

/// The series that says that an alert cannot be evaluated; without an error, that it can be again.
pub(super) fn failure(alert: &str, error: Option<&str>, at_ns: i64) -> AlertSeries {
    let summary = format!("alert {alert} cannot be evaluated: {}", error.unwrap_or("it can be again"));
    let state = if error.is_some() { SeriesState::Firing } else { SeriesState::Inactive };
    AlertSeries {
        labels: [(ALERTNAME, EVALUATION_FAILED), ("alert", alert)].into_iter().collect(),
        annotations: BTreeMap::from([("summary".to_owned(), summary)]),
        state,
        value: None,
        active_at_ns: at_ns,
        fired_at_ns: Some(at_ns),
        resolved_at_ns: error.is_none().then_some(at_ns),
        keep_firing_since_ns: None,
    }
}

impl AlertStore {
    /// Reads the log, once.
    pub(crate) async fn load(&self, engine: &Arc<Engine>) -> Result<()> {
        if self.lock().is_some() {
            return Ok(());
        }
        let context = QueryContext::for_alerts(engine, None);
        let entries = log::read(&context).await?;
        // who was faster has the newer
        self.lock().get_or_insert_with(|| Known::of(entries));
        Ok(())
    }

    /// Who evaluates or ends an alert holds this.
    pub(super) fn turn(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.to_owned()).or_default())
    }

    /// What is known of an alert.
    pub(crate) fn state(&self, name: &str) -> State {
        self.lock().as_ref().and_then(|known| known.states.get(name).cloned()).unwrap_or_default()
    }

    /// The alerts of which something is known.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().as_ref().map(|known| known.states.keys().cloned().collect()).unwrap_or_default()
    }

    /// The number of the newest change.
    pub(super) fn sequence(&self) -> i64 {
        self.lock().as_ref().map_or(0, |known| known.sequence)
    }

    /// Changes that the log does not have yet.
    pub(super) fn unlogged(&self) -> Vec<Entry> {
        self.lock().as_ref().map(|known| known.unlogged.clone()).unwrap_or_default()
    }

    /// How far a receiver has been told, where that is known.
    pub(super) fn delivered(&self, receiver: &str) -> Option<i64> {
        self.lock().as_ref()?.delivered.get(receiver).copied()
    }

    pub(super) fn put_delivered(&self, receiver: &str, sequence: i64) {
        if let Some(known) = self.lock().as_mut() {
            known.delivered.insert(receiver.to_owned(), sequence);
        }
    }

    /// How many changes were never written, because the log could not be and too many waited.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().as_ref().map_or(0, |known| known.lost)
    }

    pub(super) fn put(&self, name: &str, state: State) {
        if let Some(known) = self.lock().as_mut() {
            known.states.insert(name.to_owned(), state);
        }
    }

    pub(super) fn forget(&self, name: &str) {
        if let Some(known) = self.lock().as_mut() {
            known.states.remove(name);
        }
    }

    /// Writes what changed, with what could not be written before. It is told even where it cannot be written: a full disk must not silence
    /// an alert.
    pub(super) async fn write(
        &self,
        engine: &Engine,
        alert: &str,
        at_ns: i64,
        whats: Vec<What>,
    ) -> Result<()> {
        let entries = {
            let mut known = self.lock();
            let known = known.get_or_insert_default();
            for what in whats {
                known.sequence = known.sequence.saturating_add(1);
                known.unlogged.push(Entry { at_ns, sequence: known.sequence, alert: alert.to_owned(), what });
            }
            mem::take(&mut known.unlogged)
        };
        if entries.is_empty() {
            return Ok(());
        }
        let written = match log::rows(&entries) {
            Ok(rows) => engine.storage().append(log::TABLE, rows, Durability::Durable).await.map(drop),
            Err(error) => return Err(error),
        };
        written.map_err(|error| {
            let mut known = self.lock();
            let known = known.get_or_insert_default();
            let room = UNLOGGED_MAX.saturating_sub(known.unlogged.len()).min(entries.len());
            known.lost += (entries.len() - room) as u64;
            known.unlogged.splice(0..0, entries.into_iter().take(room));
            error.into()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Where everything stood, by the last rows of the log.
    fn of(entries: Vec<Entry>) -> Self {
        let mut known = Self::default();
        for Entry { at_ns, sequence, alert, what } in entries {
            known.sequence = known.sequence.max(sequence);
            let state = known.states.entry(alert).or_default();
            // entries come in the order of writing: the last one is the latest evaluation
            (state.evaluated_ns, state.logged_ns, state.is_ended) = (Some(at_ns), Some(at_ns), false);
            match what {
                What::Series(series) => state.series.insert(series),
                What::Alert(Note::Error | Note::Evaluated, message) => {
                    state.error = message.map(|message| (message, at_ns));
                }
                What::Alert(Note::Ok, _) => (state.error, state.recovered_ns) = (None, Some(at_ns)),
                What::Alert(Note::Dropped, _) => {
                    (state.evaluated_ns, state.error, state.is_ended) = (None, None, true)
                }
                What::Alert(Note::Missed | Note::Clock, _) => {}
            }
        }
        for state in known.states.values_mut() {
            let at_ns = state.logged_ns.unwrap_or_default();
            state.forget_old(at_ns);
        }
        known
    }
}

/// Changed series as they are told and as they are written.
pub(super) fn events(alert: &str, at_ns: i64, changed: &[AlertSeries]) -> Vec<AlertEvent> {
    let event = |series: &AlertSeries| AlertEvent { alert: alert.to_owned(), at_ns, series: series.clone() };
    changed.iter().map(event).collect()
}
