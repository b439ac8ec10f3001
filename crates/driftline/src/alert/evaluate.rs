//! Evaluates the alerts that are due, each at its times: whole multiples of EVERY since 1970.

use std::sync::Arc;
use std::time::Duration;

use driftline_storage::Snapshot;
use futures::{StreamExt, stream};

use super::catalog::Alert;
use super::definition::Definition;
use super::log::{Note, What};
use super::series::{AlertEvent, AlertSeries, Row};
use super::store::{AlertStatus, State, events};
use super::{ALERT, question};
use crate::context::QueryContext;
use crate::db::{Database, Engine};
use crate::error::{Error, Result};
use crate::sql::{self, Roomy};

/// Alerts that are evaluated at the same time.
const ALERTS_AT_ONCE: usize = 4;
/// Evaluations that are caught up; older ones are left out and counted.
const CATCH_UP_MAX: i64 = 60;
/// An alert of which nothing changes is in the log this often: so much of the past is asked again after a restart.
const HEARTBEAT_NS: i64 = 10 * 60 * 1_000_000_000;
/// A clock that goes back by less is one that was set right.
const CLOCK_SLACK_NS: i64 = 60 * 1_000_000_000;

impl Database {
    /// Evaluates every alert that is due, and answers the series that have changed. An alert is due at whole multiples of its `EVERY`; evaluations
    /// that were missed (nobody called, or the process was away) are done at their own times, at most the last 60 of them, and the others are
    /// counted. A query that fails leaves the series of its alert as they are, and the alert says so ([`alerts`](Self::alerts)).
    ///
    /// An alert whose evaluation is under way is left out, so that calls may overlap. The server calls this every second. A service that embeds the database calls it itself, as often as its alerts want.
    ///
    /// # Errors
    /// `Invalid` where the database is open for reading only, `Closed` after [`close`](Self::close), `Corrupted` where the log of alerts cannot be
    /// read. One that cannot be written (the disk is full) silences no alert: it is written later, and the process's log says so.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::{Database, SeriesState};
    /// let database = Database::open(dir.path()).await?;
    /// database.sql("CREATE ALERT silence EVERY '1 minute' AS SELECT count(*) AS value FROM llm_calls WHERE time >= now() - INTERVAL '10 minutes' HAVING count(*) = 0").await?;
    /// let events = database.evaluate_alerts().await?;
    /// assert_eq!(events[0].series.state, SeriesState::Firing);
    /// assert_eq!(events[0].series.labels.to_string(), "alertname=silence");
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn evaluate_alerts(&self) -> Result<Vec<AlertEvent>> {
        let engine = self.engine();
        engine.check_open()?;
        engine.storage().check_writable()?;
        engine.alerts().load(engine).await?;
        let snapshot = engine.storage().snapshot();
        let texts: Vec<(String, String)> =
            snapshot.definitions(ALERT).map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let evaluations = texts.into_iter().map(|(name, text)| evaluate(engine, name, text));
        let changed: Vec<Vec<AlertEvent>> =
            stream::iter(evaluations).buffered(ALERTS_AT_ONCE).collect().await;
        forget_ended(engine, &snapshot).await;
        Ok(changed.concat())
    }

    /// All alerts and their series, sorted by name; what `driftline.alerts` shows.
    ///
    /// # Errors
    /// What reading their log fails with.
    pub async fn alerts(&self) -> Result<Vec<AlertStatus>> {
        status(self.engine()).await
    }

    /// Changes of alerts that were told and never written, because the log could not be and too many waited, since the database was opened.
    pub fn lost_alert_changes(&self) -> u64 {
        self.engine().alerts().lost()
    }
}

/// Evaluates an alert, if nobody does already: one that takes long keeps no other waiting.
async fn evaluate(engine: &Arc<Engine>, name: String, text: String) -> Vec<AlertEvent> {
    let Ok(_alone) = engine.alerts().turn(&name).try_lock_owned() else { return vec![] };
    match sql::parse_alert(&text) {
        Ok(definition) => Evaluation::new(engine, Alert { name, definition }, text).catch_up().await,
        Err(error) => {
            tracing::error!(alert = name, %error, "the alert cannot be read");
            vec![]
        }
    }
}

