//! `driftline alert test`: an alert over history, and when it would have fired.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline::storage::{Clock, SystemClock};
use driftline::{AlertEvent, Database, Labels, SeriesState};
use futures::StreamExt;

use super::{open_to_read, with_database};
use crate::args::{AlertArgs, AlertCommand, TestArgs};
use crate::failure::Failure;
use crate::output::Output;
use crate::place::Place;
use crate::target::Rows;
use crate::terminal::{Terminal, counted};

const PROGRESS: &str = "{bar:40} {pos}/{len} evaluations, {eta} left";

pub(crate) async fn run(place: &Place, args: &AlertArgs, terminal: &Terminal) -> Result<()> {
    let AlertCommand::Test(test) = &args.command;
    let output = Output::new(test.format, None, terminal)?;
    let database = open_to_read(place).await?;
    with_database(database, async |database| replay(database, test, output, terminal).await).await
}

async fn replay(database: &Database, args: &TestArgs, mut output: Output, terminal: &Terminal) -> Result<()> {
    let end = match args.at {
        Some(at) => nanoseconds(at)?,
        None => SystemClock::new().now_ns(),
    };
    let over = i64::try_from(args.over.as_nanos()).unwrap_or(i64::MAX);
    let start = end.checked_sub(over).ok_or_else(|| Failure::invalid("--over goes back beyond 1677"))?;
    let bar = terminal.progress(0, PROGRESS);
    let (seen, total) = (bar.clone(), AtomicBool::new(false));
    let mut evaluations = 0;
    let events = database
        .replay_alert(&args.alert, start..=end, args.every, |done, of| {
            if !total.swap(true, Ordering::Relaxed) {
                seen.set_length(of);
            }
            seen.set_position(done);
            evaluations = done;
            true
        })
        .await?;
    bar.finish_and_clear();
    let spells = spells(&events);
    let rows = batch(&spells)?;
    let schema = rows.schema();
    output.write(Rows { schema, batches: futures::stream::iter([Ok(rows)]).boxed() }).await?;
    let fired = spells.iter().filter(|spell| spell.fired_at.is_some()).count() as u64;
    terminal.note(&format!(
        "{}: it would have fired {}, and been pending {} more",
        counted(evaluations, "evaluation", "evaluations"),
        counted(fired, "time", "times"),
        counted(spells.len() as u64 - fired, "time", "times")
    ));
    Ok(())
}

/// A series from its first row to its end.
struct Spell {
    labels: Labels,
    active_at: i64,
    fired_at: Option<i64>,
    /// Where it ends before the replay does.
    ended_at: Option<i64>,
    value: Option<f64>,
    summary: Option<String>,
}

fn spells(events: &[AlertEvent]) -> Vec<Spell> {
    let mut spells: Vec<Spell> = vec![];
    let mut open: BTreeMap<&Labels, usize> = BTreeMap::new();
    for AlertEvent { at_ns, series, .. } in events {
        let at = match open.get(&series.labels) {
            Some(at) => *at,
            None => {
                spells.push(Spell {
                    labels: series.labels.clone(),
                    active_at: series.active_at_ns,
                    fired_at: None,
                    ended_at: None,
                    value: series.value,
                    summary: None,
                });
                open.insert(&series.labels, spells.len() - 1);
                spells.len() - 1
            }
        };
        let spell = &mut spells[at];
        match series.state {
            SeriesState::Pending => {}
            SeriesState::Firing if spell.fired_at.is_none() => {
                (spell.fired_at, spell.value) = (series.fired_at_ns, series.value);
                spell.summary = series.annotations.get("summary").cloned();
            }
            SeriesState::Firing => {}
            SeriesState::Inactive => {
                spell.ended_at = Some(*at_ns);
                open.remove(&series.labels);
            }
        }
    }
    spells
}

fn batch(spells: &[Spell]) -> Result<RecordBatch> {
    let times = |value: fn(&Spell) -> Option<i64>| -> ArrayRef {
        let times: TimestampNanosecondArray = spells.iter().map(value).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let labels = spells.iter().map(|spell| spell.labels.to_string());
    let summaries = spells.iter().map(|spell| spell.summary.as_deref());
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("labels", Arc::new(StringArray::from_iter_values(labels)) as ArrayRef, false),
        ("active_at", times(|spell| Some(spell.active_at)), false),
        ("fired_at", times(|spell| spell.fired_at), true),
        ("ended_at", times(|spell| spell.ended_at), true),
        ("value", Arc::new(Float64Array::from_iter(spells.iter().map(|spell| spell.value))), true),
        ("summary", Arc::new(StringArray::from_iter(summaries)), true),
    ])?)
}

fn nanoseconds(time: SystemTime) -> Result<i64> {
    let since = time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok());
    since.ok_or_else(|| Failure::invalid("--at must lie between 1970 and 2262"))
}
