//! How many connections there are. Those past the limit are told so at their first call; past twice the limit none is taken on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::transport::server::Connected;
use tonic::{Extensions, Status};

/// How long to wait after a connection could not be taken on: most often files have run out, and some will be closed.
const PAUSE: Duration = Duration::from_millis(100);

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
    pub(crate) fn check(extensions: &Extensions) -> Result<(), Status> {
        match extensions.get::<Admitted>() {
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

    /// The connections of a listener as they come.
    pub(crate) fn connections(
        &self,
        listener: TcpListener,
    ) -> impl Stream<Item = std::io::Result<Connection>> + Send + 'static {
        futures::stream::unfold((self.clone(), listener), |(admission, listener)| async move {
            let place = Arc::clone(&admission.places).acquire_owned().await.ok()?;
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
            let is_answered = admission.open.fetch_add(1, Ordering::SeqCst) < admission.answered_max;
            let place = Place { _permit: place, open: Arc::clone(&admission.open) };
            let admitted = Admitted { is_answered, answered_max: admission.answered_max };
            Some((Ok(Connection { stream, admitted, _place: place }), (admission, listener)))
        })
    }
}

/// A connection that counts until it is dropped.
pub(crate) struct Connection {
    stream: TcpStream,
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
