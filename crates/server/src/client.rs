//! A client of the same protocol, for the command line: one connection, statements one after the other.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::FlightDescriptor;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use driftline::{Error, ErrorKind, Result};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use prost::Message;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

/// How a client shows who it is.
pub enum Credentials {
    /// Not at all.
    Nothing,
    /// With a token that was made for it.
    Token(String),
    /// With a password, once.
    Password {
        /// The name of the user.
        user: String,
        /// Its password.
        password: String,
    },
}

/// A connection to a server.
///
/// # Example
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use driftline_server::{Client, Credentials};
/// use futures::TryStreamExt;
/// let client = Client::connect("grpc://127.0.0.1:32010", Credentials::Nothing, None).await?;
/// let batches: Vec<_> = client.sql("SELECT count(*) FROM spans").await?.try_collect().await?;
/// # Ok::<(), driftline::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    inner: FlightServiceClient<Channel>,
    headers: MetadataMap,
    /// The address, where there is no TLS on the way to it.
    plain_url: Option<String>,
}

impl Client {
    /// Connects to `grpc://host:port`, or `grpcs://host:port` with TLS, whose authority is a file in PEM.
    ///
    /// # Errors
    /// `Invalid` for another address, `Unavailable` where nobody answers, `PermissionDenied` for a credential that is wrong.
    pub async fn connect(url: &str, credentials: Credentials, authority: Option<&Path>) -> Result<Self> {
        let channel = endpoint(url, authority)?.connect().await.map_err(|error| {
            let reason =
                std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
            Error::new(ErrorKind::Unavailable, format!("no server answers at {url}{reason}"))
                .with_source(error)
        })?;
        let plain_url = (!url.starts_with("grpcs") && !url.starts_with("grpc+tls")).then(|| url.to_owned());
        let inner = FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        let mut client = Self { inner, headers: MetadataMap::new(), plain_url };
        client.headers.insert("driftline-types", AsciiMetadataValue::from_static("arrow"));
        match credentials {
            Credentials::Nothing => {}
            Credentials::Token(token) => {
                client.headers.insert("authorization", header(format!("Bearer {token}"))?);
            }
            Credentials::Password { user, password } => client.sign_in(&user, &password).await?,
        }
        Ok(client)
    }

    async fn sign_in(&mut self, user: &str, password: &str) -> Result<()> {
        let mut request = Request::new(futures::stream::empty());
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        request.metadata_mut().insert("authorization", header(format!("Basic {pair}"))?);
        let response = self.inner.clone().handshake(request).await;
        let response = response.map_err(|status| self.failed(status))?;
        let missing = || Error::new(ErrorKind::Internal, "the server answered the handshake without a token");
        let token = response.metadata().get("authorization").cloned().ok_or_else(missing)?;
        self.headers.insert("authorization", token);
        Ok(())
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// What the server says, of the kind that it has there.
    pub async fn sql(&self, sql: &str) -> Result<Answer> {
        let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let mut inner = self.inner.clone();
        let info = inner.get_flight_info(self.request(descriptor)).await;
        let info = info.map_err(|status| self.failed(status))?.into_inner();
        let ticket = info.endpoint.first().and_then(|endpoint| endpoint.ticket.clone());
        let ticket = ticket.ok_or_else(|| Error::new(ErrorKind::Internal, "the server sent no ticket"))?;
        let schema: Schema = info.try_decode_schema()?;
        let messages = inner.do_get(self.request(ticket)).await.map_err(error)?.into_inner();
        let batches = FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
        let batches = batches.map_err(|failed| match failed {
            FlightError::Tonic(status) => error(*status),
            other => Error::new(ErrorKind::Internal, format!("the answer cannot be read: {other}")),
        });
        Ok(Answer { schema: schema.into(), batches: batches.boxed() })
    }

    /// What a first call fails with: the server's words, or those of whatever stands in its place.
    fn failed(&self, status: Status) -> Error {
        match &self.plain_url {
            // what a server says has no cause here
            Some(url) if std::error::Error::source(&status).is_some() => {
                let message = format!(
                    "the connection to {url} failed ({}): a server that has a certificate is named as grpcs://HOST:PORT",
                    status.message()
                );
                Error::new(ErrorKind::Unavailable, message).with_source(status)
            }
            _ => error(status),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.headers.clone();
        request
    }
}

/// The rows that a server answers.
pub struct Answer {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch>>,
}

impl Answer {
    /// The columns of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

impl Stream for Answer {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

fn endpoint(url: &str, authority: Option<&Path>) -> Result<Endpoint> {
    let invalid = |reason: &str| {
        let message =
            format!("a server is named as grpc://HOST:PORT or grpcs://HOST:PORT, got \"{url}\"{reason}");
        Error::new(ErrorKind::Invalid, message)
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid(""))?;
    let is_secure = match scheme {
        "grpc" | "grpc+tcp" => false,
        "grpcs" | "grpc+tls" => true,
        _ => return Err(invalid("")),
    };
    let scheme = if is_secure { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{rest}")).map_err(|_| invalid(""))?;
    match (is_secure, authority) {
        (false, None) => Ok(endpoint),
        (false, Some(_)) => Err(invalid(": an authority belongs to grpcs")),
        (true, None) => Err(invalid(": grpcs needs the authority that signed the server's certificate")),
        (true, Some(path)) => {
            let pem = std::fs::read(path).map_err(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                Error::new(ErrorKind::Unavailable, message).with_source(error)
            })?;
            let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
            endpoint.tls_config(config).map_err(|error| {
                let message = format!("{} holds no certificate", path.display());
                Error::new(ErrorKind::Invalid, message).with_source(error)
            })
        }
    }
}

fn header(text: String) -> Result<AsciiMetadataValue> {
    text.parse().map_err(|_| {
        Error::new(ErrorKind::Invalid, "the credential has characters that a header cannot hold")
    })
}

/// An answer of the server as an error of the kind that it has there.
fn error(status: Status) -> Error {
    let kind = match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented | Code::FailedPrecondition => {
            ErrorKind::Invalid
        }
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::Aborted => ErrorKind::Conflict,
        Code::PermissionDenied | Code::Unauthenticated => ErrorKind::PermissionDenied,
        Code::Unavailable => ErrorKind::Unavailable,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        Code::Cancelled => ErrorKind::Cancelled,
        Code::DataLoss => ErrorKind::Corrupted,
        Code::Ok | Code::Unknown | Code::Internal => ErrorKind::Internal,
    };
    Error::new(kind, status.message())
}

#[cfg(test)]
mod tests;
