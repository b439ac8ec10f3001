//! How errors leave the server: one table maps every [`ErrorKind`] to a code of gRPC and a status of HTTP.

use axum::http::StatusCode;
use driftline::{Error, ErrorKind};
use tonic::{Code, Status};

/// Bytes of a message, at most: it travels in the trailers of HTTP/2, for which clients hold 8 KiB.
const MESSAGE_BYTES_MAX: usize = 3 << 10;

/// What a kind of error is on the wire.
pub(crate) fn codes(kind: ErrorKind) -> (Code, StatusCode) {
    match kind {
        ErrorKind::Invalid => (Code::InvalidArgument, StatusCode::BAD_REQUEST),
        ErrorKind::NotFound => (Code::NotFound, StatusCode::NOT_FOUND),
        ErrorKind::AlreadyExists => (Code::AlreadyExists, StatusCode::CONFLICT),
        ErrorKind::Conflict => (Code::Aborted, StatusCode::CONFLICT),
        ErrorKind::PermissionDenied => (Code::PermissionDenied, StatusCode::FORBIDDEN),
        ErrorKind::Unavailable | ErrorKind::Closed => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        ErrorKind::ResourceExhausted => (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS),
        ErrorKind::DeadlineExceeded => (Code::DeadlineExceeded, StatusCode::GATEWAY_TIMEOUT),
        ErrorKind::Cancelled => (Code::Cancelled, StatusCode::CONFLICT),
        ErrorKind::Corrupted => (Code::DataLoss, StatusCode::INTERNAL_SERVER_ERROR),
        ErrorKind::Internal => (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// An error of the database as the answer to a call. Its message is a sentence; what lies below it is for the log.
pub(crate) fn status(error: Error) -> Status {
    let (code, _) = codes(error.kind());
    if matches!(code, Code::Internal | Code::DataLoss) {
        tracing::error!(error = ?error, "a call failed");
    }
    Status::new(code, short(&error.to_string()))
}

/// An error of Arrow's own as the answer to a call.
pub(crate) fn arrow_status(error: driftline::arrow::error::ArrowError) -> Status {
    status(error.into())
}

/// A message that fits into trailers.
pub(crate) fn short(message: &str) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message.to_owned();
    }
    format!("{} ...", &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)])
}

#[cfg(test)]
mod tests;
