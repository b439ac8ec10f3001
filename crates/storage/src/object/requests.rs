//! Requests to an object store, counted: what a bucket costs is the number of requests, and how it fares is in the failed ones.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is asked of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreOperation {
    /// Reads an object or ranges of it.
    Get,
    /// Asks whether an object is there, and how large it is.
    Head,
    /// Writes an object, or a part of one.
    Put,
    /// Removes an object.
    Delete,
    /// Lists objects.
    List,
    /// Copies or renames an object.
    Copy,
}

impl StoreOperation {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Get, Self::Head, Self::Put, Self::Delete, Self::List, Self::Copy];

    /// Its name in metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Put => "put",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Copy => "copy",
        }
    }
}

/// Counts of requests since the storage was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestCounts {
    requests: [u64; StoreOperation::ALL.len()],
    errors: [u64; StoreOperation::ALL.len()],
    /// Bytes of objects that were read.
    pub read_bytes: u64,
    /// Bytes of objects that were written.
    pub written_bytes: u64,
    /// HTTP requests that these took, with those that were tried again. A directory takes none.
    pub http_requests: u64,
    /// HTTP requests without a useful answer: no connection, a timeout, or a status of 429 or 500 and more.
    pub http_failures: u64,
}

impl RequestCounts {
    /// How often an operation was asked for.
    pub fn requests(&self, operation: StoreOperation) -> u64 {
        self.requests[operation as usize]
    }

    /// How often it failed, after all retries. An object that is missing, or exists already, is an answer and no error.
    pub fn errors(&self, operation: StoreOperation) -> u64 {
        self.errors[operation as usize]
    }
}

/// What the stores of one storage add to.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    requests: [AtomicU64; StoreOperation::ALL.len()],
    errors: [AtomicU64; StoreOperation::ALL.len()],
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
    http_requests: AtomicU64,
    http_failures: AtomicU64,
}

impl Requests {
    pub(crate) fn counts(&self) -> RequestCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RequestCounts {
            requests: std::array::from_fn(|operation| load(&self.requests[operation])),
            errors: std::array::from_fn(|operation| load(&self.errors[operation])),
            read_bytes: load(&self.read_bytes),
            written_bytes: load(&self.written_bytes),
            http_requests: load(&self.http_requests),
            http_failures: load(&self.http_failures),
        }
    }

    /// Counts a request by what came of it.
    pub(super) fn count<T>(&self, operation: StoreOperation, result: &object_store::Result<T>) {
        use object_store::Error;
        self.requests[operation as usize].fetch_add(1, Ordering::Relaxed);
        let answered = matches!(
            result,
            Ok(_) | Err(Error::NotFound { .. } | Error::AlreadyExists { .. } | Error::Precondition { .. })
        );
        if !answered {
            self.errors[operation as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts that a request failed that was counted when it began.
    pub(super) fn failed(&self, operation: StoreOperation) {
        self.errors[operation as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, bytes: u64) {
        self.read_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, bytes: u64) {
        self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn http(&self, is_failure: bool) {
        self.http_requests.fetch_add(1, Ordering::Relaxed);
        self.http_failures.fetch_add(u64::from(is_failure), Ordering::Relaxed);
    }
}
