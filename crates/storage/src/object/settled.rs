//! A store in which a create that lost its answer is settled.
//!
//! Over a network the answer to a put-if-absent may be lost: the object is there, and the second try says that it exists
//! already. That is no other writer. So a create that failed in an unknown way is tried again, and one that finds the very
//! same bytes has succeeded. Objects of different writers differ in their bytes: names are made of random ids, a file of the
//! log has the epoch of its writer, a root has the id of its writer.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// How often a create is tried; below, each try is repeated with pauses while the store refuses it.
const CREATE_ATTEMPTS_MAX: usize = 3;

/// Another store, with creates that are settled.
#[derive(Clone)]
pub(crate) struct SettledStore {
    inner: Arc<dyn ObjectStore>,
}

impl SettledStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner }
    }

    /// What is stored in the place of an object, when it has the same bytes.
    async fn same(&self, location: &Path, payload: &PutPayload) -> Result<Option<PutResult>> {
        let found = self.inner.get(location).await?;
        if found.meta.size != payload.content_length() as u64 {
            return Ok(None);
        }
        let result = PutResult { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let wanted: Vec<u8> = payload.iter().flat_map(|bytes| bytes.iter().copied()).collect();
        Ok((found.bytes().await? == wanted).then_some(result))
    }

    async fn create(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let mut attempt = 1;
        loop {
            let is_last = attempt == CREATE_ATTEMPTS_MAX;
            match self.inner.put_opts(location, payload.clone(), opts.clone()).await {
                Err(exists @ Error::AlreadyExists { .. }) => match self.same(location, &payload).await {
                    Ok(Some(settled)) => return Ok(settled),
                    // refused for another request that was under way, and came to nothing
                    Err(Error::NotFound { .. }) if !is_last => {}
                    Ok(None) | Err(Error::NotFound { .. }) => return Err(exists),
                    Err(unknown) => return Err(unknown),
                },
                Err(error) if !is_last && is_unknown(&error) => {
                    tracing::info!(%location, %error, attempt, "a create is tried again");
                }
                put => return put,
            }
            attempt += 1;
        }
    }
}

/// Whether the object may have been created all the same.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Generic { .. })
}

impl fmt::Display for SettledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for SettledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SettledStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for SettledStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match opts.mode {
            PutMode::Create => self.create(location, payload, opts).await,
            _ => self.inner.put_opts(location, payload, opts).await,
        }
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

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
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
