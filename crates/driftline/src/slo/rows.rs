//! The rows of `slo_status` and `slo_history`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::catalog::Slo;
use super::counts::GroupKey;
use super::history::Step;
use super::span::MINUTE_NS;
use super::status::{BURN_WINDOWS, Status};
use crate::error::Error;

/// Where one group of an SLO stands, or why that is unknown.
pub(super) struct StatusRow {
    slo: String,
    group: Option<String>,
    objective: Option<f64>,
    status: Result<Status, String>,
}

impl StatusRow {
    pub(super) fn new(slo: &Slo, group: &GroupKey, status: Status) -> Self {
        Self {
            slo: slo.name.clone(),
            group: shown(slo, group),
            objective: Some(slo.definition.objective),
            status: Ok(status),
        }
    }

    pub(super) fn failed(name: &str, error: &Error) -> Self {
        Self { slo: name.to_owned(), group: None, objective: None, status: Err(error.to_string()) }
    }
}

/// One step of one group.
pub(super) struct HistoryRow {
    slo: String,
    group: Option<String>,
    budget: f64,
    parts: i64,
    step: Step,
}

impl HistoryRow {
    pub(super) fn new(slo: &Slo, group: &GroupKey, step: Step) -> Self {
        let (budget, parts) = (slo.definition.budget(), slo.definition.parts());
        Self { slo: slo.name.clone(), group: shown(slo, group), budget, parts, step }
    }
}

pub(super) fn status_schema() -> Schema {
    let mut fields = vec![
        text("slo", false),
        text("group_key", true),
        instant("time", true),
        text("state", false),
        double("objective"),
        double("sli"),
        number("good"),
        number("total"),
        number("ineligible"),
        double("coverage"),
        instant("period_start", true),
        double("budget_remaining"),
        double("budget_consumed"),
        double("budget_consumed_projected"),
    ];
    fields.extend(BURN_WINDOWS.iter().map(|(window, _)| double(&format!("burn_rate_{window}"))));
    fields.extend([double("burn_rate_period"), double("time_to_exhaustion"), text("reason", true)]);
    Schema::new(fields)
}

pub(super) fn status_columns(rows: &[StatusRow]) -> Vec<ArrayRef> {
    let texts = |value: fn(&StatusRow) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(rows.iter().map(value)))
    };
    let doubles = |value: &dyn Fn(&Status) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.status.as_ref().ok().and_then(value))))
    };
    let counts = |value: fn(&Status) -> i64| -> ArrayRef {
        let value = |row: &StatusRow| row.status.as_ref().ok().map(value);
        Arc::new(Int64Array::from_iter(rows.iter().map(value)))
    };
    let times = |value: fn(&Status) -> i64| -> ArrayRef {
        let value =
            |row: &StatusRow| row.status.as_ref().ok().map(|status| value(status).saturating_mul(MINUTE_NS));
        let times: TimestampNanosecondArray = rows.iter().map(value).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let mut columns = vec![
        texts(|row| Some(row.slo.clone())),
        texts(|row| row.group.clone()),
        times(|status| status.end),
        texts(|row| Some(row.status.as_ref().map_or("error", |status| status.state.word()).to_owned())),
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.objective))),
        doubles(&|status| status.events.sli()),
        counts(|status| whole(status.events.good, status.parts)),
        counts(|status| whole(status.events.total(), status.parts)),
        counts(|status| status.ineligible),
        doubles(&|status| status.coverage),
        times(|status| status.period.start),
        doubles(&Status::remaining),
        doubles(&Status::consumed),
        doubles(&|status| status.consumed_projected),
    ];
    columns.extend((0..BURN_WINDOWS.len()).map(|window| doubles(&move |status| status.burns[window])));
    columns.push(doubles(&|status| status.burn));
    columns.push(doubles(&|status| status.seconds_to_exhaustion));
    columns.push(texts(|row| match &row.status {
        Ok(status) => status.reason.clone(),
        Err(message) => Some(message.clone()),
    }));
    columns
}

pub(super) fn history_schema() -> Schema {
    Schema::new(vec![
        text("slo", false),
        text("group_key", true),
        instant("time", false),
        double("sli"),
        number("good"),
        number("total"),
        number("ineligible"),
        double("burn_rate"),
        double("budget_remaining"),
    ])
}

pub(super) fn history_columns(rows: &[HistoryRow]) -> Vec<ArrayRef> {
    let texts = |value: fn(&HistoryRow) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(rows.iter().map(value)))
    };
    let doubles = |value: fn(&HistoryRow) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(value)))
    };
    let counts = |value: fn(&HistoryRow) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
    };
    let times = rows.iter().map(|row| row.step.start.saturating_mul(MINUTE_NS));
    vec![
        texts(|row| Some(row.slo.clone())),
        texts(|row| row.group.clone()),
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        doubles(|row| row.step.events.sli()),
        counts(|row| whole(row.step.events.good, row.parts)),
        counts(|row| whole(row.step.events.total(), row.parts)),
        counts(|row| row.step.events.unknown),
        doubles(|row| row.step.events.burn_rate(row.budget)),
        doubles(|row| row.step.remaining),
    ]
}

/// Events out of their parts, to the nearest.
fn whole(events: i64, parts: i64) -> i64 {
    events.saturating_add(parts / 2).div_euclid(parts)
}

/// A group as text, `service_name=chat, model=NULL`; `None` without GROUP BY.
fn shown(slo: &Slo, group: &GroupKey) -> Option<String> {
    let named = slo.definition.group_by.iter().zip(group);
    let parts: Vec<String> = named
        .map(|(name, value)| format!("{name}={}", crate::labels::shown_text(value.as_deref())))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8View, nullable)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn double(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

fn instant(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), nullable)
}
