//! The table `alert_log`: what changed, in the order of writing. The last row of a series is where it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType};

use super::labels::Labels;
use super::series::{AlertSeries, SeriesState};
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::sql;

/// The table.
pub(super) const TABLE: &str = "alert_log";

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) at_ns: i64,
    pub(super) sequence: i64,
    pub(super) alert: String,
    pub(super) what: What,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Series(AlertSeries),
    /// Of the alert itself.
    Alert(Note, Option<String>),
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Its query is answered again.
    Ok,
    /// Its query failed.
    Error,
    /// Evaluations were left out.
    Missed,
    /// It was evaluated, and nothing changed.
    Evaluated,
    /// The clock went back.
    Clock,
    /// It was dropped or replaced.
    Dropped,
}

impl Note {
    const ALL: [Self; 6] = [Self::Ok, Self::Error, Self::Missed, Self::Evaluated, Self::Clock, Self::Dropped];

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Missed => "missed",
            Self::Evaluated => "evaluated",
            Self::Clock => "clock",
            Self::Dropped => "dropped",
        }
    }
}

/// The last rows of all series and alerts, the first written first.
const LAST: &str = "SELECT time, sequence, alert, labels, state, value, active_at, fired_at, resolved_at, \
    keep_firing_since, annotations, message \
    FROM (SELECT *, row_number() OVER (PARTITION BY alert, labels, state IN ('missed', 'clock', 'dropped') ORDER BY sequence DESC) AS place FROM alert_log) \
    WHERE place = 1 ORDER BY sequence";

/// What `driftline.alert_history` reads, of these alerts or of all.
pub(crate) fn history_query(alerts: Option<&[&str]>) -> String {
    let only = match alerts {
        None => String::new(),
        Some([]) => " AND false".to_owned(),
        Some(names) => {
            let names: Vec<String> =
                names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
            format!(" AND alert IN ({})", names.join(", "))
        }
    };
    format!(
        "SELECT time, alert, labels, state, value, active_at, fired_at, resolved_at, keep_firing_since, annotations, message, \
         sequence FROM {TABLE} WHERE state <> 'evaluated'{only}"
    )
}

/// The changes after a number that a receiver is told, the first ones first.
pub(super) async fn read_after(sequence: i64, rows: usize, context: &QueryContext) -> Result<Vec<Entry>> {
    let sql = format!(
        "SELECT * FROM {TABLE} WHERE sequence > {sequence} AND ( \
           labels IS NULL AND state IN ('error', 'ok') \
           OR state = 'firing' AND fired_at = time AND keep_firing_since IS NULL \
           OR state = 'inactive' AND resolved_at IS NOT NULL) \
         ORDER BY sequence LIMIT {rows}"
    );
    read_query(&sql, context).await
}

/// Reads where everything stood.
pub(super) async fn read(context: &QueryContext) -> Result<Vec<Entry>> {
    read_query(LAST, context).await
}

async fn read_query(query: &str, context: &QueryContext) -> Result<Vec<Entry>> {
    let plan = sql::plan_text(query, context).await?;
    let mut entries = vec![];
    for batch in sql::execute(&plan, context).await?.collect().await? {
        let columns = Columns::of(&batch)?;
        for row in 0..batch.num_rows() {
            // one damaged row must not silence every alert
            match columns.entry(row) {
                Ok(entry) => entries.push(entry),
                Err(error) => tracing::error!(%error, "a row of the log of alerts is left out"),
            }
        }
    }
    Ok(entries)
}

/// The columns of the table, each in the one type that is read.
struct Columns {
    times: BTreeMap<&'static str, TimestampNanosecondArray>,
    texts: BTreeMap<&'static str, StringArray>,
    sequence: Int64Array,
    value: Float64Array,
}

const TIMES: [&str; 5] = ["time", "active_at", "fired_at", "resolved_at", "keep_firing_since"];
const TEXTS: [&str; 5] = ["alert", "labels", "state", "annotations", "message"];

impl Columns {
    fn of(batch: &RecordBatch) -> Result<Self> {
        let column = |name: &str, kind: &DataType| -> Result<ArrayRef> {
            let column = batch.column_by_name(name);
            let column = column.ok_or_else(|| damaged(&format!("it has no column {name}")))?;
            Ok(cast(column, kind)?)
        };
        let instant = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let time = |name: &'static str| {
            Ok((name, column(name, &instant)?.as_primitive::<TimestampNanosecondType>().clone()))
        };
        let text = |name: &'static str| Ok((name, column(name, &DataType::Utf8)?.as_string::<i32>().clone()));
        Ok(Self {
            times: TIMES.into_iter().map(time).collect::<Result<_>>()?,
            texts: TEXTS.into_iter().map(text).collect::<Result<_>>()?,
            sequence: column("sequence", &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
            value: column("value", &DataType::Float64)?.as_primitive::<Float64Type>().clone(),
        })
    }

