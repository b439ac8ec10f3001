//! Service-level objectives: `CREATE SLO` keeps one in the manifest, `slo_status()` says where it stands, `slo_history()` how it came there.
//!
//! A definition ([`definition`]) says which rows are events, which of them are good, and how many must be. Its events are counted by minute and group
//! ([`count`]), once a segment ([`store`]), and every window is a sum of minutes ([`status`]): nothing is sampled, and late rows count.

mod alerts;
mod arguments;
mod catalog;
mod count;
mod counts;
mod definition;
mod file;
mod history;
mod period;
mod rows;
mod span;
mod status;
mod store;
mod table;

pub(crate) use alerts::{Rule, Severity, shown};
pub(crate) use catalog::Slo;
pub(crate) use count::Counting;
pub(crate) use definition::{Definition, Judged, Source, Timeslices};
pub(crate) use file::COUNTS;
pub(crate) use period::{Calendar, Period, STARTING_FORMAT, Unit};
pub(crate) use span::Span;
pub(crate) use store::SloStore;
pub(crate) use table::{STATUS, SloTable, register};

/// The kind under which the manifest keeps SLOs.
pub(crate) const SLO: &str = "slo";
