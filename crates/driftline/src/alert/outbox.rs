//! What a receiver must still be told: the log of alerts is the queue, and a receiver has a place in it that outlives the process.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use driftline_storage::Durability;

use super::log::{self, Entry, Note, What};
use super::series::{AlertEvent, SeriesState};
use super::store::failure;
use crate::context::QueryContext;
use crate::db::{Database, Engine};
use crate::error::Result;
use crate::sql;

/// The table of places.
const TABLE: &str = "alert_deliveries";

/// A change that a receiver has not been told of, and its number in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// The place of the receiver once it has been told.
    pub sequence: i64,
    /// A series that fires or was resolved, or an alert that cannot be evaluated.
    pub event: AlertEvent,
}

impl Database {
    /// The series that began to fire or were resolved and of which a receiver has not been told, the first ones first, at most `limit`,
    /// and those of one evaluation together where they fit. The place of a
    /// receiver outlives the process; one that nobody knows begins with what comes from now on.
    ///
    /// # Errors
    /// What reading the log of alerts fails with.
    pub async fn undelivered_alerts(&self, receiver: &str, limit: usize) -> Result<Vec<Undelivered>> {
        let engine = self.engine();
        engine.alerts().load(engine).await?;
        let Some(place) = place(engine, receiver).await? else {
            self.delivered_alerts(receiver, engine.alerts().sequence()).await?;
            return Ok(vec![]);
        };
        let newest = engine.alerts().sequence();
        if place >= newest {
            return Ok(vec![]);
        }
        // read before the log is, so that nothing falls between the two
        let unlogged = engine.alerts().unlogged();
        let mut entries = log::read_after(place, limit, &QueryContext::for_alerts(engine, None)).await?;
        let last = entries.last().map_or(place, |entry| entry.sequence);
        entries.extend(unlogged.into_iter().filter(|entry| entry.sequence > last));
        let mut found: Vec<Undelivered> = entries.into_iter().filter_map(told).collect();
        if found.len() >= limit {
            found.truncate(limit);
            drop_part(&mut found);
        }
        if found.is_empty() {
            // so that nothing is read again until something changes
            engine.alerts().put_delivered(receiver, newest);
        }
        Ok(found)
    }

    /// Says that a receiver has been told of every change up to this number.
    ///
    /// # Errors
    /// What writing fails with; then it is told again after a restart.
    pub async fn delivered_alerts(&self, receiver: &str, sequence: i64) -> Result<()> {
        let engine = self.engine();
        engine.alerts().put_delivered(receiver, sequence);
        let time = TimestampNanosecondArray::from_iter_values([engine.clock().now_ns()]).with_timezone("UTC");
        let columns: [(&str, ArrayRef); 3] = [
            ("time", Arc::new(time)),
            ("receiver", Arc::new(StringArray::from_iter_values([receiver]))),
            ("sequence", Arc::new(Int64Array::from_iter_values([sequence]))),
        ];
        let rows = RecordBatch::try_from_iter(columns)?;
        engine.storage().append(TABLE, rows, Durability::Durable).await?;
        Ok(())
    }
}

/// Leaves out what may be a part of the changes of one evaluation, unless nothing else is there.
fn drop_part(found: &mut Vec<Undelivered>) {
    let key = |change: &Undelivered| (change.event.alert.clone(), change.event.at_ns);
    let Some(last) = found.last().map(key) else { return };
    let whole = found.iter().take_while(|change| key(change) != last).count();
    if whole > 0 {
        found.truncate(whole);
    }
}

/// The place of a receiver.
async fn place(engine: &Arc<Engine>, receiver: &str) -> Result<Option<i64>> {
    if let Some(place) = engine.alerts().delivered(receiver) {
        return Ok(Some(place));
    }
    let receiver_text = receiver.replace('\'', "''");
    let query = format!("SELECT max(sequence) AS sequence FROM {TABLE} WHERE receiver = '{receiver_text}'");
    let context = QueryContext::for_alerts(engine, None);
    let plan = sql::plan_text(&query, &context).await?;
    for batch in sql::execute(&plan, &context).await?.collect().await? {
        let places = cast(batch.column(0), &DataType::Int64)?;
        let places = places.as_primitive::<Int64Type>();
        if !places.is_empty() && places.is_valid(0) {
            engine.alerts().put_delivered(receiver, places.value(0));
            return Ok(Some(places.value(0)));
        }
    }
    Ok(None)
}

/// What receivers are told of a change, if anything.
fn told(entry: Entry) -> Option<Undelivered> {
    let Entry { at_ns, sequence, alert, what } = entry;
    let series = match what {
        What::Series(series) if series.state == SeriesState::Firing && series.fired_at_ns == Some(at_ns) => {
            series
        }
        What::Series(series) if series.resolved_at_ns.is_some() => series,
        What::Alert(Note::Error, error) => failure(&alert, Some(error.as_deref().unwrap_or_default()), at_ns),
        What::Alert(Note::Ok, _) => failure(&alert, None, at_ns),
        What::Series(_) | What::Alert(..) => return None,
    };
    Some(Undelivered { sequence, event: AlertEvent { alert, at_ns, series } })
}
