//! The demo: a language-model customer-service bot whose answers go wrong without a sign in latency, cost or confidence.
//!
//! `calendar` and `bot` are the world, seeded and the same on every machine; `telemetry` is what the bot and its people report,
//! as real OTLP requests and one user table; `history` stores it once, through the same path as any exporter; `dashboard` and
//! `closing` know nothing of the world: they see only what SQL returns. The panels are files in `sql/dashboards/`, the alerts in `sql/alerts/`.

mod alerts;
mod bot;
mod calendar;
mod centroids;
mod closing;
mod dashboard;
mod draw;
mod history;
mod panel;
mod telemetry;

pub(crate) use alerts::{install, replay};
pub(crate) use calendar::Calendar;
pub(crate) use closing::closing;
pub(crate) use dashboard::dashboards;
pub(crate) use history::{Recipe, prepare};

#[cfg(test)]
mod tests;
