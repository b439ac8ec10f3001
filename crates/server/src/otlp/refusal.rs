//! Why a whole export was refused, as gRPC and as HTTP say it, and whether to try again.

use std::time::Duration;

use axum::http::StatusCode;
use driftline::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::{codes, status};

/// When an exporter may come again that found no room, or nobody.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// An export that was not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) http: StatusCode,
    /// `None`: the same request will fail again.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// A request that can never be taken.
    pub(super) fn of(http: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status: Status::new(code, message), http, retry_after: None }
    }

    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, Code::InvalidArgument, message)
    }

    pub(super) fn too_large(bytes_max: u64) -> Self {
        let message = format!(
            "a request has at most {bytes_max} bytes, decompressed (otlp_request_max): send smaller batches"
        );
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, message)
    }

    pub(super) fn no_room() -> Self {
        Self::retryable(
            StatusCode::SERVICE_UNAVAILABLE,
            Status::unavailable("requests under way take all memory for them (otlp_memory): try again"),
        )
    }

    pub(super) fn unexpected() -> Self {
        Self::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Internal,
            "the export ended unexpectedly: the log of the server says more",
        )
    }

    fn retryable(http: StatusCode, status: Status) -> Self {
        Self { status, http, retry_after: Some(RETRY_DELAY) }
    }

    /// The status for gRPC, which says in its details when to come again.
    pub(super) fn into_status(self) -> Status {
        let Some(delay) = self.retry_after else { return self.status };
        let details = ErrorDetails::with_retry_info(Some(delay));
        Status::with_error_details(self.status.code(), self.status.message(), details)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (_, http) = codes(error.kind());
        Self::new(http, status(error))
    }
}

/// A refusal of the server itself: of a credential, a right, a connection too many, or a server that ends.
impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let http = match status.code() {
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(http, status)
    }
}

impl Refusal {
    fn new(http: StatusCode, status: Status) -> Self {
        match status.code() {
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted => {
                Self::retryable(http, status)
            }
            _ => Self { status, http, retry_after: None },
        }
    }
}
