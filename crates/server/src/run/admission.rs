//! How many connections there are. Those past the limit are told so at their first call; past twice the limit none is taken on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::Status;
use tonic::transport::server::Connected;

/// How long to wait after a connection could not be taken on: most often files have run out, and some will be closed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the two sides have to agree on TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Connections that agree on TLS at the same time.
const HANDSHAKES_MAX: usize = 256;

/// How long a connection that came to nothing is still read from, if the other side does not close it.
const LINGER_MAX: Duration = Duration::from_secs(1);

/// The count of connections.
#[derive(Clone)]
pub(crate) struct Admission {
    /// Twice as many as may be answered.
    places: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
    answered_max: usize,
}

/// Whether the calls of a connection are answered.
#[derive(Clone, Copy)]
pub(crate) struct Admitted {
    is_answered: bool,
    answered_max: usize,
}

impl Admission {
    pub(crate) fn new(answered_max: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(answered_max * 2)), open: Arc::default(), answered_max }
    }

    /// Fails for a call on a connection past the limit.
    pub(crate) fn check(connection: Option<&Admitted>) -> Result<(), Status> {
        match connection {
            Some(Admitted { is_answered: false, answered_max }) => Err(Status::unavailable(format!(
                "the server has its limit of {answered_max} connections: try again when one is closed"
            ))),
            _ => Ok(()),
        }
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The connections of a listener as they come, with TLS where there is an acceptor.
    pub(crate) fn connections(
        &self,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
    ) -> impl Stream<Item = std::io::Result<Connection>> + Send + use<> {
        let accepted =
            futures::stream::unfold((self.clone(), listener), |(admission, listener)| async move {
                Some((admission.accept(&listener).await?, (admission, listener)))
            });
        accepted
            .map(move |(stream, admitted, place)| secure(stream, tls.clone(), admitted, place))
            .buffer_unordered(HANDSHAKES_MAX)
            .filter_map(|connection| std::future::ready(connection.map(Ok)))
    }

    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, Admitted, Place)> {
        let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(error) => {
                    tracing::error!(%error, "a connection could not be taken on");
                    let _ = timeout(PAUSE, std::future::pending::<()>()).await;
                }
            }
        };
        // small answers shall not wait for more
        let _ = stream.set_nodelay(true);
        let is_answered = self.open.fetch_add(1, Ordering::SeqCst) < self.answered_max;
        let place = Place { _permit: permit, open: Arc::clone(&self.open) };
        Some((stream, Admitted { is_answered, answered_max: self.answered_max }, place))
    }
}

/// Agrees on TLS, if there is to be any. `None`: that came to nothing.
async fn secure(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    admitted: Admitted,
    place: Place,
) -> Option<Connection> {
    let stream = match tls {
        None => Either::Left(stream),
        Some(tls) => match timeout(HANDSHAKE_MAX, tls.accept(stream).into_fallible()).await {
            Ok(Ok(stream)) => Either::Right(Box::new(stream)),
            Ok(Err((error, stream))) => {
                tracing::info!(%error, "a connection did not agree on TLS");
                linger(stream).await;
                return None;
            }
            Err(_) => return None,
        },
    };
    Some(Connection { stream, admitted, _place: place })
}

/// Closes a connection so that the other side hears why. Were it closed with bytes unread, the next write of the other side would fail
/// before it reads that, for example, TLS wants its certificate.
async fn linger(mut stream: TcpStream) {
    let farewell = async {
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // whatever goes wrong, the connection is closed
    let _ = timeout(LINGER_MAX, farewell).await;
}

/// A connection that counts until it is dropped.
pub(crate) struct Connection {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    admitted: Admitted,
    _place: Place,
}

struct Place {
    _permit: OwnedSemaphorePermit,
    open: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Connected for Connection {
    type ConnectInfo = Admitted;

    fn connect_info(&self) -> Admitted {
        self.admitted
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
