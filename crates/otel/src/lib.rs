//! OTLP to Arrow: protobuf and JSON bodies of spans, metrics and logs become record batches for the tables `spans`, `metrics` and `logs`.
//!
//! [`Mapper::decode`] is the whole way: body -> messages ([`Encoding`]) -> rows. [`Mapper::remote_write`] is that of a body of Prometheus, whose
//! series become OTLP's data points first ([`RemoteWrite`]). The mapping follows the tables' schemas, which it is given, and the alias table
//! of the semantic conventions, which is data ([`aliases`]). What becomes which column is in `docs/otlp-mapping.md`.
//!
//! Invariants: no item is lost without being counted in [`Mapped::rejected`]; no attribute is lost at all, since what fits no column is in
//! `attributes`; no body makes this crate panic. It knows neither DataFusion nor the storage.

mod any_value;
mod attributes;
mod columns;
mod detect;
mod error;
mod evaluations;
mod groups;
mod ids;
mod json;
mod layout;
pub(crate) mod mapper;
mod meaning;
mod messages;
mod prometheus;
mod redaction;
mod semconv;
mod series;
mod signal;
pub mod testing;
mod wire;

pub use detect::detect;
pub use error::{Error, ErrorKind, Result};
pub use layout::{ATTRIBUTE_METADATA_KEY, column_name};
pub use mapper::{Mapped, Mapper, Moved, Redacted, Rejected, Tables};
pub use prometheus::{RemoteWrite, RemoteWritten};
pub use redaction::{Redaction, RedactionAction, RedactionRule};
pub use semconv::{Alias, AliasSource, Requires, Transform, ValueSet, aliases};
pub use signal::{Encoding, Signal};
