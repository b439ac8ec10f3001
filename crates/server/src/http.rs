//! The door for machines that watch: `/healthz`, `/readyz` and `/metrics`. It needs no credential and tells no data.

mod metrics;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::timeout;

use crate::error::codes;
use crate::service::Service;

pub(crate) use metrics::Metrics;

/// How long a database may take to answer that it is there.
const READY_TIME_MAX: Duration = Duration::from_secs(5);

/// The pages.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(service)
}

/// Whether queries are answered now.
async fn ready(State(service): State<Arc<Service>>) -> Response {
    if service.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n").into_response();
    }
    let database = service.database.clone();
    let asked = service.queries.spawn(async move { database.sql("SELECT 1").await?.collect().await });
    match timeout(READY_TIME_MAX, asked).await {
        Ok(Ok(Ok(_))) => "ready\n".into_response(),
        Ok(Ok(Err(error))) => (codes(error.kind()).1, format!("{error}\n")).into_response(),
        Ok(Err(_)) | Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, service.metrics.render(&service)).into_response()
}
