pub(crate) mod build;
pub(crate) mod clients;
mod logs;
mod metrics;
mod schema;
mod spans;
