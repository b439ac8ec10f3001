//! An object that arrives in parts: they are written where they belong in one temporary file, which then gets its name.

use std::fmt;
use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{CopyMode, Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::{LocalStore, Temporary, blocking, failed};

/// A multipart upload. Parts may be written in any order; nothing is visible before `complete`.
pub(super) struct LocalUpload {
    store: LocalStore,
    location: Path,
    target: PathBuf,
    /// `None` after `complete` and `abort`.
    file: Arc<Mutex<Option<Temporary>>>,
    /// Where the next part begins.
    offset: u64,
}

impl LocalUpload {
    pub(super) fn new(store: LocalStore, location: Path, target: PathBuf, file: Temporary) -> Self {
        Self { store, location, target, file: Arc::new(Mutex::new(Some(file))), offset: 0 }
    }

    fn take(&self) -> Result<Temporary> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(ended)
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let file = Arc::clone(&self.file);
        Box::pin(blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let file = file.as_mut().ok_or_else(ended)?;
            file.file.seek(SeekFrom::Start(offset)).map_err(|source| failed("write", &file.path, source))?;
            data.iter().try_for_each(|bytes| file.write(bytes))
        }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let file = self.take()?;
        let (inner, target) = (Arc::clone(&self.store.inner), self.target.clone());
        blocking(move || file.publish(&inner, &target, CopyMode::Overwrite)).await?;
        self.store.put_result(&self.location).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.take().map(drop)
    }
}

impl fmt::Debug for LocalUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalUpload").field("location", &self.location).finish_non_exhaustive()
    }
}

fn ended() -> Error {
    Error::Generic { store: "LocalStore", source: Box::new(io::Error::other("the upload has ended already")) }
}
