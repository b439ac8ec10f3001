//! A store whose requests are counted, each operation and each HTTP request.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::Path;
use object_store::{
    ClientOptions, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use super::requests::{Requests, StoreOperation};

/// Another store, counted.
#[derive(Clone)]
pub(crate) struct CountedStore {
    inner: Arc<dyn ObjectStore>,
    requests: Arc<Requests>,
}

impl CountedStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, requests: Arc<Requests>) -> Self {
        Self { inner, requests }
    }
}

impl fmt::Display for CountedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Says which store it is, and nothing of its settings: they may have credentials.
impl fmt::Debug for CountedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountedStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for CountedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let bytes = payload.content_length() as u64;
        let put = self.inner.put_opts(location, payload, opts).await;
        self.requests.count(StoreOperation::Put, &put);
        self.requests.wrote(if put.is_ok() { bytes } else { 0 });
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, opts).await;
        self.requests.count(StoreOperation::Put, &upload);
        Ok(Box::new(CountedUpload { inner: upload?, requests: Arc::clone(&self.requests) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { StoreOperation::Head } else { StoreOperation::Get };
        let got = self.inner.get_opts(location, options).await;
        self.requests.count(operation, &got);
        if let (StoreOperation::Get, Ok(got)) = (operation, &got) {
            self.requests.read(got.range.end - got.range.start);
        }
        got
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let got = self.inner.get_ranges(location, ranges).await;
        self.requests.count(StoreOperation::Get, &got);
        if let Ok(got) = &got {
            self.requests.read(got.iter().map(|bytes| bytes.len() as u64).sum());
        }
        got
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let requests = Arc::clone(&self.requests);
        let deletes = self.inner.delete_stream(locations);
        deletes.inspect(move |deleted| requests.count(StoreOperation::Delete, deleted)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        counted_list(self.inner.list(prefix), Arc::clone(&self.requests))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        counted_list(self.inner.list_with_offset(prefix, offset), Arc::clone(&self.requests))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await;
        self.requests.count(StoreOperation::List, &listed);
        listed
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copied = self.inner.copy_opts(from, to, options).await;
        self.requests.count(StoreOperation::Copy, &copied);
        copied
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let renamed = self.inner.rename_opts(from, to, options).await;
        self.requests.count(StoreOperation::Copy, &renamed);
        renamed
    }
}

/// A list is one request, also when it is empty.
fn counted_list(
    list: BoxStream<'static, Result<ObjectMeta>>,
    requests: Arc<Requests>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    requests.count(StoreOperation::List, &Ok(()));
    list.inspect(move |listed| {
        if listed.is_err() {
            requests.failed(StoreOperation::List);
        }
    })
    .boxed()
}

#[derive(Debug)]
struct CountedUpload {
    inner: Box<dyn MultipartUpload>,
    requests: Arc<Requests>,
}

#[async_trait]
impl MultipartUpload for CountedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (bytes, requests) = (data.content_length() as u64, Arc::clone(&self.requests));
        let part = self.inner.put_part(data);
        Box::pin(async move {
            let put = part.await;
            requests.count(StoreOperation::Put, &put);
            requests.wrote(if put.is_ok() { bytes } else { 0 });
            put
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let completed = self.inner.complete().await;
        self.requests.count(StoreOperation::Put, &completed);
        completed
    }

    async fn abort(&mut self) -> Result<()> {
        let aborted = self.inner.abort().await;
        self.requests.count(StoreOperation::Delete, &aborted);
        aborted
    }
}

/// Makes HTTP clients that count, below all retries.
#[derive(Debug)]
pub(crate) struct CountedConnector {
    pub(crate) requests: Arc<Requests>,
}

impl HttpConnector for CountedConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(CountedClient { client, requests: Arc::clone(&self.requests) }))
    }
}

#[derive(Debug)]
struct CountedClient {
    client: HttpClient,
    requests: Arc<Requests>,
}

#[async_trait]
impl HttpService for CountedClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.client.execute(request).await;
        let is_failure = match &answer {
            Ok(answer) => answer.status().as_u16() == 429 || answer.status().is_server_error(),
            Err(_) => true,
        };
        self.requests.http(is_failure);
        answer
    }
}
