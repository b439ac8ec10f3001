//! Flight SQL, OTLP and HTTP over a Driftline database: what Grafana, BI tools, notebooks and services speak.
//!
//! This crate knows the wire and nothing of the storage. `access/` decides who calls, `flight/` answers commands, `otlp/` takes telemetry in, `encode/` turns rows
//! into messages that every client takes, `alerts/` tells receivers of alerts, `http/` serves pages for machines that watch, and `run/` opens and
//! closes the doors.

mod access;
mod alerts;
mod client;
mod config;
mod encode;
mod error;
mod flight;
mod http;
mod otlp;
mod run;
mod service;

pub use access::{User, Users, UsersFile};
pub use alerts::{ReceiverKind, ReceiverSettings};
pub use client::{Answer, Client, Credentials};
pub use config::{Listen, Settings};
pub use run::Server;
