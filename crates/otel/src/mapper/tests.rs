pub(crate) mod build;
pub(crate) mod clients;
mod logs;
mod metrics;
mod payloads;
mod spans;
