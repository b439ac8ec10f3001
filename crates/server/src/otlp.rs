//! Telemetry in: OTLP over gRPC and over HTTP, and remote write of Prometheus, at both addresses.
//!
//! An export takes five steps, whatever it comes over: who calls and may they write; the body, as far as there is memory for it
//! ([`body`]); the encoding, inside the database, item by item; the rows, acknowledged when they are durable; the answer ([`answer`]), with
//! what was left out and why. What cannot be taken now is refused so that exporters try again.

mod answer;
mod body;
mod grpc;
mod http;
mod refusal;
mod remote_write;

use std::sync::Arc;

use ::http::{Extensions, HeaderMap};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use driftline::{Encoding, IngestReport, Session, Signal};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::run::Admission;
use crate::service::{Phase, Service, stopping};

pub(crate) use body::Room;

use body::Held;
use refusal::Refusal;

/// What is served at the addresses for OTLP.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let mut router = Router::new();
    for signal in Signal::ALL {
        router = router
            .route(http::path(signal), post(http::export).with_state((Arc::clone(service), signal)))
            .route(grpc::path(signal), post(grpc::export).with_state((Arc::clone(service), signal)));
    }
    let router = router.route(remote_write::PATH, post(remote_write::write).with_state(Arc::clone(service)));
    router.fallback(http::unknown)
}

/// The session of a caller who exports: before anything of the body is read.
async fn admit(
    service: &Service,
    headers: &HeaderMap,
    extensions: &Extensions,
    signal: Signal,
) -> Result<Session, Refusal> {
    if service.is_stopping() {
        return Err(stopping().into());
    }
    Admission::check(extensions.get())?;
    let identity = service.access.identify(&MetadataMap::from_headers(headers.clone())).await?;
    let session = service.session(&identity);
    session.permit_otlp(signal)?;
    Ok(session)
}

/// Stores a body of OTLP.
async fn store(
    service: &Service,
    session: Session,
    signal: Signal,
    encoding: Encoding,
    body: impl FnOnce(&mut Held) -> Result<Bytes, Refusal> + Send + 'static,
    held: Held,
) -> Result<IngestReport, Refusal> {
    let ingest = async move |body: Bytes| session.ingest_otlp(signal, encoding, &body).await;
    let report = finish(service, body, ingest, held).await?;
    log(signal, &report);
    Ok(report)
}

/// Decompresses a body and ingests it. Once begun, it is finished, whether or not the sender still waits: only then is its memory free.
async fn finish<R: Send + 'static, F: Future<Output = driftline::Result<R>> + Send>(
    service: &Service,
    body: impl FnOnce(&mut Held) -> Result<Bytes, Refusal> + Send + 'static,
    ingest: impl FnOnce(Bytes) -> F + Send + 'static,
    mut held: Held,
) -> Result<R, Refusal> {
    let work = service.queries.spawn(async move {
        let body = body(&mut held)?;
        let bytes = body.len();
        let report = ingest(body).await;
        drop(held);
        Ok((report?, bytes))
    });
    let outcome = tokio::select! {
        ended = work => ended.unwrap_or_else(|error| {
            tracing::error!(%error, "an export ended unexpectedly");
            Err(Refusal::unexpected())
        }),
        () = service.reached(Phase::Ending) => Err(stopping().into()),
    };
    let (report, bytes) = outcome?;
    service.metrics.exported(bytes);
    Ok(report)
}

/// Counts an export that was refused as a whole, and says so to the operator: exporters seldom show it to anybody.
fn refused(service: &Service, signal: Signal, status: &Status) {
    service.metrics.export_refused();
    tracing::warn!(%signal, code = ?status.code(), reason = status.message(), "an export was refused");
}

fn log(signal: Signal, report: &IngestReport) {
    for rejected in &report.rejected {
        tracing::warn!(%signal, count = rejected.count, reason = rejected.reason, "telemetry was left out");
    }
}

#[cfg(test)]
mod tests;
