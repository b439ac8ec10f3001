//! From settings to listening doors, and back to none.

mod admission;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use driftline::storage::SystemClock;
use driftline::{Database, Error, ErrorKind, Result};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::transport::Server as Transport;

use crate::access::{Access, CurrentUsers};
use crate::config::Settings;
use crate::flight::Flight;
use crate::http;
use crate::service::Service;

pub(crate) use admission::Admission;

/// Bytes of a message from a client, at most: a batch of an ingest.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Calls at the same time on one connection.
const CALLS_PER_CONNECTION_MAX: u32 = 256;

/// How often a silent connection is asked whether it is there, and how long it has to answer. Proxies cut what is silent for long.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A server whose doors are open, and which answers as soon as it runs.
///
/// # Example
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let directory = tempfile::tempdir().unwrap();
/// use driftline::Database;
/// use driftline_server::{Server, Settings};
///
/// let database = Database::open(directory.path()).await?;
/// let settings = Settings::parse("flight_addr = '127.0.0.1:0'\nhttp_addr = '127.0.0.1:0'")?;
/// let server = Server::bind(database.clone(), settings).await?;
/// assert_ne!(server.flight_addr().port(), 0);
/// server.run(async { /* until this ends */ }).await?;
/// database.close().await?;
/// # Ok::<(), driftline::Error>(()) }).unwrap();
/// ```
pub struct Server {
    service: Arc<Service>,
    flight: TcpListener,
    http: TcpListener,
    addresses: (SocketAddr, SocketAddr),
    transport: Transport,
    queries: QueryRuntime,
}

impl Server {
    /// Opens the doors.
    ///
    /// # Errors
    /// `Invalid` for settings that do not fit together, a damaged file of users or certificate, `Unavailable` for an address that is
    /// taken or a file that cannot be read.
    pub async fn bind(database: Database, settings: Settings) -> Result<Self> {
        settings.validate()?;
        let users = settings.users.as_deref().map(CurrentUsers::open).transpose()?;
        let clock = Arc::new(SystemClock::new());
        let access = Access::new(users, settings.anonymous_role(), settings.session_lifetime, clock);
        let transport = tls::transport(&settings)?
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(Some(CALLS_PER_CONNECTION_MAX));
        let (flight, http) = (listen(settings.flight_addr).await?, listen(settings.http_addr).await?);
        let addresses = (address(&flight)?, address(&http)?);
        let queries = QueryRuntime::new()?;
        let service = Arc::new(Service::new(database, settings, access, queries.handle()));
        Ok(Self { service, flight, http, addresses, transport, queries })
    }

    /// Where Flight SQL listens.
    pub fn flight_addr(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Where the pages for machines that watch are.
    pub fn http_addr(&self) -> SocketAddr {
        self.addresses.1
    }

    /// Answers until `stop` ends; then takes no more calls and gives those that run the time of `shutdown_grace`.
    ///
    /// # Errors
    /// `Unavailable` when a door fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self { service, flight, http, mut transport, queries, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let wait = |mut stopped: watch::Receiver<bool>| async move {
            // without a sender it is over, too
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let connections = service.admission.connections(flight);
        let flight = FlightServiceServer::new(Flight::new(Arc::clone(&service)))
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(usize::MAX);
        let flight =
            transport.add_service(flight).serve_with_incoming_shutdown(connections, wait(stopped.clone()));
        let pages = http::router(Arc::clone(&service));
        let pages = axum::serve(http, pages).with_graceful_shutdown(wait(stopped));
        let mut doors = std::pin::pin!(async {
            let flight = async { flight.await.map_err(|error| failed(&error)) };
            let pages = async { pages.await.map_err(|error| failed(&error)) };
            tokio::try_join!(flight, pages).map(|_| ())
        });
        tokio::select! {
            ended = &mut doors => return ended,
            () = stop => {}
        }
        service.stop();
        let _ = stopping.send(true);
        let grace = service.settings.shutdown_grace;
        let ended = timeout(grace, doors).await.unwrap_or_else(|_| {
            tracing::warn!(?grace, "calls that still ran were ended");
            Ok(())
        });
        drop(queries);
        ended
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Threads for queries alone: a query computes for long without a pause, and connections must be answered meanwhile.
struct QueryRuntime(Option<Runtime>);

impl QueryRuntime {
    fn new() -> Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("driftline-query").enable_all().build();
        let runtime = runtime.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("cannot start threads: {error}")).with_source(error)
        })?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().expect("it is taken when dropped").handle().clone()
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        // waiting for threads is not allowed where this is dropped
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

async fn listen(wanted: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(wanted).await.map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("cannot listen on {wanted}: {error}")).with_source(error)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|error| failed(&error))
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("a door of the server failed: {error}"))
}
