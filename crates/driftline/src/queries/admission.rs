//! How many queries run at one time. The others wait in line; the line has an end, and so has the waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, ErrorKind, Result};

/// The way into the database for queries.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    queued: AtomicUsize,
    queries_max: usize,
    queued_max: usize,
    wait_max: Duration,
}

impl Admission {
    pub(crate) fn new(queries_max: usize, queued_max: usize, wait_max: Duration) -> Self {
        let places = Arc::new(Semaphore::new(queries_max));
        Self { places, queued: AtomicUsize::new(0), queries_max, queued_max, wait_max }
    }

    /// Waits for a place, in the order of coming.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _in_line = InLine::join(&self.queued, self.queued_max).ok_or_else(|| {
            let (running, waiting) = (self.queries_max, self.queued_max);
            unavailable(format!("{running} queries run and {waiting} wait: try again later"))
        })?;
        match timeout(self.wait_max, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(Error::new(ErrorKind::Closed, "the database is closed")),
            Err(_elapsed) => {
                let (running, waited) = (self.queries_max, humantime::format_duration(self.wait_max));
                Err(unavailable(format!(
                    "{running} queries run, and none was done within {waited}: try again later"
                )))
            }
        }
    }
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}

/// A place in the line, given back when it is dropped.
struct InLine<'a>(&'a AtomicUsize);

impl<'a> InLine<'a> {
    fn join(queued: &'a AtomicUsize, max: usize) -> Option<Self> {
        let grown = |length| (length < max).then_some(length + 1);
        queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).ok().map(|_| Self(queued))
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
