//! The bytes of requests: read, counted and decompressed within bounds.
//!
//! All requests under way share one count of bytes. A request takes its share as its bytes arrive, and as they grow when they are
//! decompressed; it gives all of it back when its rows are stored, or when it comes to nothing.

use std::io::Read;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status};

use super::refusal::Refusal;

/// The count goes in steps of this many bytes.
const STEP_BYTES: u64 = 1 << 10;

/// How much is decompressed before the count is asked for more.
const CHUNK_BYTES: usize = 256 << 10;

/// Memory for all requests under way.
#[derive(Clone)]
pub(crate) struct Room {
    steps: Arc<Semaphore>,
    steps_max: usize,
    request_bytes_max: u64,
}

/// What one request has of it.
pub(super) struct Held {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

impl Room {
    pub(crate) fn new(bytes_max: u64, request_bytes_max: u64) -> Self {
        let steps = usize::try_from(bytes_max.div_ceil(STEP_BYTES)).unwrap_or(usize::MAX);
        let steps_max = steps.min(Semaphore::MAX_PERMITS);
        Self { steps: Arc::new(Semaphore::new(steps_max)), steps_max, request_bytes_max }
    }

    pub(super) fn enter(&self) -> Held {
        Held { room: self.clone(), permit: None, bytes: 0 }
    }

    /// What all requests have of it together.
    pub(crate) fn held_bytes(&self) -> u64 {
        (self.steps_max - self.steps.available_permits()) as u64 * STEP_BYTES
    }

    pub(super) fn request_bytes_max(&self) -> u64 {
        self.request_bytes_max
    }
}

impl Held {
    /// Takes more.
    ///
    /// # Errors
    /// A refusal that asks the exporter to come again, where others have it all.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let before = self.bytes.div_ceil(STEP_BYTES);
        self.bytes += bytes as u64;
        let steps =
            u32::try_from(self.bytes.div_ceil(STEP_BYTES) - before).map_err(|_| Refusal::no_room())?;
        let more =
            Arc::clone(&self.room.steps).try_acquire_many_owned(steps).map_err(|_| Refusal::no_room())?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }

    /// Takes what is missing to as much as this.
    ///
    /// # Errors
    /// As [`grow`](Self::grow).
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        match bytes.checked_sub(usize::try_from(self.bytes).unwrap_or(usize::MAX)) {
            Some(more) => self.grow(more),
            None => Ok(()),
        }
    }

    fn too_large(&self) -> Refusal {
        Refusal::too_large(self.room.request_bytes_max)
    }
}

/// Reads a body to its end.
///
/// # Errors
/// A refusal where it is too large or there is no room; `InvalidArgument` where it breaks off.
pub(super) async fn read(body: Body, held: &mut Held) -> Result<Bytes, Refusal> {
    let most = held.room.request_bytes_max;
    // only what arrives is counted, and only what is written takes memory
    let announced = body.size_hint().exact().unwrap_or(0).min(most);
    let mut read = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
    let mut body = std::pin::pin!(body);
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| Refusal::malformed(format!("the body breaks off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if (read.len() + data.len()) as u64 > most {
            return Err(held.too_large());
        }
        held.grow(data.len())?;
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
    /// The block format, which says at its start how large it becomes.
    Snappy,
}

impl Compression {
    /// The value of the header `content-encoding` of an export.
    pub(super) fn parse(header: Option<&str>) -> Result<Self, Refusal> {
        match header.unwrap_or("identity").trim().to_ascii_lowercase().as_str() {
            "identity" | "" | "none" => Ok(Self::None),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            other => Err(Refusal::of(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::InvalidArgument,
                format!("content-encoding must be gzip, zstd or identity, got \"{other}\""),
            )),
        }
    }

    /// Decompresses a body.
    ///
    /// # Errors
    /// A refusal where it becomes too large or there is no room; `InvalidArgument` where it is not what it says it is.
    pub(super) fn decompress(self, body: Bytes, held: &mut Held) -> Result<Bytes, Refusal> {
        let unreadable =
            |error: std::io::Error| Refusal::malformed(format!("the body is no {self:?}: {error}"));
        match self {
            Self::None => Ok(body),
            // an empty body is an empty request, compressed or not
            _ if body.is_empty() => Ok(body),
            Self::Gzip => inflate(MultiGzDecoder::new(body.as_ref()), held, unreadable),
            Self::Zstd => {
                let decoder = zstd::Decoder::with_buffer(body.as_ref()).map_err(unreadable)?;
                inflate(decoder, held, unreadable)
            }
            Self::Snappy => {
                let unreadable = |error: snap::Error| unreadable(error.into());
                let bytes = snap::raw::decompress_len(&body).map_err(unreadable)?;
                if bytes as u64 > held.room.request_bytes_max {
                    return Err(held.too_large());
                }
                held.grow(bytes)?;
                let whole = snap::raw::Decoder::new().decompress_vec(&body).map_err(unreadable)?;
                Ok(whole.into())
            }
        }
    }
}

fn inflate(
    decoder: impl Read,
    held: &mut Held,
    unreadable: impl Fn(std::io::Error) -> Refusal,
) -> Result<Bytes, Refusal> {
    let most = held.room.request_bytes_max;
    let mut decoder = decoder.take(most + 1);
    let mut whole = Vec::new();
    loop {
        held.grow(CHUNK_BYTES)?;
        let read = (&mut decoder).take(CHUNK_BYTES as u64).read_to_end(&mut whole).map_err(&unreadable)?;
        if whole.len() as u64 > most {
            return Err(held.too_large());
        }
        if read < CHUNK_BYTES {
            return Ok(whole.into());
        }
    }
}

/// A body that takes its share of the room as it is read, for a reader that is not ours.
pub(super) struct Counted {
    body: Body,
    held: Arc<Mutex<Held>>,
}

impl Counted {
    pub(super) fn new(body: Body, held: &Arc<Mutex<Held>>) -> Self {
        Self { body, held: Arc::clone(held) }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Poll::Ready(Some(Err(Status::cancelled(format!("the body breaks off: {error}")))));
            }
            None => return Poll::Ready(None),
        };
        if let Some(data) = frame.data_ref() {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(refusal) = held.grow(data.len()) {
                return Poll::Ready(Some(Err(refusal.into_status())));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
