//! One opaque error for the whole crate. Its [`ErrorKind`] says what the caller can do next; its message says, in lower case, what
//! was wrong with which value. `planning.rs` turns what DataFusion says into the same form.

mod planning;

use std::error::Error as StdError;
use std::fmt;

pub use driftline_storage::ErrorKind;

pub(crate) use planning::nearest;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// # Example
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let dir = tempfile::tempdir().unwrap();
/// use driftline::{Database, ErrorKind};
/// let database = Database::open(dir.path()).await?;
/// let error = database.sql("SELECT * FROM spanz").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.to_string(), "table \"spanz\" does not exist (did you mean \"spans\"?)");
/// # Ok::<(), driftline::Error>(()) }).unwrap();
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind with a message: lower case, no full stop, with the offending value and what is allowed.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<driftline_storage::Error> for Error {
    fn from(error: driftline_storage::Error) -> Self {
        Self::new(error.kind(), error.to_string()).with_source(error)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        planning::from_datafusion(error.into())
    }
}

impl From<datafusion::error::DataFusionError> for Error {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        planning::from_datafusion(error)
    }
}

/// Carries one of our errors through DataFusion; [`Error::from`] finds it again on the other side.
pub(crate) fn external(error: impl Into<Error>) -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::External(Box::new(error.into()))
}
