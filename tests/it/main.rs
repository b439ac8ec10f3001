//! Integration tests.
mod otlp;
