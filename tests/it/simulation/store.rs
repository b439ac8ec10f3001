//! A store and a log whose operations wait for their turn, may fail, and lose answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use driftline_storage::{
    testing::{Fault, Operation, SimDisk, SimLog, SimStore},
    wal::{LogFile, LogRead, LogStore},
};
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart, path::Path,
};

use super::schedule::{Kind, Process, Schedule, Verdict};

/// The paths of all objects that were ever written: none of them is written twice.
pub(super) type Written = Arc<Mutex<BTreeSet<String>>>;

/// A put whose time has not come.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    pub(super) path: Path,
    pub(super) payload: PutPayload,
    pub(super) options: PutOptions,
}

/// The store of one process.
#[derive(Debug, Clone)]
pub(super) struct SlowStore {
    inner: Arc<SimStore>,
    schedule: Schedule,
    process: Process,
    written: Written,
    in_flight: Arc<Mutex<(u64, BTreeMap<u64, InFlight>)>>,
}

impl SlowStore {
    pub(super) fn new(disk: &SimDisk, schedule: &Schedule, process: Process, written: &Written) -> Self {
        let (schedule, written) = (schedule.clone(), Arc::clone(written));
        Self { inner: disk.store(), schedule, process, written, in_flight: Arc::default() }
    }

    /// The puts that wait for their turn.
    pub(super) fn in_flight(&self) -> Vec<InFlight> {
        self.in_flight.lock().unwrap().1.values().cloned().collect()
    }

    async fn operate<T>(&self, what: String, happen: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let failed = |problem: io::Error| Err(generic(problem));
        let result = match self.schedule.pass(self.process, Kind::Operation, &what).await {
            Verdict::Happens => happen.await,
            Verdict::Fails => failed(io::Error::other(format!("simulated error: {what}"))),
            Verdict::Full => failed(io::Error::new(io::ErrorKind::StorageFull, format!("simulated: {what}"))),
            Verdict::AnswerLost => match happen.await {
                Ok(_) => failed(io::Error::other(format!("simulated loss of the answer: {what}"))),
                Err(error) => Err(error),
            },
        };
        // the answer takes its time, too, where somebody may change things meanwhile
        if !what.starts_with("get data") {
            self.schedule.pass(self.process, Kind::Turn, &format!("answer to {what}")).await;
        }
        result
    }

    /// Writes an object, which must be new. A root may be there: another writer was first. Its number may even be free again, which the
    /// writer must then find out.
    pub(super) async fn write(&self, put: InFlight) -> Result<PutResult> {
        let path = put.path.clone();
        let is_root = path.as_ref().starts_with("manifest/") && path.parts().count() == 2;
        let written = self.inner.put_opts(&path, put.payload, put.options).await;
        let is_known = match &written {
            Ok(_) => !self.written.lock().unwrap().insert(path.to_string()),
            Err(error) => matches!(error, object_store::Error::AlreadyExists { .. }),
        };
        if is_known && !is_root {
            self.schedule.violated(format!("{path} is written twice"));
        }
        written
    }
}

impl fmt::Display for SlowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowStore")
    }
}

#[async_trait]
impl ObjectStore for SlowStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = InFlight { path: path.clone(), payload, options };
        let ticket = {
            let mut in_flight = self.in_flight.lock().unwrap();
            in_flight.0 += 1;
            let ticket = in_flight.0;
            in_flight.1.insert(ticket, put.clone());
            ticket
        };
        let happen = async {
            self.in_flight.lock().unwrap().1.remove(&ticket);
            self.write(put).await
        };
        let result = self.operate(format!("put {path}"), happen).await;
        self.in_flight.lock().unwrap().1.remove(&ticket);
        result
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(SlowUpload { store: self.clone(), path: path.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let what = if options.head { "head" } else { "get" };
        self.operate(format!("{what} {path}"), self.inner.get_opts(path, options)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Result<Path>| {
            let store = store.clone();
            async move {
                let path = path?;
                store.operate(format!("delete {path}"), store.inner.delete(&path)).await?;
                Ok(path)
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let list = async move {
            let found = async { Ok(store.inner.list(prefix.as_ref()).collect::<Vec<_>>().await) };
            match store.operate(format!("list {prefix:?}"), found).await {
                Ok(found) => found,
                Err(error) => vec![Err(error)],
            }
        };
        futures::stream::once(list).flat_map(futures::stream::iter).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.operate("list".to_owned(), self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload in parts: one operation, when it completes.
#[derive(Debug)]
struct SlowUpload {
    store: SlowStore,
    path: Path,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for SlowUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let payload = std::mem::take(&mut self.parts).into_iter().flatten().collect();
        self.store.put_opts(&self.path, payload, PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The log of one process.
#[derive(Debug, Clone)]
pub(super) struct SlowLog {
    inner: Arc<SimLog>,
    disk: SimDisk,
    schedule: Schedule,
    process: Process,
    /// The files are another's by now: what is written goes nowhere, as into a file system that was taken away.
    is_detached: Arc<AtomicBool>,
}

impl SlowLog {
    pub(super) fn new(disk: &SimDisk, schedule: &Schedule, process: Process) -> Self {
        let (disk, schedule) = (disk.clone(), schedule.clone());
        Self { inner: disk.log(), disk, schedule, process, is_detached: Arc::default() }
    }

    /// Takes the files away from the process, which does not notice.
    pub(super) fn detach(&self) {
        self.is_detached.store(true, Ordering::SeqCst);
    }

    fn operate<T>(
        &self,
        what: &str,
        nowhere: impl FnOnce() -> T,
        happen: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let verdict = self.schedule.pass_thread(self.process, what);
        if self.is_detached.load(Ordering::SeqCst) {
            return Ok(nowhere());
        }
        let next = self.disk.operations(Operation::Write) + 1;
        match verdict {
            Verdict::Happens => happen(),
            Verdict::Fails => {
                self.disk.fail(Operation::Write, next, Fault::Io);
                happen()
            }
            Verdict::Full => {
                self.disk.fail(Operation::Write, next, Fault::DiskFull);
                happen()
            }
            Verdict::AnswerLost => {
                happen()?;
                Err(io::Error::other(format!("simulated loss of the answer: {what}")))
            }
        }
    }
}

impl LogStore for SlowLog {
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        let inner = self.operate(&format!("create {name}"), || None, || self.inner.create(name).map(Some))?;
        Ok(Box::new(SlowFile { log: self.clone(), name: name.to_owned(), inner }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        self.inner.open_read(name)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        self.inner.len(name)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.inner.truncate(name, len)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(&format!("remove {name}"), || (), || self.inner.remove(name))
    }
}

/// A file of the log; `None` inside where it goes nowhere from the start.
struct SlowFile {
    log: SlowLog,
    name: String,
    inner: Option<Box<dyn LogFile>>,
}

impl SlowFile {
    fn operate(
        &mut self,
        what: &str,
        happen: impl FnOnce(&mut dyn LogFile) -> io::Result<()>,
    ) -> io::Result<()> {
        let Self { log, name, inner } = self;
        let inner = inner.as_mut();
        log.operate(&format!("{what} {name}"), || (), || inner.map_or(Ok(()), |file| happen(file.as_mut())))
    }
}

impl LogFile for SlowFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.operate("append to", |file| file.append(bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.operate("sync", |file| file.sync())
    }
}

fn generic(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "SlowStore", source: Box::new(error) }
}
