//! Integration tests.

mod database;
mod model;
mod otlp;
mod scan;
