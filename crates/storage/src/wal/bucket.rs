//! The log in a bucket: one object a sync.
//!
//! What is appended is gathered in memory; a sync creates the object, by put-if-absent. Nothing is ever changed, so there is
//! nothing to cut or to sync again.
//!
//! The log is written by a thread and read by others, all of which may wait; the store wants a runtime. It has one of its
//! own, of one thread, so that nobody waits for a runtime that waits for him: a database may be opened, used and dropped on
//! a runtime of a single thread. A client of the store keeps its connections on the runtime that made them: the log
//! should have a client of its own.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::runtime::{Builder, Runtime};

use super::log::EXTENSION;
use super::{LogFile, LogLayout, LogRead, LogStore};
use crate::paths;

/// The most objects that are fetched before they are asked for.
const AHEAD_MAX: usize = 16;
/// The most bytes that they have; one object may be larger.
const AHEAD_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Log files as objects of a store, below `wal/`. All of them lie in its root; of several writers that append behind the same
/// position one succeeds.
pub struct BucketLog {
    io: Arc<Io>,
    ahead: Mutex<Ahead>,
}

/// The store, and where its requests run.
struct Io {
    store: Arc<dyn ObjectStore>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// What is read is read in order: the next objects are fetched meanwhile.
#[derive(Default)]
struct Ahead {
    /// Names and lengths behind those that were fetched, in order.
    listed: VecDeque<(String, u64)>,
    fetching: VecDeque<Fetch>,
}

struct Fetch {
    name: String,
    bytes: u64,
    fetched: mpsc::Receiver<object_store::Result<Bytes>>,
}

impl BucketLog {
    /// Takes the log of a store.
    ///
    /// # Errors
    /// Of the system, which gives no thread.
    pub fn new(store: Arc<dyn ObjectStore>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("driftline-wal-io")
            .enable_all()
            .build()?;
        Ok(Self { io: Arc::new(Io { store, runtime: Some(runtime) }), ahead: Mutex::default() })
    }

    fn fetch(&self, name: &str, bytes: u64) -> Fetch {
        let (store, path) = (Arc::clone(&self.io.store), path(name));
        let get = async move { store.get(&path).await?.bytes().await };
        Fetch { name: name.to_owned(), bytes, fetched: self.io.start(get) }
    }

    /// Takes the fetch of an object that was begun, or begins it, and those of the next ones.
    fn take_fetch(&self, name: &str) -> Fetch {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = match ahead.fetching.front() {
            Some(fetch) if fetch.name == name => ahead.fetching.pop_front(),
            _ => None,
        };
        let wanted = wanted.unwrap_or_else(|| {
            ahead.fetching.clear();
            // another reader may be further on: only what lies behind is of use
            while ahead.listed.front().is_some_and(|(listed, _)| listed.as_str() <= name) {
                ahead.listed.pop_front();
            }
            self.fetch(name, 0)
        });
        let mut bytes: u64 = ahead.fetching.iter().map(|fetch| fetch.bytes).sum();
        while ahead.fetching.len() < AHEAD_MAX
            && let Some((next, len)) = ahead.listed.pop_front_if(|(_, len)| bytes + *len <= AHEAD_BYTES_MAX)
        {
            bytes += len;
            let fetch = self.fetch(&next, len);
            ahead.fetching.push_back(fetch);
        }
        wanted
    }
}

impl LogStore for BucketLog {
    fn layout(&self) -> LogLayout {
        LogLayout::Objects
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(Unwritten { io: Arc::clone(&self.io), path: path(name), bytes: Vec::new() }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.sizes()?.into_iter().map(|(name, _)| name).collect())
    }

    fn sizes(&self) -> io::Result<Vec<(String, u64)>> {
        let store = Arc::clone(&self.io.store);
        let listed = self.io.wait(async move {
            store.list(Some(&Path::from(paths::WAL_DIR))).try_collect::<Vec<_>>().await
        })?;
        let objects = listed.into_iter().filter_map(|object| {
            let name = object.location.filename()?;
            name.ends_with(EXTENSION).then(|| (name.to_owned(), object.size))
        });
        let mut sizes: Vec<(String, u64)> = objects.collect();
        sizes.sort_unstable();
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = Ahead { listed: sizes.iter().cloned().collect(), fetching: VecDeque::new() };
        Ok(sizes)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        let fetched = self.take_fetch(name).fetched.recv().map_err(|_| stopped())?;
        Ok(Box::new(Cursor::new(fetched.map_err(into_io)?)))
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        let (store, path) = (Arc::clone(&self.io.store), path(name));
        self.io.wait(async move { store.head(&path).await.map(|object| object.size) })
    }

    fn truncate(&self, name: &str, _len: u64) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("wal/{name} is an object: it is never cut")))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (store, path) = (Arc::clone(&self.io.store), path(name));
        self.io.wait(async move { store.delete(&path).await })
    }

    /// Removes them together: a flush makes hundreds of objects free. Gaps among them are of no account, for nobody reads
    /// what a root has passed.
    fn remove_all(&self, names: &[&str]) -> (usize, io::Result<()>) {
        if names.is_empty() {
            return (0, Ok(()));
        }
        let store = Arc::clone(&self.io.store);
        let paths: Vec<Path> = names.iter().map(|name| path(name)).collect();
        let removed = self.io.wait(async move {
            let mut deletes = store.delete_stream(futures::stream::iter(paths).map(Ok).boxed());
            while let Some(deleted) = deletes.next().await {
                match deleted {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
        (if removed.is_ok() { names.len() } else { 0 }, removed)
    }
}

impl fmt::Debug for BucketLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketLog({})", self.io.store)
    }
}

impl Io {
    /// Starts a request; its answer comes through the channel.
    fn start<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> mpsc::Receiver<object_store::Result<T>> {
        let (answer, answered) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.runtime {
            // who no longer waits needs no answer
            runtime.spawn(async move { drop(answer.send(request.await)) });
        }
        answered
    }

    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        self.start(request).recv().map_err(|_| stopped())?.map_err(into_io)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // without waiting: it may be dropped where nobody may wait
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An object that is being gathered.
struct Unwritten {
    io: Arc<Io>,
    path: Path,
    bytes: Vec<u8>,
}

impl LogFile for Unwritten {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let (store, path) = (Arc::clone(&self.io.store), self.path.clone());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.io.wait(async move { store.put_opts(&path, bytes.into(), options).await.map(drop) })
    }
}

fn path(name: &str) -> Path {
    Path::from(format!("{}/{name}", paths::WAL_DIR))
}

fn stopped() -> io::Error {
    io::Error::other("the requests of the log stopped")
}

/// Keeps what callers act on.
fn into_io(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests;
