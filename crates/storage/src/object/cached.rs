//! Blocks of objects kept on the local disk, so that what is read again comes from there.
//!
//! Only what never changes is kept: segments and deletion vectors, whose names are used once. A block is a mebibyte of an object
//! in a file of its own, with a checksum behind it. A file that is damaged, cut short or gone is no error: it is dropped, and
//! the block is read from the store again. So is every failure to write one. What was used longest ago goes when the limit is
//! reached. A process that opens the directory goes on with what it finds there; two processes may share it, each with
//! its own idea of what lies in it and of the limit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// The unit of reading from the store and of keeping.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// Behind each block in its file.
const CHECKSUM_BYTES: usize = 4;
/// Blocks that one call reads from the store at the same time.
const FETCHES_MAX: usize = 16;
/// The folders of objects that are kept.
const KEPT: [&str; 2] = ["data/", "deletions/"];

/// Another store, with a cache on the local disk.
#[derive(Clone)]
pub(crate) struct CachedStore {
    inner: Arc<dyn ObjectStore>,
    disk: Arc<Disk>,
}

/// The directory of the blocks.
struct Disk {
    directory: PathBuf,
    bytes_max: u64,
    kept: Mutex<Kept>,
    temporary: AtomicU64,
}

/// What lies in the directory, as far as this process knows.
#[derive(Default)]
struct Kept {
    files: HashMap<String, File>,
    /// Names by the turn of their last use.
    turns: BTreeMap<u64, String>,
    turn: u64,
    bytes: u64,
}

struct File {
    bytes: u64,
    turn: u64,
}

impl CachedStore {
    /// Puts a cache of so many bytes before a store.
    ///
    /// # Errors
    /// Of the file system, for a directory that cannot be made or read.
    pub(crate) fn open(inner: Arc<dyn ObjectStore>, directory: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let (name, meta) = (entry.file_name().to_string_lossy().into_owned(), entry.metadata()?);
            if is_block(&name) {
                found.push((meta.modified()?, name, meta.len()));
            } else if name.ends_with(TEMPORARY) {
                drop(fs::remove_file(entry.path()));
            }
        }
        found.sort_unstable();
        let mut kept = Kept::default();
        for (_, name, bytes) in found {
            kept.keep(name, bytes);
        }
        let disk = Disk { directory, bytes_max, kept: Mutex::new(kept), temporary: AtomicU64::new(0) };
        disk.make_room();
        Ok(Self { inner, disk: Arc::new(disk) })
    }

    /// Reads ranges. Blocks that are not on the disk are fetched, each once and those that follow each other together, and kept.
    async fn read(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let wanted: BTreeSet<u64> = ranges.iter().flat_map(blocks_of).collect();
        let names: Vec<(u64, String)> =
            wanted.iter().map(|block| (*block, block_name(location, *block))).collect();
        let disk = Arc::clone(&self.disk);
        let take = move || {
            let blocks = names.into_iter().filter_map(|(block, name)| Some((block, disk.take(&name)?)));
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
        let range = GetRange::Bounded(blocks.start * BLOCK_BYTES..blocks.end * BLOCK_BYTES);
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let fetched = self.inner.get_opts(location, options).await?.bytes().await?;
        let starts = (0..fetched.len()).step_by(BLOCK_BYTES as usize);
        let split = starts.map(|start| fetched.slice(start..fetched.len().min(start + BLOCK_BYTES as usize)));
        let fetched: Vec<Bytes> = split.collect();
        let named = blocks.map(|block| block_name(location, block)).zip(fetched.clone());
        let (disk, named) = (Arc::clone(&self.disk), named.collect::<Vec<_>>());
        on_disk(move || named.into_iter().for_each(|(name, block)| disk.put(name, &block))).await;
        Ok(fetched)
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

/// The end of the names of files that are being written.
const TEMPORARY: &str = ".tmp";

fn block_name(location: &Path, block: u64) -> String {
    // names of objects are made of random ids: the folder adds nothing
    format!("{}-{block:06}.block", location.filename().unwrap_or_default())
}

fn is_block(name: &str) -> bool {
    name.ends_with(".block")
}

/// Runs file-system calls where they block nobody; `None` when the runtime ends.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.ok(),
        Err(_) => Some(work()),
    }
}

impl Disk {
    /// Reads a block; `None` where there is none, or none that is whole.
    fn take(&self, name: &str) -> Option<Bytes> {
        if !self.lock().touch(name) {
            return None;
        }
        let path = self.directory.join(name);
        let content = fs::read(&path).unwrap_or_default();
        let split = content.len().checked_sub(CHECKSUM_BYTES);
        let is_whole = split.is_some_and(|split| {
            let (block, checksum) = content.split_at(split);
            crc32c::crc32c(block).to_le_bytes() == checksum
        });
        if !is_whole {
            tracing::warn!(block = %path.display(), "a block of the cache is damaged, and is read again");
            self.lock().forget(name);
            drop(fs::remove_file(&path));
            return None;
        }
        let mut content = Bytes::from(content);
        content.truncate(content.len() - CHECKSUM_BYTES);
        Some(content)
    }

    /// Keeps a block, if it can be written.
    fn put(&self, name: String, block: &[u8]) {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!("{}-{number}{TEMPORARY}", std::process::id()));
        let write = || {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(block)?;
            file.write_all(&crc32c::crc32c(block).to_le_bytes())?;
            fs::rename(&temporary, self.directory.join(&name))
        };
        if let Err(error) = write() {
            tracing::warn!(%error, directory = %self.directory.display(), "a block is not kept");
            drop(fs::remove_file(&temporary));
            return;
        }
        self.lock().keep(name, (block.len() + CHECKSUM_BYTES) as u64);
        self.make_room();
    }

    /// Removes what was used longest ago until the rest is within the limit.
    fn make_room(&self) {
        let mut going = Vec::new();
        {
            let mut kept = self.lock();
            while kept.bytes > self.bytes_max
                && let Some((_, name)) = kept.turns.first_key_value()
            {
                let name = name.clone();
                kept.forget(&name);
                going.push(name);
            }
        }
        going.iter().for_each(|name| drop(fs::remove_file(self.directory.join(name))));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, name: String, bytes: u64) {
        self.forget(&name);
        self.turn += 1;
        self.bytes += bytes;
        self.turns.insert(self.turn, name.clone());
        self.files.insert(name, File { bytes, turn: self.turn });
    }

    /// Says whether a file is there, and notes that it is used.
    fn touch(&mut self, name: &str) -> bool {
        let Some(bytes) = self.files.get(name).map(|file| file.bytes) else { return false };
        self.keep(name.to_owned(), bytes);
        true
    }

    fn forget(&mut self, name: &str) {
        if let Some(file) = self.files.remove(name) {
            self.bytes -= file.bytes;
            self.turns.remove(&file.turn);
        }
    }
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
        if !KEPT.iter().any(|folder| location.as_ref().starts_with(folder)) {
            return self.inner.get_ranges(location, ranges).await;
        }
        self.read(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
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
        self.inner.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