    fn time(&self, name: &'static str, row: usize) -> Option<i64> {
        let times = &self.times[name];
        times.is_valid(row).then(|| times.value(row))
    }

    fn text(&self, name: &'static str, row: usize) -> Option<&str> {
        let texts = &self.texts[name];
        texts.is_valid(row).then(|| texts.value(row))
    }

    fn entry(&self, row: usize) -> Result<Entry> {
        let missing = || damaged("a row has no time or alert");
        let at_ns = self.time("time", row).ok_or_else(missing)?;
        let alert = self.text("alert", row).ok_or_else(missing)?.to_owned();
        let state = self.text("state", row).unwrap_or_default();
        let unknown = || damaged(&format!("\"{state}\" is no state"));
        let what = match self.text("labels", row) {
            None => {
                let note = Note::ALL.into_iter().find(|note| note.word() == state).ok_or_else(unknown)?;
                What::Alert(note, self.text("message", row).map(str::to_owned))
            }
            Some(labels) => What::Series(AlertSeries {
                labels: Labels::from_json(labels).map_err(|error| damaged(&error.to_string()))?,
                annotations: self.annotations(row)?,
                state: SeriesState::ALL.into_iter().find(|word| word.word() == state).ok_or_else(unknown)?,
                value: self.value.is_valid(row).then(|| self.value.value(row)),
                active_at_ns: self.time("active_at", row).unwrap_or(at_ns),
                fired_at_ns: self.time("fired_at", row),
                resolved_at_ns: self.time("resolved_at", row),
                keep_firing_since_ns: self.time("keep_firing_since", row),
            }),
        };
        let sequence = if self.sequence.is_valid(row) { self.sequence.value(row) } else { 0 };
        Ok(Entry { at_ns, sequence, alert, what })
    }

    fn annotations(&self, row: usize) -> Result<BTreeMap<String, String>> {
        match self.text("annotations", row) {
            None => Ok(BTreeMap::new()),
            Some(json) => serde_json::from_str(json).map_err(|error| damaged(&error.to_string())),
        }
    }
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupted, format!("table {TABLE}: {why}"))
}

/// Entries as rows of the table.
pub(super) fn rows(entries: &[Entry]) -> Result<RecordBatch> {
    let series = |entry: &Entry| match &entry.what {
        What::Series(series) => Some(series.clone()),
        What::Alert(..) => None,
    };
    let all: Vec<Option<AlertSeries>> = entries.iter().map(series).collect();
    let times = |value: &dyn Fn(&AlertSeries) -> Option<i64>| -> ArrayRef {
        let times: TimestampNanosecondArray = all.iter().map(|series| value(series.as_ref()?)).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let at = entries.iter().map(|entry| entry.at_ns);
    let texts = |value: &dyn Fn(&AlertSeries) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(all.iter().map(|series| value(series.as_ref()?))))
    };
    let states = entries.iter().map(|entry| match &entry.what {
        What::Series(series) => series.state.word(),
        What::Alert(note, _) => note.word(),
    });
    let messages = entries.iter().map(|entry| match &entry.what {
        What::Series(_) => None,
        What::Alert(_, message) => message.as_deref(),
    });
    let annotations = |series: &AlertSeries| {
        let json = serde_json::to_string(&series.annotations).expect("texts are JSON");
        (!series.annotations.is_empty()).then_some(json)
    };
    let value = all.iter().map(|series| series.as_ref()?.value);
    let columns: [(&str, ArrayRef); 12] = [
        ("time", Arc::new(TimestampNanosecondArray::from_iter_values(at).with_timezone("UTC"))),
        ("sequence", Arc::new(Int64Array::from_iter_values(entries.iter().map(|entry| entry.sequence)))),
        ("alert", Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| &entry.alert)))),
        ("labels", texts(&|series| Some(series.labels.to_json()))),
        ("state", Arc::new(StringArray::from_iter_values(states))),
        ("value", Arc::new(Float64Array::from_iter(value))),
        ("active_at", times(&|series| Some(series.active_at_ns))),
        ("fired_at", times(&|series| series.fired_at_ns)),
        ("resolved_at", times(&|series| series.resolved_at_ns)),
        ("keep_firing_since", times(&|series| series.keep_firing_since_ns)),
        ("annotations", texts(&annotations)),
        ("message", Arc::new(StringArray::from_iter(messages))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, !["time", "sequence", "alert", "state"].contains(&name))),
    )?)
}
