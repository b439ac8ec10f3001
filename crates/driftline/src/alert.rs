//! Alerts: `CREATE ALERT` keeps one in the manifest, [`Database::evaluate_alerts`](crate::Database::evaluate_alerts) asks its query when it is due.
//!
//! A definition ([`definition`]) is a query, of which each row is a series: its text columns are labels, `value` is the value. The query is asked as
//! of its time ([`question`]), a state machine ([`series`]) makes pending, firing and resolved series of its rows, and what changes is written to
//! the table `alert_log` ([`log`]) before it is told to anybody, so that a restart goes on where the process ended ([`evaluate`]). The same machine
//! over past times is a replay ([`replay`]).

mod catalog;
mod definition;
mod evaluate;
mod labels;
mod log;
mod outbox;
mod question;
mod replay;
mod series;
mod store;
mod template;

pub use labels::Labels;
pub use outbox::Undelivered;
pub use series::{AlertEvent, AlertSeries, SeriesState};
pub use store::{AlertHealth, AlertStatus};

pub(crate) use catalog::Alert;
pub(crate) use definition::{Definition, EVERY_DEFAULT, Length, NoData, Source};
pub(crate) use evaluate::{end, status};
pub(crate) use log::history_query;
pub(crate) use question::{can_be_told_apart, check};
pub(crate) use store::AlertStore;
pub(crate) use template::Template;

/// The kind under which the manifest keeps alerts.
pub(crate) const ALERT: &str = "alert";
