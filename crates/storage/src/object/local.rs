//! Objects in a directory of the local file system, durable when their put returns.
//!
//! `object_store`'s own local store never syncs: after a power cut its objects may be empty or gone, although they were
//! there before. A put here writes a temporary file, syncs it, gives it its name in one step, and syncs the directory of
//! the name. Reads and lists are delegated.

mod upload;

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, RenameTargetMode, Result,
};

use self::upload::LocalUpload;
use crate::fsync;

/// Where unfinished objects are written, below the root. Their names end in `#1`: lists leave such names out.
const TEMPORARY: &str = "tmp";

/// The most directories that are remembered as durable; when there are more, all are forgotten and synced once again.
const DURABLE_DIRECTORIES_MAX: usize = 4096;

/// An object store on a directory. All of it must lie in one file system, which must have hard links.
///
/// - Supports: put (overwrite, create), multipart, get, ranges, list, delete, copy and rename, all durable.
/// - Does not support: `PutMode::Update`, attributes.
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    files: LocalFileSystem,
    temporary: AtomicU64,
    /// Directories whose own names are durable, as are those of their parents.
    durable: Mutex<HashSet<PathBuf>>,
}

impl LocalStore {
    /// Opens a directory as a store, creating it when it is missing.
    ///
    /// # Errors
    /// `Generic` for an error of the file system.
    pub fn open(root: impl AsRef<FilePath>) -> Result<Self> {
        let root = root.as_ref();
        fsync::create_directories(root).map_err(|source| failed("create", root, source))?;
        Self::open_existing(root)
    }

