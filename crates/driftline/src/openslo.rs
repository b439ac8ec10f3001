//! SLOs as files: OpenSLO v1 in and out, Sloth's in. Metric queries are SQL.
//!
//! A file is a stream of YAML documents, read as a tree that knows where everything stands ([`node`]). Documents become statements ([`document`],
//! [`sli`], [`policy`], [`sloth`]), which run as any others ([`apply`]). What cannot be honoured is an error that names file, line and field: an SLO that
//! means something else than its file is worse than none. An SLO keeps its document, so that it leaves as it came ([`export`]).

mod apply;
mod document;
mod duration;
mod export;
mod fields;
mod node;
mod policy;
mod sli;
mod sloth;

pub use apply::{Applied, SloFile};

pub(crate) use export::kept_alerts;

/// The kind under which the manifest keeps the documents of SLOs that came as files.
pub(crate) const SLO_DOCUMENT: &str = "openslo";
/// The prefix of our own annotations: OpenSLO leaves them to its implementations.
const OURS: &str = "driftline.dev/";
