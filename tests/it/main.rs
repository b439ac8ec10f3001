//! Integration tests.

mod crash;
mod database;
mod model;
mod otlp;
mod scan;
mod tidy;
