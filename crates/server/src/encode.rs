//! What leaves the server, in the types and sizes that every reader takes.
//!
//! Grafana's two readers, both written in Go, accept few Arrow types, read every time as nanoseconds, draw a missing value of a
//! column that cannot be NULL as 0, and refuse a message over 4 MiB. So an answer has one schema, computed when the statement is
//! planned: plain types, every column nullable, times in nanoseconds ([`Layout`]). Its messages are measured after they were
//! encoded, not guessed before ([`Encoder`]).

mod json;
mod layout;
mod messages;

pub(crate) use layout::{Layout, Types};
pub(crate) use messages::{Encoder, MESSAGE_BYTES_MAX};
