//! Blocks of objects kept on the local disk, so that what is read again comes from there.
//!
//! Only what never changes is kept: segments and deletion vectors, whose names are used once. A block is a mebibyte of an object
//! in a file of its own, with a checksum behind it. A file that is damaged, cut short or gone is no error: it is dropped, and
//! the block is read from the store again. So is every failure to write one. What was used longest ago goes when the limit is
//! reached, and what is removed from the store through this cache goes at once. A process that opens the directory goes on with
//! what it finds there; two processes may share it, each with its own idea of what lies in it and of the limit.

mod disk;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use disk::{Disk, InUse};

/// The unit of reading from the store and of keeping.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// Blocks that one call reads from the store at the same time.
const FETCHES_MAX: usize = 16;
/// Objects whose blocks are looked for in the directory at the same time: each look goes through all that lies there.
const REMOVALS_MAX: usize = 1024;
/// The folders of objects that are kept.
const KEPT: [&str; 2] = ["data/", "deletions/"];

/// Another store, with a cache on the local disk.
#[derive(Clone)]
pub(crate) struct CachedStore {
    inner: Arc<dyn ObjectStore>,
    disk: Arc<Disk>,
}

impl CachedStore {
    /// Puts a cache of so many bytes before a store.
    ///
    /// # Errors
    /// Of the file system, for a directory that cannot be made or read.
    pub(crate) fn open(inner: Arc<dyn ObjectStore>, directory: PathBuf, bytes_max: u64) -> io::Result<Self> {
        Ok(Self { inner, disk: Arc::new(Disk::open(directory, bytes_max)?) })
    }

    /// Reads ranges. Blocks that are not on the disk are fetched, each once and those that follow each other together, and kept.
    async fn read(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let wanted: BTreeSet<u64> = ranges.iter().flat_map(blocks_of).collect();
        let (disk, object, blocks) =
            (Arc::clone(&self.disk), object_name(location).to_owned(), wanted.clone());
        let take = move || {
            let blocks = blocks.into_iter().filter_map(|block| Some((block, disk.take(&object, block)?)));
            blocks.collect::<HashMap<_, _>>()
        };
        let found = on_disk(take).await;
        let mut found = found.unwrap_or_default();
        let fetches = runs(wanted.into_iter().filter(|block| !found.contains_key(block))).into_iter();
        let fetches = fetches.map(|run| async move {
            Ok::<_, object_store::Error>((run.clone(), self.fetch(location, run).await?))
        });
        let fetches = futures::stream::iter(fetches).buffered(FETCHES_MAX);
        for (run, fetched) in fetches.try_collect::<Vec<_>>().await? {
            found.extend(run.zip(fetched));
        }
        let mut read = Vec::with_capacity(ranges.len());
        for range in ranges {
            read.push(match join(range, &found) {
                Some(bytes) => bytes,
                // beyond the end: the store says what it thinks of that
                None => self.inner.get_ranges(location, std::slice::from_ref(range)).await?.remove(0),
            });
        }
        Ok(read)
    }

    /// Fetches blocks in one request, and keeps them.
    async fn fetch(&self, location: &Path, blocks: Range<u64>) -> Result<Vec<Bytes>> {
        let reading = self.disk.begin(object_name(location));
        let range = GetRange::Bounded(blocks.start * BLOCK_BYTES..blocks.end * BLOCK_BYTES);
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let fetched = self.inner.get_opts(location, options).await?.bytes().await?;
        let starts = (0..fetched.len()).step_by(BLOCK_BYTES as usize);
        let split = starts.map(|start| fetched.slice(start..fetched.len().min(start + BLOCK_BYTES as usize)));
        let fetched: Vec<Bytes> = split.collect();
        let kept: Vec<(u64, Bytes)> = blocks.zip(fetched.clone()).collect();
        on_disk(move || kept.iter().for_each(|(block, content)| reading.put(*block, content))).await;
        Ok(fetched)
    }

    /// Removes what is kept of objects that go. Nothing of one is kept again while its answer lives.
    async fn forget(&self, locations: impl Iterator<Item = &Path>) -> HashMap<Path, InUse> {
        let removals = locations.filter(|location| is_kept(location));
        let removals: HashMap<Path, InUse> =
            removals.map(|location| (location.clone(), self.disk.begin(object_name(location)))).collect();
        let disk = Arc::clone(&self.disk);
        let remove = move || {
            disk.remove(removals.values());
            removals
        };
        on_disk(remove).await.unwrap_or_default()
    }
}

fn blocks_of(range: &Range<u64>) -> Range<u64> {
    range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES)
}

/// Runs of blocks that come in order.
fn runs(blocks: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for block in blocks {
        match runs.last_mut() {
            Some(run) if run.end == block => run.end += 1,
            _ => runs.push(block..block + 1),
        }
    }
    runs
}

/// A range out of its blocks; `None` where they are too short.
fn join(range: &Range<u64>, found: &HashMap<u64, Bytes>) -> Option<Bytes> {
    let blocks = blocks_of(range);
    let first = blocks.start * BLOCK_BYTES;
    let within = (range.start - first) as usize..(range.end - first) as usize;
    let mut parts = blocks.filter_map(|block| found.get(&block));
    let start = parts.next()?;
    if within.end <= start.len() {
        return Some(start.slice(within));
    }
    let mut joined = BytesMut::from(start.as_ref());
    parts.for_each(|part| joined.extend_from_slice(part));
    (within.end <= joined.len()).then(|| joined.freeze().slice(within))
}

/// Whether blocks of an object are kept.
fn is_kept(location: &Path) -> bool {
    KEPT.iter().any(|folder| location.as_ref().starts_with(folder))
}

/// What an object is called among the blocks: names of objects are made of random ids, and the folder adds nothing.
fn object_name(location: &Path) -> &str {
    location.filename().unwrap_or_default()
}

/// Runs file-system calls where they block nobody; `None` when the runtime ends.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.ok(),
        Err(_) => Some(work()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedStore({}, {})", self.inner, self.disk.directory.display())
    }
}

#[async_trait]
impl ObjectStore for CachedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if !is_kept(location) {
            return self.inner.get_ranges(location, ranges).await;
        }
        self.read(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // the blocks go first: of an object that is gone nobody speaks again, also where the answer is lost
        let removals = Arc::<Mutex<HashMap<Path, InUse>>>::default();
        let (store, begun) = (self.clone(), Arc::clone(&removals));
        let locations = locations.ready_chunks(REMOVALS_MAX).then(move |locations| {
            let (store, begun) = (store.clone(), Arc::clone(&begun));
            async move {
                let going = store.forget(locations.iter().flatten()).await;
                lock(&begun).extend(going);
                futures::stream::iter(locations)
            }
        });
        let deleted = self.inner.delete_stream(locations.flatten().boxed());
        deleted.inspect_ok(move |location| drop(lock(&removals).remove(location))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let _removal = self.forget(std::iter::once(from)).await;
        self.inner.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
