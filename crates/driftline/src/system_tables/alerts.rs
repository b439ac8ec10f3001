//! `driftline.alerts`: every alert that the session may name, a row for each of its series, or one without labels where it has none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::{instant, number, text};
use crate::alert::status;
use crate::alert::{AlertHealth, AlertSeries, AlertStatus, SeriesState};
use crate::catalog::Relations;
use crate::error::Result;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("alert", false),
        text("state", false),
        text("labels", true),
        Field::new("value", DataType::Float64, true),
        instant("active_at", true),
        instant("fired_at", true),
        instant("resolved_at", true),
        text("summary", true),
        text("health", false),
        text("error", true),
        instant("evaluated_at", true),
        Field::new("evaluation_seconds", DataType::Float64, true),
        number("missed", false),
    ])
}

pub(super) async fn columns(relations: &Relations) -> Result<Vec<ArrayRef>> {
    let alerts = status(relations.engine()).await?;
    let mut rows: Vec<(&AlertStatus, Option<&AlertSeries>)> = vec![];
    for alert in alerts.iter().filter(|alert| relations.allows(&alert.name)) {
        match alert.series.is_empty() {
            true => rows.push((alert, None)),
            false => rows.extend(alert.series.iter().map(|series| (alert, Some(series)))),
        }
    }
    let texts = |value: &dyn Fn(&AlertStatus, Option<&AlertSeries>) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(rows.iter().map(|(alert, series)| value(alert, *series))))
    };
    let times = |value: &dyn Fn(&AlertStatus, Option<&AlertSeries>) -> Option<i64>| -> ArrayRef {
        let times: TimestampNanosecondArray =
            rows.iter().map(|(alert, series)| value(alert, *series)).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let state =
        |series: Option<&AlertSeries>| series.map_or(SeriesState::Inactive, |series| series.state).word();
    let took = rows.iter().map(|(alert, _)| Some(alert.took?.as_secs_f64()));
    Ok(vec![
        texts(&|alert, _| Some(alert.name.clone())),
        texts(&|_, series| Some(state(series).to_owned())),
        texts(&|_, series| Some(series?.labels.to_string())),
        Arc::new(Float64Array::from_iter(rows.iter().map(|(_, series)| series.as_ref()?.value))),
        times(&|_, series| Some(series?.active_at_ns)),
        times(&|_, series| series?.fired_at_ns),
        times(&|_, series| series?.resolved_at_ns),
        texts(&|_, series| series?.annotations.get("summary").cloned()),
        texts(&|alert, _| Some(alert.health.word().to_owned())),
        texts(&|alert, _| match &alert.health {
            AlertHealth::Error(error, _) => Some(error.clone()),
            _ => None,
        }),
        times(&|alert, _| alert.evaluated_at_ns),
        Arc::new(Float64Array::from_iter(took)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(alert, _)| alert.missed as i64))),
    ])
}
