//! OTLP/HTTP: `POST /v1/traces`, `/v1/metrics` and `/v1/logs`, in protobuf or JSON, answered in the same.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftline::{Encoding, IngestReport, Signal};
use prost::Message;
use tonic::Code;

use super::answer::{self, status_json, status_protobuf};
use super::body::{self, Compression};
use super::refusal::Refusal;
use super::{admit, remote_write, store};
use crate::service::Service;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub(super) fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
        Signal::Logs => "/v1/logs",
    }
}

/// Takes an export.
pub(super) async fn export(
    State((service, signal)): State<(Arc<Service>, Signal)>,
    request: Request,
) -> Response {
    let (taken, answer_in) = match encoding(request.headers()) {
        Ok(encoding) => (take(&service, signal, encoding, request).await, encoding),
        // what is not understood is answered in what most exporters do
        Err(refusal) => (Err(refusal), Encoding::Protobuf),
    };
    match taken {
        Ok(report) => accepted(&report, signal, answer_in),
        Err(refusal) => {
            super::refused(&service, signal, &refusal.status);
            refused(&refusal, answer_in)
        }
    }
}

async fn take(
    service: &Arc<Service>,
    signal: Signal,
    encoding: Encoding,
    request: Request,
) -> Result<IngestReport, Refusal> {
    let (head, body) = request.into_parts();
    let session = admit(service, &head.headers, &head.extensions, signal).await?;
    let compression = Compression::parse(text(&head.headers, header::CONTENT_ENCODING)?)?;
    let mut held = service.otlp.enter();
    let body = body::read(body, &mut held).await?;
    let decompress = move |held: &mut _| compression.decompress(body, held);
    store(service, session, signal, encoding, decompress, held).await
}

/// What is not there.
pub(super) async fn unknown(request: Request) -> Response {
    let message = format!(
        "no {}: OTLP is taken at POST /v1/traces, /v1/metrics and /v1/logs, and over gRPC; remote write of Prometheus at {}",
        request.uri().path(),
        remote_write::PATH
    );
    let encoding = encoding(request.headers()).unwrap_or(Encoding::Json);
    refused(&Refusal::of(StatusCode::NOT_FOUND, Code::Unimplemented, message), encoding)
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let given = text(headers, header::CONTENT_TYPE)?.unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    match kind.to_ascii_lowercase().as_str() {
        PROTOBUF | "application/protobuf" => Ok(Encoding::Protobuf),
        JSON => Ok(Encoding::Json),
        _ => Err(Refusal::of(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::InvalidArgument,
            format!("content-type must be {PROTOBUF} or {JSON}, got \"{kind}\""),
        )),
    }
}

pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let value = headers.get(&name).map(|value| value.to_str()).transpose();
    value.map_err(|_| Refusal::malformed(format!("the header {name} is no text")))
}

fn accepted(report: &IngestReport, signal: Signal, encoding: Encoding) -> Response {
    let response = answer::Response::new(report);
    match encoding {
        Encoding::Protobuf => page(StatusCode::OK, PROTOBUF, response.encode_to_vec()),
        Encoding::Json => page(StatusCode::OK, JSON, response.json(signal).to_string().into_bytes()),
    }
}

fn refused(refusal: &Refusal, encoding: Encoding) -> Response {
    let mut response = match encoding {
        Encoding::Protobuf => page(refusal.http, PROTOBUF, status_protobuf(refusal)),
        Encoding::Json => page(refusal.http, JSON, status_json(refusal).to_string().into_bytes()),
    };
    say_when(&mut response, refusal);
    response
}

/// Tells the caller when to come again, where that makes sense.
pub(super) fn say_when(response: &mut Response, refusal: &Refusal) {
    if let Some(delay) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, delay.as_secs().max(1).into());
    }
}

fn page(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], Body::from(body)).into_response()
}
