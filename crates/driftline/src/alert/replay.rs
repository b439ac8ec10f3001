//! An alert over past times: when it would have fired.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::definition::Definition;
use super::evaluate::take;
use super::question;
use super::series::AlertEvent;
use super::store::{State, events};
use crate::context::QueryContext;
use crate::db::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{self, Roomy};

/// Evaluations of one replay, at most.
const EVALUATIONS_MAX: i64 = 1_000_000;
/// Questions that are asked at the same time.
const QUESTIONS_AHEAD: usize = 4;

impl Database {
    /// Evaluates an alert, by its name or given as a whole `CREATE ALERT` statement, at all its times in a range (nanoseconds since 1970), over the rows
    /// that there are, without telling anybody: the series as they would have changed. At each time the query sees no row that is later, and `now()`
    /// is that time; rows that came late are there already. With `every` it is evaluated so often instead, which is faster over a long time, and
    /// may miss what is short. `progress` is called with the evaluations done and those in all, after each; it answers whether to go on.
    ///
    /// # Errors
    /// `NotFound` for an unknown alert, `Invalid` for a range without evaluations, `ResourceExhausted` for one of more than a million,
    /// `Cancelled` when `progress` says so; what the query fails with.
    pub async fn replay_alert(
        &self,
        alert: &str,
        range: RangeInclusive<i64>,
        every: Option<Duration>,
        mut progress: impl FnMut(u64, u64) -> bool + Send,
    ) -> Result<Vec<AlertEvent>> {
        let engine = self.engine();
        engine.check_open()?;
        let alert = Arc::new(match sql::alert_of_statement(alert) {
            Some(alert) => alert?,
            None => QueryContext::for_alerts(engine, None).relations().alert(alert)?,
        });
        let name = alert.name.as_str();
        let times = times(&alert.definition, range, every)?;
        let total = times.len() as u64;
        let mut state = State::default();
        let mut all = vec![];
        // each is a question of its own: only what they do to the series has an order
        let asked = stream::iter(times).map(|at_ns| {
            let (engine, alert) = (Arc::clone(engine), Arc::clone(&alert));
            let asked = tokio::spawn(Roomy::new(async move {
                let context = QueryContext::for_alerts(&engine, Some(at_ns));
                question::ask(&alert.name, &alert.definition, &context).await
            }));
            async move { (at_ns, asked.await) }
        });
        let mut asked = asked.buffered(QUESTIONS_AHEAD);
        let mut done = 0;
        while let Some((at_ns, rows)) = asked.next().await {
            let rows = rows.map_err(|error| {
                Error::new(ErrorKind::Internal, format!("an evaluation ended: {error}"))
            })??;
            let (changed, _) = take(&mut state, name, &alert.definition, Ok(rows), at_ns);
            all.extend(events(name, at_ns, &changed));
            done += 1;
            if !progress(done, total) {
                return Err(Error::new(ErrorKind::Cancelled, "the replay was cancelled"));
            }
        }
        Ok(all)
    }
}

/// The times of the evaluations in a range.
fn times(definition: &Definition, range: RangeInclusive<i64>, every: Option<Duration>) -> Result<Vec<i64>> {
    let every = match every {
        None => definition.every.ns(),
        Some(every) => i64::try_from(every.as_nanos()).unwrap_or(i64::MAX),
    };
    if every <= 0 {
        return Err(Error::invalid("a replay evaluates every so many seconds, at least one"));
    }
    let (start, end) = range.into_inner();
    let first = start.div_euclid(every) * every;
    let first = if first < start { first.saturating_add(every) } else { first };
    if first > end {
        let seconds = Duration::from_nanos(every.unsigned_abs());
        return Err(Error::invalid(format!(
            "the range has no evaluation: there is one every {}",
            humantime::format_duration(seconds)
        )));
    }
    let count = (end - first) / every + 1;
    if count > EVALUATIONS_MAX {
        let message = format!("the range has {count} evaluations, a replay has at most {EVALUATIONS_MAX}");
        return Err(Error::new(ErrorKind::ResourceExhausted, message));
    }
    Ok((0..count).map(|nth| first + nth * every).collect())
}
