//! Remote write of Prometheus: `POST /api/v1/write`, versions 1 and 2.
//!
//! Its senders drop a request at a 4xx and send it again at a 5xx; 429 is again only where they are told so. So what may be tried again is
//! a 5xx here, whatever it is for OTLP.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftline::{RemoteWrite, RemoteWriteReport, RemoteWritten, Signal};
use tonic::Code;

use super::answer::{reasons, rejected};
use super::body::{self, Compression};
use super::http::{say_when, text};
use super::refusal::Refusal;
use super::{admit, finish, log};
use crate::error::short;
use crate::service::Service;

pub(super) const PATH: &str = "/api/v1/write";

const PROTOBUF: &str = "application/x-protobuf";

/// Takes a request.
pub(super) async fn write(State(service): State<Arc<Service>>, request: Request) -> Response {
    let taken = match version(request.headers()) {
        Ok(version) => take(&service, version, request).await.map(|report| (version, report)),
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok((version, report)) => answer(version, &report),
        Err(refusal) => {
            super::refused(&service, Signal::Metrics, &refusal.status);
            refused(&refusal)
        }
    }
}

async fn take(
    service: &Arc<Service>,
    version: RemoteWrite,
    request: Request,
) -> Result<RemoteWriteReport, Refusal> {
    let (head, body) = request.into_parts();
    let session = admit(service, &head.headers, &head.extensions, Signal::Metrics).await?;
    snappy(&head.headers)?;
    let mut held = service.otlp.enter();
    let body = body::read(body, &mut held).await?;
    let decompress = move |held: &mut _| Compression::Snappy.decompress(body, held);
    let ingest = async move |body: bytes::Bytes| session.ingest_remote_write(version, &body).await;
    let report = finish(service, decompress, ingest, held).await?;
    log(Signal::Metrics, &report.ingest);
    Ok(report)
}

/// The version that the header `content-type` names. Early senders have no header, or none with the message: they mean the first.
fn version(headers: &HeaderMap) -> Result<RemoteWrite, Refusal> {
    let given = text(headers, header::CONTENT_TYPE)?.unwrap_or(PROTOBUF);
    let mut parts = given.split(';').map(str::trim);
    let is_protobuf = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(PROTOBUF));
    let message =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("proto"));
    let message = message.map_or(RemoteWrite::V1.message(), |(_, message)| message.trim_matches('"'));
    let version = RemoteWrite::ALL.into_iter().find(|version| version.message() == message);
    version.filter(|_| is_protobuf).ok_or_else(|| {
        let allowed = RemoteWrite::ALL.map(|version| format!("{PROTOBUF};proto={version}")).join(" or ");
        unsupported(format!("content-type must be {allowed}, got \"{given}\""))
    })
}

/// Early senders have no header `content-encoding`: they mean snappy, too.
fn snappy(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, header::CONTENT_ENCODING)?.unwrap_or("snappy").trim() {
        given if given.eq_ignore_ascii_case("snappy") => Ok(()),
        given => Err(unsupported(format!("content-encoding must be snappy, got \"{given}\""))),
    }
}

fn unsupported(message: String) -> Refusal {
    Refusal::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message)
}

/// What was stored and what was not. A request of which samples were left out may not be answered as one that went well: it would be
/// sent again in vain at a 5xx, so it is a 400, although the good part of it is stored.
fn answer(version: RemoteWrite, report: &RemoteWriteReport) -> Response {
    let RemoteWritten { samples, histograms, exemplars, stray_exemplars } = report.written;
    let left_out = rejected(&report.ingest);
    let mut response = if left_out > stray_exemplars {
        let stored = samples + histograms + exemplars;
        let message = format!("{stored} stored, {left_out} left out: {}", reasons(&report.ingest));
        page(StatusCode::BAD_REQUEST, short(&message))
    } else {
        StatusCode::NO_CONTENT.into_response()
    };
    if version == RemoteWrite::V2 {
        let headers = response.headers_mut();
        headers.insert("x-prometheus-remote-write-samples-written", samples.into());
        headers.insert("x-prometheus-remote-write-histograms-written", histograms.into());
        headers.insert("x-prometheus-remote-write-exemplars-written", exemplars.into());
    }
    response
}

fn refused(refusal: &Refusal) -> Response {
    let is_final = refusal.retry_after.is_none() || refusal.http.is_server_error();
    let status = if is_final { refusal.http } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = page(status, refusal.status.message().to_owned());
    say_when(&mut response, refusal);
    response
}

/// Senders write the first line into their log.
fn page(status: StatusCode, message: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from(message + "\n"))
        .into_response()
}