    /// Opens a directory as a store and changes nothing.
    ///
    /// # Errors
    /// `NotFound` when it is missing, `Generic` for another error of the file system.
    pub fn open_existing(root: impl AsRef<FilePath>) -> Result<Self> {
        let root = root.as_ref();
        let files = LocalFileSystem::new_with_prefix(root)?;
        let root = fs::canonicalize(root).map_err(|source| failed("find", root, source))?;
        let (temporary, durable) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { root, files, temporary, durable }) })
    }

    /// Settles what the last writer left: removes its unfinished objects, and syncs the directories directly below the
    /// root, because it may have been killed between naming an object there and making the name durable.
    ///
    /// Only for the one writer, before it reads: the temporary files of a living one would go too.
    ///
    /// # Errors
    /// `Generic` for an error of the file system.
    pub fn settle(&self) -> Result<()> {
        let root = &self.inner.root;
        let settle = || {
            for entry in fs::read_dir(root)? {
                let path = entry?.path();
                if !path.is_dir() {
                    continue;
                }
                if path.ends_with(TEMPORARY) {
                    for leftover in fs::read_dir(&path)? {
                        fs::remove_file(leftover?.path())?;
                    }
                }
                fsync::sync_directory(&path)?;
            }
            fsync::sync_directory(root)
        };
        settle().map_err(|source| failed("settle", root, source))
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.inner.root.display())
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let mode = match opts.mode {
            PutMode::Overwrite => CopyMode::Overwrite,
            PutMode::Create => CopyMode::Create,
            PutMode::Update(_) => return Err(self.not_implemented("`put_opts` with mode `PutMode::Update`")),
        };
        if !opts.attributes.is_empty() {
            return Err(self.not_implemented("`put_opts` with attributes"));
        }
        let target = self.inner.files.path_to_filesystem(location)?;
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut file = Temporary::create(&inner)?;
            payload.iter().try_for_each(|bytes| file.write(bytes))?;
            file.publish(&inner, &target, mode)
        })
        .await?;
        self.put_result(location).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !opts.attributes.is_empty() {
            return Err(self.not_implemented("`put_multipart_opts` with attributes"));
        }
        let target = self.inner.files.path_to_filesystem(location)?;
        let inner = Arc::clone(&self.inner);
        let file = blocking(move || Temporary::create(&inner)).await?;
        Ok(Box::new(LocalUpload::new(self.clone(), location.clone(), target, file)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        locations
            .then(move |location| {
                let inner = Arc::clone(&inner);
                async move {
                    let location = location?;
                    let target = inner.files.path_to_filesystem(&location)?;
                    blocking(move || {
                        fs::remove_file(&target).map_err(|source| failed("delete", &target, source))?;
                        inner.sync_parent(&target)
                    })
                    .await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let target = self.inner.files.path_to_filesystem(to)?;
        self.prepare(target.clone()).await?;
        // a second name of the same synced bytes
        self.inner.files.copy_opts(from, to, options).await?;
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.sync_parent(&target)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let mode = match options.target_mode {
            RenameTargetMode::Overwrite => CopyMode::Overwrite,
            RenameTargetMode::Create => CopyMode::Create,
        };
        // in this order, a power cut may leave both names, but never none
        self.copy_opts(from, to, CopyOptions::new().with_mode(mode)).await?;
        self.delete(from).await
    }
}

impl LocalStore {
    async fn prepare(&self, target: PathBuf) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.create_parent(&target)).await
    }

    async fn put_result(&self, location: &Path) -> Result<PutResult> {
        let meta = self.inner.files.head(location).await?;
        Ok(PutResult { e_tag: meta.e_tag, version: meta.version })
    }

    fn not_implemented(&self, operation: &str) -> Error {
        Error::NotImplemented { operation: operation.to_owned(), implementer: self.to_string() }
    }
}

impl Inner {
    /// Makes the directory of a file, and the names of all directories on the way to it, durable.
    ///
    /// A directory that exists need not be durable: another thread may have created it just now, or another process
    /// before it was killed. So each is synced once, under the lock.
    fn create_parent(&self, target: &FilePath) -> Result<()> {
        let directory = target.parent().unwrap_or(&self.root);
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.contains(directory) {
            return Ok(());
        }
        let create = || {
            fs::create_dir_all(directory)?;
            let below_root = |path: &&FilePath| path.starts_with(&self.root) && *path != self.root;
            directory
                .ancestors()
                .take_while(below_root)
                .filter_map(FilePath::parent)
                .try_for_each(fsync::sync_directory)
        };
        create().map_err(|source| failed("create", directory, source))?;
        if durable.len() >= DURABLE_DIRECTORIES_MAX {
            durable.clear();
        }
        durable.insert(directory.to_owned());
        Ok(())
    }

    fn sync_parent(&self, target: &FilePath) -> Result<()> {
        let directory = target.parent().unwrap_or(&self.root);
        fsync::sync_directory(directory).map_err(|source| failed("sync", directory, source))
    }
}

/// A file that has no name among the objects yet. Dropped before it is published, it goes.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn create(inner: &Inner) -> Result<Self> {
        let directory = inner.root.join(TEMPORARY);
        let mut is_made = false;
        loop {
            let number = inner.temporary.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{number}#1", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                // left by a process of the same number, long ago
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // the first one makes it, or others that come at the same time
                Err(error) if error.kind() == io::ErrorKind::NotFound && !is_made => {
                    fs::create_dir_all(&directory).map_err(|source| failed("create", &directory, source))?;
                    is_made = true;
                }
                Err(source) => return Err(failed("create", &path, source)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|source| failed("write", &self.path, source))
    }

    /// Gives the file its name. The order is the promise: bytes, then name, then the durability of the name.
    fn publish(self, inner: &Inner, target: &FilePath, mode: CopyMode) -> Result<()> {
        inner.create_parent(target)?;
        self.file.sync_all().map_err(|source| failed("sync", &self.path, source))?;
        let named = match mode {
            CopyMode::Overwrite => fs::rename(&self.path, target),
            // a link fails where a rename would replace
            CopyMode::Create => fs::hard_link(&self.path, target),
        };
        named.map_err(|source| failed("create", target, source))?;
        inner.sync_parent(target)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // renamed, it is gone already; a leftover is removed when the next writer settles
        drop(fs::remove_file(&self.path));
    }
}

/// A failed call of the file system: says what was done to which file, and keeps the cause.
#[derive(Debug)]
struct Failed {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.path.display(), self.source)
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

pub(super) fn failed(doing: &'static str, path: &FilePath, source: io::Error) -> Error {
    let kind = source.kind();
    let named = path.display().to_string();
    let source = Box::new(Failed { doing, path: path.to_owned(), source });
    match kind {
        io::ErrorKind::NotFound => Error::NotFound { path: named, source },
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path: named, source },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path: named, source },
        _ => Error::Generic { store: "LocalStore", source },
    }
}

/// Runs file-system calls where they block nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await?,
        Err(_) => work(),
    }
}
