//! `/api/v1/rules` and `/api/v1/alerts` in the form of Prometheus, so that Grafana lists alerts: as a data source of the kind Prometheus, at the
//! address of this door. They tell what alerts say, so they need the credential that a query needs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat};
use driftline::{AlertHealth, AlertSeries, AlertStatus, SeriesState};
use serde_json::{Value, json};
use tonic::metadata::MetadataMap;

use crate::service::Service;

/// The name of the one group, and of the file that it would be in.
const GROUP: &str = "driftline";

pub(super) async fn rules(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match visible(&service, headers).await {
        Ok(alerts) => {
            let interval = alerts.iter().map(|alert| alert.every.as_secs_f64()).fold(f64::INFINITY, f64::min);
            let rules: Vec<Value> = alerts.iter().map(rule).collect();
            let group = json!({
                "name": GROUP,
                "file": GROUP,
                "interval": if interval.is_finite() { interval } else { 60.0 },
                "limit": 0,
                "rules": rules,
            });
            let groups = if alerts.is_empty() { json!([]) } else { json!([group]) };
            success(json!({ "groups": groups }))
        }
        Err(refusal) => refusal,
    }
}

pub(super) async fn alerts(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match visible(&service, headers).await {
        Ok(alerts) => {
            let alerts: Vec<Value> = alerts.iter().flat_map(active).map(alert).collect();
            success(json!({ "alerts": alerts }))
        }
        Err(refusal) => refusal,
    }
}

/// The alerts that the caller may name.
async fn visible(service: &Arc<Service>, headers: HeaderMap) -> Result<Vec<AlertStatus>, Response> {
    let identity = service.access.identify(&MetadataMap::from_headers(headers)).await.map_err(|status| {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"driftline\"")];
        (challenge, failure(StatusCode::UNAUTHORIZED, "unauthorized", status.message())).into_response()
    })?;
    let session = service.session(&identity);
    let mut alerts = service
        .database
        .alerts()
        .await
        .map_err(|error| failure(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string()))?;
    let filter = session.settings().tables.as_ref();
    alerts.retain(|alert| alert.query.is_some() && filter.is_none_or(|filter| filter.allows(&alert.name)));
    Ok(alerts)
}

fn active(alert: &AlertStatus) -> impl Iterator<Item = &AlertSeries> {
    alert.series.iter().filter(|series| series.state != SeriesState::Inactive)
}

fn rule(status: &AlertStatus) -> Value {
    let state = active(status).map(|series| series.state).max().unwrap_or(SeriesState::Inactive);
    let mut rule = json!({
        "type": "alerting",
        "name": status.name,
        "query": status.query,
        "duration": status.hold.as_secs_f64(),
        "keepFiringFor": status.keep_firing.as_secs_f64(),
        "labels": status.labels,
        "annotations": status.annotations,
        "alerts": active(status).map(alert).collect::<Vec<Value>>(),
        "health": match &status.health {
            AlertHealth::Error(..) => "err",
            other => other.word(),
        },
        "evaluationTime": status.took.map_or(0.0, |took| took.as_secs_f64()),
        "lastEvaluation": instant(status.evaluated_at_ns.unwrap_or_default()),
        "state": state.word(),
    });
    if let AlertHealth::Error(error, _) = &status.health {
        rule["lastError"] = json!(error);
    }
    rule
}

fn alert(series: &AlertSeries) -> Value {
    let mut alert = json!({
        "labels": series.labels.iter().collect::<std::collections::BTreeMap<_, _>>(),
        "annotations": series.annotations,
        "state": series.state.word(),
        "activeAt": instant(series.active_at_ns),
        // Prometheus says numbers as texts
        "value": series.value.map_or_else(|| "NaN".to_owned(), number),
    });
    if let Some(since_ns) = series.keep_firing_since_ns {
        alert["keepFiringSince"] = json!(instant(since_ns));
    }
    alert
}

/// A number as Prometheus writes it.
fn number(value: f64) -> String {
    match value {
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) => format!("{value:e}"),
        value => value.to_string(),
    }
}

fn instant(ns: i64) -> String {
    DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

fn success(data: Value) -> Response {
    axum::Json(json!({ "status": "success", "data": data })).into_response()
}

fn failure(status: StatusCode, kind: &str, error: &str) -> Response {
    (status, axum::Json(json!({ "status": "error", "errorType": kind, "error": error }))).into_response()
}
