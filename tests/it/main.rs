//! Integration tests.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod alerts;
mod attributes;
mod baselines;
mod command_line;
mod crash;
mod database;
mod disk_full;
mod drift_report;
mod export_kill;
mod formats;
mod kill;
mod memory;
mod model;
mod openslo;
mod otlp;
mod program;
mod purge;
mod receivers;
mod redaction;
mod scan;
mod served;
mod sessions;
mod simulation;
mod slo;
mod tidy;
mod time_travel;
