//! From settings to listening doors, and back to none.

mod admission;
mod tls;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use driftline::storage::SystemClock;
use driftline::{Database, Error, ErrorKind, Result};
use futures::TryFutureExt;
use futures::future::try_join_all;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;
use tonic::transport::Server as Transport;

use crate::access::{Access, CurrentUsers};
use crate::config::Settings;
use crate::flight::Flight;
use crate::service::{AbortOnDrop, Phase, Service};
use crate::{alerts, http, otlp};

pub(crate) use admission::Admission;

/// Bytes of a message from a client, at most: a batch of an ingest.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Calls at the same time on one connection.
const CALLS_PER_CONNECTION_MAX: u32 = 256;

/// How often a silent connection is asked whether it is there, and how long it has to answer. Proxies cut what is silent for long.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long callers have to hear that the end of the server cut them short.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Threads for queries, at least and for every core: more than cores, because an expression or a plan computes for long without a pause,
/// and then the system shares the cores among threads where we cannot.
const QUERY_THREADS_MIN: usize = 16;
const QUERY_THREADS_PER_CORE: usize = 4;

/// The stack of such a thread: planners and expressions are recursive. Memory that is not touched costs nothing.
const QUERY_STACK_BYTES: usize = 16 << 20;

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
/// let mut settings = Settings::parse("flight_addr = '127.0.0.1:0'\nhttp_addr = '127.0.0.1:0'")?;
/// settings.otlp_grpc_addr = "127.0.0.1:0".parse()?;
/// settings.otlp_http_addr = "off".parse()?;
/// let server = Server::bind(database.clone(), settings).await?;
/// assert_eq!(server.addresses().map(|(door, _)| door).collect::<Vec<_>>(), ["flight", "otlp-grpc", "http"]);
/// server.run(async { /* until this ends */ }).await?;
/// database.close().await?;
/// # Ok::<(), driftline::Error>(()) }).unwrap();
/// ```
pub struct Server {
    pub(crate) service: Arc<Service>,
    calls: Vec<Door>,
    pages: (TcpListener, SocketAddr),
    tls: Option<TlsAcceptor>,
    queries: QueryRuntime,
}

/// An open door for callers.
struct Door {
    name: &'static str,
    listener: TcpListener,
    address: SocketAddr,
    routes: Routes,
    /// Whether it speaks HTTP/1.1, too.
    accepts_http1: bool,
}

impl Server {
    /// Opens the doors.
    ///
    /// # Errors
    /// `Invalid` for settings that do not fit together, a damaged file of users or certificate, `Unavailable` for an address that is
    /// taken or a file that cannot be read.
    pub async fn bind(database: Database, settings: Settings) -> Result<Self> {
        settings.validate()?;
        tls::provide_cryptography();
        if let Some(doubt) = settings.doubt() {
            tracing::warn!("{doubt}");
        }
        let users = settings.users.as_deref().map(CurrentUsers::open).transpose()?;
        let clock = Arc::new(SystemClock::new());
        let access = Access::new(users, settings.anonymous_role(), settings.session_lifetime, clock);
        let tls = tls::acceptor(&settings)?;
        let queries = QueryRuntime::new()?;
        let (flight, http) = (settings.flight_addr, settings.http_addr);
        let otlp = [("otlp-grpc", settings.otlp_grpc_addr), ("otlp-http", settings.otlp_http_addr)];
        let service = Arc::new(Service::new(database, settings, access, queries.handle()));
        let mut calls = vec![Door::open("flight", flight, flight_routes(&service), false).await?];
        for (name, at) in otlp {
            if let Some(address) = at.address() {
                let routes = otlp::router(&service).into();
                calls.push(Door::open(name, address, routes, true).await?);
            }
        }
        let pages = listen(http).await?;
        Ok(Self { service, calls, pages, tls, queries })
    }

    /// The doors and where they are: `flight`, `otlp-grpc` and `otlp-http` for callers, `http` with the pages for machines that watch.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let calls = self.calls.iter().map(|door| (door.name, door.address));
        calls.chain([("http", self.pages.1)])
    }

    /// Answers until `stop` ends; then takes no more calls and gives those that run the time of `shutdown_grace`. The pages for machines
    /// that watch are there until the last call has its answer.
    ///
    /// # Errors
    /// `Unavailable` when a door fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self { service, calls, pages, tls, queries } = self;
        let alerts = AbortOnDrop(tokio::spawn(alerts::run(Arc::clone(&service))));
        let calls = calls.into_iter().map(|door| door.serve(&service, tls.clone()));
        let mut calls = std::pin::pin!(try_join_all(calls).map_ok(drop));
        let (leave, left) = oneshot::channel::<()>();
        let pages = axum::serve(pages.0, http::router(Arc::clone(&service))).with_graceful_shutdown(async {
            // without a sender it is over, too
            let _ = left.await;
        });
        let mut pages = std::pin::pin!(async { pages.await.map_err(|error| failed(&error)) });
        tokio::select! {
            ended = &mut calls => return ended,
            ended = &mut pages => return ended,
            () = stop => {}
        }
        let ended = tokio::select! {
            ended = last_calls(&service, calls) => ended,
            ended = &mut pages => return ended,
        };
        drop(alerts);
        drop(queries);
        drop(leave);
        let _ = timeout(FAREWELL_MAX, pages).await;
        ended
    }
}

impl Door {
    async fn open(
        name: &'static str,
        wanted: SocketAddr,
        routes: Routes,
        accepts_http1: bool,
    ) -> Result<Self> {
        let (listener, address) = listen(wanted).await?;
        Ok(Self { name, listener, address, routes, accepts_http1 })
    }

    /// Answers calls until no more are taken and those that run have ended.
    async fn serve(self, service: &Service, tls: Option<TlsAcceptor>) -> Result<()> {
        let connections = service.admission.connections(self.listener, tls);
        Transport::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(Some(CALLS_PER_CONNECTION_MAX))
            .accept_http1(self.accepts_http1)
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(Box::pin(connections), service.reached(Phase::Stopping))
            .await
            .map_err(|error| failed(&error))
    }
}

fn flight_routes(service: &Arc<Service>) -> Routes {
    let flight = FlightServiceServer::new(Flight::new(Arc::clone(service)))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(usize::MAX);
    Routes::new(flight)
}

/// Takes no more calls, lets those that run end by themselves for a while, and then cuts them short.
async fn last_calls(service: &Service, mut calls: Pin<&mut impl Future<Output = Result<()>>>) -> Result<()> {
    service.enter(Phase::Stopping);
    let grace = service.settings.shutdown_grace;
    if let Ok(ended) = timeout(grace, calls.as_mut()).await {
        return ended;
    }
    tracing::warn!(?grace, "calls that still ran were ended");
    service.enter(Phase::Ending);
    timeout(FAREWELL_MAX, calls).await.unwrap_or(Ok(()))
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.addresses()).finish()
    }
}

/// Threads for queries alone: a query computes for long without a pause, and connections must be answered meanwhile.
struct QueryRuntime(Option<Runtime>);

impl QueryRuntime {
    fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let runtime = Builder::new_multi_thread()
            .thread_name("driftline-query")
            .worker_threads(QUERY_THREADS_MIN.max(QUERY_THREADS_PER_CORE * cores))
            .thread_stack_size(QUERY_STACK_BYTES)
            .enable_all()
            .build();
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

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("cannot listen on {wanted}: {error}")).with_source(error)
    })?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    Ok((listener, address))
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("a door of the server failed: {error}"))
}
