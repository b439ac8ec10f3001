//! The one error of this crate.
//!
//! A kind says what the caller can do next; the message names the offending value and what is allowed. The source keeps
//! the cause for logs. Errors are cheap to clone, because a poisoned writer hands the same one to every caller.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The result of a storage operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed storage operation: a [kind](ErrorKind) to act on, a message to read, a source to log.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind`. The message is lower case, without a full stop, and names the offending value.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Makes an error of a failed system call: `doing` says what failed, as in `write wal/00000001-00000001.wal`.
    ///
    /// A full disk is [`ErrorKind::ResourceExhausted`], everything else keeps its nearest kind.
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Self {
        let (kind, message) = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (ErrorKind::ResourceExhausted, format!("disk full: cannot {doing}: {source}"))
            }
            io::ErrorKind::NotFound => (ErrorKind::NotFound, format!("cannot {doing}: {source}")),
            io::ErrorKind::AlreadyExists => (ErrorKind::AlreadyExists, format!("cannot {doing}: {source}")),
            _ => (ErrorKind::Unavailable, format!("cannot {doing}: {source}")),
        };
        Self::new(kind, message).with_source(source)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    pub(crate) fn missing(path: &std::path::Path) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no database in {}", path.display()))
    }

    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the storage is closed")
    }

    pub(crate) fn corrupted(object: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Corrupted, format!("{object} is damaged: {problem}"))
    }

    /// Refuses what a newer program wrote: it is whole, and nobody here knows what it means.
    ///
    /// [`ErrorKind::Invalid`]: nothing is damaged, and only another program helps.
    pub fn newer_format(object: impl fmt::Display, format: u32, newest: u32) -> Self {
        Self::invalid(format!(
            "{object} has format {format}, this program reads up to format {newest}: open it with a newer driftline"
        ))
    }

    /// Translates an error of the object store: `doing` says what failed, as in `write manifest/7.json`.
    pub(crate) fn object(doing: impl fmt::Display, source: object_store::Error) -> Self {
        use object_store::Error as Store;
        let full = out_of_space(&source);
        let kind = match &source {
            Store::NotFound { .. } => ErrorKind::NotFound,
            Store::AlreadyExists { .. } => ErrorKind::AlreadyExists,
            _ if full => ErrorKind::ResourceExhausted,
            _ => ErrorKind::Unavailable,
        };
        let full = if full { "disk full: " } else { "" };
        Self::new(kind, format!("{full}cannot {doing}: {source}")).with_source(source)
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without its sources.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        match &self.source {
            Some(source) => write!(f, " (caused by: {source:?})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// Looks for a full disk among the causes of an error.
fn out_of_space(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(io, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        // an io::Error shows the source of what it wraps, not what it wraps
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    false
}

/// The kinds of errors, by what the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong and will stay wrong: change it.
    Invalid,
    /// The named thing does not exist.
    NotFound,
    /// The named thing exists already.
    AlreadyExists,
    /// Another writer is in the way: it holds the lock, or it committed first.
    Conflict,
    /// The caller may not do this: ask who may.
    PermissionDenied,
    /// The disk or store does not answer, or too much is being done at once: try again, perhaps after reopening.
    Unavailable,
    /// A limit is reached (disk, memory): free something, then try again.
    ResourceExhausted,
    /// It took longer than it may: ask for less, or raise the limit.
    DeadlineExceeded,
    /// Somebody stopped it.
    Cancelled,
    /// Stored bytes are not what was written: restore them; the message names object and offset.
    Corrupted,
    /// The storage was closed.
    Closed,
    /// A bug of ours: report it.
    Internal,
}