/// Writes changes; where that fails they are told all the same, and written with the next ones.
async fn write(engine: &Arc<Engine>, alert: &str, at_ns: i64, whats: Vec<What>) {
    if let Err(error) = engine.alerts().write(engine, alert, at_ns, whats).await {
        tracing::error!(alert, %error, "the log of alerts cannot be written: it is tried again with the next change");
    }
}

/// Where all alerts stand, sorted by name.
pub(crate) async fn status(engine: &Arc<Engine>) -> Result<Vec<AlertStatus>> {
    engine.alerts().load(engine).await?;
    let snapshot = engine.storage().snapshot();
    let mut names = engine.alerts().names();
    names.extend(snapshot.definitions(ALERT).map(|(name, _)| name.to_owned()));
    names.sort();
    names.dedup();
    let of_alert = |name: String| {
        let definition = snapshot.definition(ALERT, &name).map(sql::parse_alert);
        let mut state = engine.alerts().state(&name);
        let definition = match definition {
            Some(Ok(definition)) => Some(definition),
            Some(Err(error)) => {
                state.error = Some((error.to_string(), engine.clock().now_ns()));
                None
            }
            None => None,
        };
        state.forget_old(engine.clock().now_ns());
        AlertStatus::new(&name, definition.as_ref(), state)
    };
    let gone =
        |status: &AlertStatus| status.series.is_empty() && snapshot.definition(ALERT, &status.name).is_none();
    Ok(names.into_iter().map(of_alert).filter(|status| !gone(status)).collect())
}

/// Ends an alert that is dropped or replaced: its series are resolved.
pub(crate) async fn end(engine: &Arc<Engine>, name: &str) -> Result<()> {
    let _alone = engine.alerts().turn(name).lock_owned().await;
    engine.alerts().load(engine).await?;
    end_state(engine, name).await;
    Ok(())
}

async fn end_state(engine: &Arc<Engine>, name: &str) {
    let mut state = engine.alerts().state(name);
    let at_ns = engine.clock().now_ns();
    let mut whats: Vec<What> = state.series.end(at_ns).into_iter().map(What::Series).collect();
    let recovered_ns = state.error.as_ref().map(|_| at_ns).or(state.recovered_ns);
    if state.error.is_some() {
        whats.push(What::Alert(Note::Ok, None));
    }
    whats.push(What::Alert(Note::Dropped, None));
    engine
        .alerts()
        .put(name, State { series: state.series, recovered_ns, is_ended: true, ..State::default() });
    write(engine, name, at_ns, whats).await;
}

/// Forgets dropped alerts when receivers had their time to hear that they are resolved.
async fn forget_ended(engine: &Arc<Engine>, snapshot: &Snapshot) {
    let now_ns = engine.clock().now_ns();
    for name in engine.alerts().names() {
        if snapshot.definition(ALERT, &name).is_some() {
            continue;
        }
        let Ok(_alone) = engine.alerts().turn(&name).try_lock_owned() else { continue };
        if !engine.alerts().state(&name).is_ended {
            // a process that ended while it dropped the alert has left it
            end_state(engine, &name).await;
        }
        let mut state = engine.alerts().state(&name);
        state.forget_old(now_ns);
        match state.is_forgotten() {
            true => engine.alerts().forget(&name),
            false => engine.alerts().put(&name, state),
        }
    }
}

/// The evaluation of one alert.
struct Evaluation<'a> {
    engine: &'a Arc<Engine>,
    alert: Alert,
    /// Its definition as the manifest has it.
    text: String,
    state: State,
}

impl<'a> Evaluation<'a> {
    fn new(engine: &'a Arc<Engine>, alert: Alert, text: String) -> Self {
        let state = engine.alerts().state(&alert.name);
        Self { engine, alert, text, state }
    }

    /// Evaluates at every time that has come since the last one.
    async fn catch_up(mut self) -> Vec<AlertEvent> {
        let now_ns = self.engine.clock().now_ns();
        let due = self.due(now_ns);
        let notes = due.notes.into_iter().map(|(note, message)| What::Alert(note, Some(message)));
        if let Some(first) = due.times.first() {
            write(self.engine, &self.alert.name, *first, notes.collect()).await;
        }
        let mut changed = vec![];
        for at_ns in due.times {
            // one that was dropped or replaced meanwhile waits for this to end
            let snapshot = self.engine.storage().snapshot();
            if snapshot.definition(ALERT, &self.alert.name) != Some(self.text.as_str()) {
                break;
            }
            changed.extend(self.evaluate(at_ns).await);
        }
        changed
    }

