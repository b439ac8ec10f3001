//! Integration tests.
mod model;
mod otlp;
