pub(crate) mod build;
pub(crate) mod clients;
mod evaluations;
mod logs;
mod metrics;
mod payloads;
mod spans;
