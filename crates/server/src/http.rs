//! The door for machines that watch: `/healthz`, `/readyz` and `/metrics`, which need no credential and tell no data, and the alerts as Prometheus
//! lists its own, which need one.

mod metrics;
mod rules;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use driftline::SessionSettings;

use crate::error::codes;
use crate::service::Service;

pub(crate) use metrics::Metrics;

/// The pages.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/alerts", get(rules::alerts))
        .with_state(service)
}

/// Whether the database is open and this server is not about to end. One that has its hands full is ready, so this waits for no place
/// among the queries: a statement is planned, and not run.
async fn ready(State(service): State<Arc<Service>>) -> Response {
    if service.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n").into_response();
    }
    match service.database.session(SessionSettings::default()).prepare("SELECT 1").await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => (codes(error.kind()).1, format!("{error}\n")).into_response(),
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, service.metrics.render(&service)).into_response()
}