    /// The times that have come, and what is to be said of those that are left out.
    fn due(&mut self, now_ns: i64) -> Due {
        let every = self.alert.definition.every.ns();
        let newest = now_ns.div_euclid(every) * every;
        let Some(last) = self.state.evaluated_ns else { return Due { times: vec![newest], notes: vec![] } };
        if last - now_ns > every.max(CLOCK_SLACK_NS) {
            self.state.series.rewind(newest);
            let message = format!("the clock went back by {}: evaluated from now on", seconds(last - now_ns));
            return Due { times: vec![newest], notes: vec![(Note::Clock, message)] };
        }
        let first = last.div_euclid(every) * every + every;
        let missed = ((newest - first) / every + 1).max(0);
        let left_out = (missed - CATCH_UP_MAX).max(0);
        let mut notes = vec![];
        if left_out > 0 {
            self.state.missed += left_out.unsigned_abs();
            let message = format!("{left_out} evaluations of {missed} that were missed are left out");
            notes.push((Note::Missed, message));
        }
        let times = (left_out..missed).map(|nth| first + nth * every).collect();
        Due { times, notes }
    }

    /// One evaluation: the series that it changed.
    async fn evaluate(&mut self, at_ns: i64) -> Vec<AlertEvent> {
        let name = self.alert.name.clone();
        let clock = self.engine.clock();
        let started = clock.monotonic_ns();
        let context = QueryContext::for_alerts(self.engine, Some(at_ns));
        let rows = Roomy::new(question::ask(&name, &self.alert.definition, &context)).await;
        let (changed, note) = take(&mut self.state, &name, &self.alert.definition, rows, at_ns);
        self.state.evaluated_ns = Some(at_ns);
        self.state.took = Some(Duration::from_nanos(clock.monotonic_ns().saturating_sub(started)));
        let events = events(&name, at_ns, &changed);
        let mut whats: Vec<What> = changed.into_iter().map(What::Series).collect();
        whats.extend(note.map(|(note, message)| What::Alert(note, message)));
        let is_quiet =
            self.state.logged_ns.is_some_and(|logged| (0..self.heartbeat_ns()).contains(&(at_ns - logged)));
        if whats.is_empty() && !is_quiet {
            let error = self.state.error.as_ref().map(|(error, _)| error.clone());
            whats.push(What::Alert(Note::Evaluated, error));
        }
        if !whats.is_empty() {
            self.state.logged_ns = Some(at_ns);
        }
        self.engine.alerts().put(&name, self.state.clone());
        write(self.engine, &name, at_ns, whats).await;
        events
    }

    /// How often an alert of which nothing changes is in the log: never so seldom that a restart could not catch up.
    fn heartbeat_ns(&self) -> i64 {
        HEARTBEAT_NS.min(self.alert.definition.every.ns().saturating_mul(CATCH_UP_MAX / 2))
    }
}

/// Times of evaluations, and what is to be said of others.
struct Due {
    times: Vec<i64>,
    notes: Vec<(Note, String)>,
}

/// What an answer does to the state of an alert: the series that change, and what is to be said of the alert itself.
pub(super) fn take(
    state: &mut State,
    name: &str,
    definition: &Definition,
    rows: Result<Vec<Row>>,
    at_ns: i64,
) -> (Vec<AlertSeries>, Option<(Note, Option<String>)>) {
    match rows {
        Ok(rows) => {
            let recovered = state.error.take().map(|_| (Note::Ok, None));
            if recovered.is_some() {
                state.recovered_ns = Some(at_ns);
            }
            (state.series.step(name, definition, rows, at_ns), recovered)
        }
        Err(error) => {
            let message = shortened(&error);
            let known = state.error.as_ref().map(|(known, since_ns)| (known == &message, *since_ns));
            state.error = Some((message.clone(), known.map_or(at_ns, |(_, since_ns)| since_ns)));
            let is_known = known.is_some_and(|(is_same, _)| is_same);
            (vec![], (!is_known).then_some((Note::Error, Some(message))))
        }
    }
}

/// An error as a row keeps it.
fn shortened(error: &Error) -> String {
    const CHARACTERS_MAX: usize = 1_000;
    error.to_string().chars().take(CHARACTERS_MAX).collect()
}

fn seconds(ns: i64) -> String {
    humantime::format_duration(Duration::from_secs(ns.unsigned_abs() / 1_000_000_000)).to_string()
}
