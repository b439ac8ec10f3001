//! OTLP/gRPC: the three `Export` calls.
//!
//! Messages are taken as bytes and decoded by the database: the ready-made decoder refuses all of a request for one bad item.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{Buf, BufMut, Bytes};
use driftline::{Encoding, Session, Signal};
use prost::Message;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};

use super::body::{Counted, Held};
use super::refusal::Refusal;
use super::{admit, answer, refused, store};
use crate::service::Service;

pub(super) fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// Takes an export.
pub(super) async fn export(
    State((service, signal)): State<(Arc<Service>, Signal)>,
    request: Request,
) -> Response<tonic::body::Body> {
    let session = match admit(&service, request.headers(), request.extensions(), signal).await {
        Ok(session) => session,
        Err(refusal) => {
            refused(&service, signal, &refusal.status);
            return refusal.into_status().into_http();
        }
    };
    let held = Arc::new(Mutex::new(service.otlp.enter()));
    let bytes_max = usize::try_from(service.otlp.request_bytes_max()).unwrap_or(usize::MAX);
    let request = request.map(|body| Counted::new(body, &held));
    let mut grpc = Grpc::new(Raw)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(bytes_max);
    let export = Export { service: Arc::clone(&service), session, signal, held };
    let response = grpc.unary(export, request).await;
    // the status of a call that went well comes behind its answer
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    let is_too_large = match status.code() {
        // of the ready-made decoder; exporters would send the message again and again
        Code::OutOfRange => true,
        // ours say when to come again
        Code::ResourceExhausted => status.details().is_empty(),
        _ => false,
    };
    if !is_too_large {
        refused(&service, signal, &status);
        return response;
    }
    let refusal = Refusal::too_large(service.otlp.request_bytes_max());
    refused(&service, signal, &refusal.status);
    refusal.into_status().into_http()
}

/// One call whose message is read.
struct Export {
    service: Arc<Service>,
    session: Session,
    signal: Signal,
    held: Arc<Mutex<Held>>,
}

impl UnaryService<Bytes> for Export {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (service, session, signal) = (Arc::clone(&self.service), self.session.clone(), self.signal);
        // what the body took is for this message now
        let fresh = service.otlp.enter();
        let mut held =
            std::mem::replace(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner), fresh);
        Box::pin(async move {
            let body = request.into_inner();
            held.grow_to(body.len()).map_err(Refusal::into_status)?;
            let stored = store(&service, session, signal, Encoding::Protobuf, move |_| Ok(body), held).await;
            let report = stored.map_err(Refusal::into_status)?;
            Ok(tonic::Response::new(answer::Response::new(&report).encode_to_vec()))
        })
    }
}

/// Messages as they lie on the wire.
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
