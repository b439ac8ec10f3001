//! The object store of a simulated disk.
//!
//! It promises what [`LocalStore`](crate::object::LocalStore) promises: a put is atomic, and durable when it returns.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use super::{Operation, SimDisk};

/// The objects of a [`SimDisk`].
#[derive(Clone, Debug)]
pub struct SimStore {
    disk: SimDisk,
    objects: Arc<InMemory>,
}

impl SimStore {
    pub(super) fn new(disk: SimDisk, objects: Arc<InMemory>) -> Self {
        Self { disk, objects }
    }

    /// Replaces an object behind the back of the process, as a failing device would.
    ///
    /// # Errors
    /// None that a test expects.
    pub async fn overwrite(&self, location: &Path, bytes: Vec<u8>) -> Result<()> {
        self.objects.put(location, bytes.into()).await.map(drop)
    }

    async fn operate<T>(
        &self,
        operation: Operation,
        doing: String,
        happen: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let begun = self.disk.lock().begin(operation, &doing).map_err(generic)?;
        let result = happen.await?;
        self.disk.lock().finish(begun, &doing).map_err(generic)?;
        Ok(result)
    }
}

impl fmt::Display for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimStore")
    }
}

#[async_trait]
impl ObjectStore for SimStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if matches!(opts.mode, PutMode::Update(_)) {
            return Err(object_store::Error::NotImplemented {
                operation: "`put_opts` with mode `PutMode::Update`".to_owned(),
                implementer: self.to_string(),
            });
        }
        let put = self.objects.put_opts(location, payload, opts);
        self.operate(Operation::Write, format!("put {location}"), put).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(SimUpload { store: self.clone(), location: location.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let get = self.objects.get_opts(location, options);
        self.operate(Operation::Read, format!("get {location}"), get).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .then(move |location| {
                let store = store.clone();
                async move {
                    let location = location?;
                    let delete = store.objects.delete(&location);
                    store.operate(Operation::Write, format!("delete {location}"), delete).await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut state = self.disk.lock();
        match state.begin(Operation::Read, &"list objects") {
            Ok(_) => self.objects.list(prefix),
            Err(error) => futures::stream::iter([Err(generic(error))]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let list = self.objects.list_with_delimiter(prefix);
        self.operate(Operation::Read, "list objects".to_owned(), list).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copy = self.objects.copy_opts(from, to, options);
        self.operate(Operation::Write, format!("copy {from} to {to}"), copy).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let rename = self.objects.rename_opts(from, to, options);
        self.operate(Operation::Write, format!("rename {from} to {to}"), rename).await
    }
}

/// An upload in parts: one write, when it completes.
#[derive(Debug)]
struct SimUpload {
    store: SimStore,
    location: Path,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for SimUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let bytes = std::mem::take(&mut self.parts).into_iter().flatten();
        self.store.put(&self.location, bytes.collect()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

fn generic(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "SimStore", source: Box::new(error) }
}
