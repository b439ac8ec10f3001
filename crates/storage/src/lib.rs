//! Durable time-ordered tables on an object store: Arrow and Parquet, no SQL.

pub mod clock;
pub mod error;

pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind, Result};
