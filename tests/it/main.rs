//! Integration tests.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod attributes;
mod crash;
mod database;
mod disk_full;
mod kill;
mod model;
mod otlp;
mod scan;
mod tidy;
