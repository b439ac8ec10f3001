//! The settings of a server: one struct, which a TOML file fills and flags override.

mod listen;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use driftline::otel::Redaction;
use driftline::{
    CACHE_BYTES_DEFAULT, DatabaseBuilder, EXACT_MAX_ROWS_DEFAULT, Error, ErrorKind, MEMORY_BYTES_DEFAULT,
    QUERIES_MAX_DEFAULT, QUERIES_QUEUED_MAX_DEFAULT, QUERY_TIMEOUT_DEFAULT, RedactionRule, Result, Role,
    SCAN_BYTES_DEFAULT, SPILL_BYTES_DEFAULT, StorageOptions,
};
use serde::Deserialize;

use crate::alerts::{ReceiverSettings, check_url};
use crate::encode::MESSAGE_BYTES_MAX;

pub use listen::Listen;

/// Schemas that there are, which no other name may hide.
const SCHEMAS: [&str; 3] = ["public", "driftline", "information_schema"];

/// How a server listens, whom it answers and how much each may use.
///
/// # Example
/// ```
/// use driftline_server::Settings;
/// let settings = Settings::parse("flight_addr = '127.0.0.1:0'\nquery_timeout = '1m'\nresult_max = '1GiB'")?;
/// assert_eq!(settings.query_timeout.as_secs(), 60);
/// # Ok::<(), driftline::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where Flight SQL listens; port 0 takes a free one.
    pub flight_addr: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub http_addr: SocketAddr,
    /// Where OTLP over gRPC is taken, or `off`.
    pub otlp_grpc_addr: Listen,
    /// Where OTLP over HTTP is taken, or `off`.
    pub otlp_http_addr: Listen,
    /// Memory of all OTLP requests that are being received and decoded; exporters past it are told to come again.
    pub otlp_memory: ByteSize,
    /// The size of one OTLP request, decompressed.
    pub otlp_request_max: ByteSize,
    /// What is dropped, hashed or masked of all telemetry before anything is stored.
    pub redact: Vec<RedactionRule>,
    /// The key of hashes; without it there are none.
    pub redact_hash_key: Option<String>,
    /// Who is told of alerts.
    #[serde(rename = "receiver")]
    pub receivers: Vec<ReceiverSettings>,
    /// The address of the door `http` as others reach it, for links in alerts (default: where it listens).
    pub external_url: Option<String>,
    /// The file of users; without it everybody who can connect is the anonymous caller.
    pub users: Option<PathBuf>,
    /// What a caller may do who shows no credential: by default `admin` where there are no users and the server listens on loopback
    /// alone, `read` where `insecure` lets it listen beyond, and nothing where there are users.
    #[serde(deserialize_with = "crate::access::role::optional::deserialize")]
    pub anonymous: Option<Role>,
    /// The certificate of the server, in PEM.
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    pub tls_key: Option<PathBuf>,
    /// The authority that must have signed the certificate of a client, in PEM.
    pub tls_client_ca: Option<PathBuf>,
    /// Whether to listen beyond loopback without users.
    pub insecure: bool,
    /// Another name of the schema `public`: `iox` for Grafana's InfluxDB data source.
    pub schema_alias: Option<String>,
    /// Memory of all queries together.
    pub memory: ByteSize,
    /// Memory of the cache of decoded columns.
    pub cache: ByteSize,
    /// What each partition of a scan decodes at a time, about.
    pub scan: ByteSize,
    /// Disk space of spilled rows.
    pub spill: ByteSize,
    /// Memory of rows before they are flushed, compaction, the grace period: the section `[storage]`.
    pub storage: StorageOptions,
    /// In how many partitions a query runs; by default one for each core.
    pub partitions: Option<usize>,
    /// Queries that run at the same time; further ones wait.
    pub queries_max: usize,
    /// Queries that wait; further ones are refused.
    pub queries_queued_max: usize,
    /// How long a query may run.
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    /// Memory of one query.
    pub query_memory: ByteSize,
    /// `drift.exact_max_rows`: values of a group that drift functions keep, beyond which they bound.
    pub exact_max_rows: usize,
    /// The encoded size of one answer.
    pub result_max: ByteSize,
    /// The encoded size of one message: what clients take.
    pub message_max: ByteSize,
    /// Connections at the same time.
    pub connections_max: usize,
    /// Prepared statements that a user has open.
    pub prepared_statements_max: usize,
    /// How long a prepared statement is kept that nobody uses.
    #[serde(with = "humantime_serde")]
    pub prepared_statement_lifetime: Duration,
    /// How long the token of a handshake counts.
    #[serde(with = "humantime_serde")]
    pub session_lifetime: Duration,
    /// How long a client may leave a message lying that waits for it; then its query ends.
    #[serde(with = "humantime_serde")]
    pub stalled_timeout: Duration,
    /// How long running queries may go on when the server is asked to end.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flight_addr: SocketAddr::from(([127, 0, 0, 1], 32010)),
            http_addr: SocketAddr::from(([127, 0, 0, 1], 8600)),
            otlp_grpc_addr: Listen::on_loopback(4317),
            otlp_http_addr: Listen::on_loopback(4318),
            otlp_memory: ByteSize::mib(256),
            otlp_request_max: ByteSize::mib(64),
            redact: vec![],
            redact_hash_key: None,
            receivers: vec![],
            external_url: None,
            users: None,
            anonymous: None,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            insecure: false,
            schema_alias: None,
            memory: ByteSize::b(MEMORY_BYTES_DEFAULT as u64),
            cache: ByteSize::b(CACHE_BYTES_DEFAULT as u64),
            scan: ByteSize::b(SCAN_BYTES_DEFAULT as u64),
            spill: ByteSize::b(SPILL_BYTES_DEFAULT),
            storage: StorageOptions::default(),
            partitions: None,
            queries_max: QUERIES_MAX_DEFAULT,
            queries_queued_max: QUERIES_QUEUED_MAX_DEFAULT,
            query_timeout: QUERY_TIMEOUT_DEFAULT,
            query_memory: ByteSize::mib(512),
            exact_max_rows: EXACT_MAX_ROWS_DEFAULT,
            result_max: ByteSize::gib(4),
            message_max: ByteSize::b(MESSAGE_BYTES_MAX as u64),
            connections_max: 1024,
            prepared_statements_max: 256,
            prepared_statement_lifetime: Duration::from_secs(1800),
            session_lifetime: Duration::from_secs(90 * 24 * 3600),
            stalled_timeout: Duration::from_secs(120),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// Reads settings from TOML; what it does not name keeps its default.
    ///
    /// # Errors
    /// `Invalid` for a text that is no TOML, an unknown setting or a value out of its range.
    pub fn parse(text: &str) -> Result<Self> {
        let settings: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        settings.validate()?;
        Ok(settings)
    }

    /// Reads settings from a file.
    ///
    /// # Errors
    /// `NotFound` where there is no such file, `Unavailable` for one that cannot be read, and as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, format!("cannot read {}: {error}", path.display())).with_source(error)
        })?;
        Self::parse(&text).map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    /// Checks what the settings say together.
    ///
    /// # Errors
    /// `Invalid` for a value out of its range, half of a certificate, an alias that cannot be one, or a door that is open to everybody.
    pub fn validate(&self) -> Result<()> {
        let ranges = [
            ("queries_max", self.queries_max as u64, 1, 1 << 20),
            ("memory", self.memory.as_u64(), 1 << 20, u64::MAX),
            ("connections_max", self.connections_max as u64, 1, 1 << 20),
            ("prepared_statements_max", self.prepared_statements_max as u64, 1, 1 << 20),
            ("query_memory", self.query_memory.as_u64(), 1 << 20, u64::MAX),
            ("result_max", self.result_max.as_u64(), 1 << 10, u64::MAX),
            ("message_max", self.message_max.as_u64(), 64 << 10, 1 << 30),
            ("otlp_request_max", self.otlp_request_max.as_u64(), 1 << 10, 1 << 30),
            ("otlp_memory", self.otlp_memory.as_u64(), self.otlp_request_max.as_u64(), 1 << 40),
        ];
        if let Some((name, value, min, max)) =
            ranges.iter().find(|(_, value, min, max)| !(min..=max).contains(&value))
        {
            return Err(invalid(format!("{name} must lie in [{min}, {max}], got {value}")));
        }
        for (name, duration) in
            [("query_timeout", self.query_timeout), ("stalled_timeout", self.stalled_timeout)]
        {
            if duration.is_zero() {
                return Err(invalid(format!("{name} must be longer than 0s")));
            }
        }
        self.storage.validate().map_err(|error| invalid(format!("storage: {error}")))?;
        match (&self.tls_cert, &self.tls_key, &self.tls_client_ca) {
            (Some(_), Some(_), _) | (None, None, None) => {}
            (None, None, Some(_)) => return Err(invalid("tls_client_ca needs tls_cert and tls_key")),
            _ => return Err(invalid("tls_cert and tls_key belong together: set both or none")),
        }
        Redaction::new(&self.redact, self.redact_hash_key.as_deref())
            .map_err(|error| invalid(error.to_string()))?;
        if let Some(alias) = &self.schema_alias {
            check_alias(alias)?;
        }
        if let Some(url) = &self.external_url {
            check_url("external_url", url)?;
        }
        self.receivers.iter().try_for_each(ReceiverSettings::validate)?;
        let mut names: Vec<&str> = self.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(invalid(format!("two receivers have the name \"{}\"", pair[0])));
        }
        match self.beyond_loopback() {
            Some(address) if self.is_open() && !self.insecure => Err(invalid(format!(
                "refusing to listen on {address} without users: name a file with --users, or say --insecure to let everybody read"
            ))),
            _ => Ok(()),
        }
    }

    /// What these settings say and probably do not mean, as a sentence for the log.
    pub(crate) fn doubt(&self) -> Option<String> {
        (self.query_memory > self.memory).then(|| {
            format!(
                "query_memory is {}, and all queries together have {} (memory): one query has no more than that",
                self.query_memory, self.memory
            )
        })
    }

    /// A database with the limits that these settings say for all callers together.
    pub fn limits(&self, database: DatabaseBuilder) -> DatabaseBuilder {
        let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let database = match self.partitions {
            Some(partitions) => database.target_partitions(partitions),
            None => database,
        };
        database
            .memory_limit(bytes(self.memory))
            .cache_limit(bytes(self.cache))
            .scan_limit(bytes(self.scan))
            .spill_limit(self.spill.as_u64())
            .storage(self.storage.clone())
            .query_timeout(self.query_timeout)
            .exact_max_rows(self.exact_max_rows)
            .queries_max(self.queries_max)
            .queries_queued_max(self.queries_queued_max)
            .redact(self.redact.clone(), self.redact_hash_key.clone())
    }

    /// The address of the door `http` as others reach it.
    pub(crate) fn external_url(&self) -> String {
        match &self.external_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.http_addr),
        }
    }

    /// Where the alerts are.
    pub(crate) fn alerts_url(&self) -> String {
        format!("{}/api/v1/alerts", self.external_url())
    }

    /// What a caller may do who shows no credential.
    pub(crate) fn anonymous_role(&self) -> Option<Role> {
        match self.anonymous {
            Some(role) => Some(role),
            None if self.users.is_some() => None,
            None if self.beyond_loopback().is_none() => Some(Role::Admin),
            None => Some(Role::Read),
        }
    }

    fn is_open(&self) -> bool {
        self.users.is_none() || self.anonymous.is_some()
    }

    /// The first door for callers that other machines reach.
    fn beyond_loopback(&self) -> Option<SocketAddr> {
        let doors = [Some(self.flight_addr), self.otlp_grpc_addr.address(), self.otlp_http_addr.address()];
        doors.into_iter().flatten().find(|door| !door.ip().is_loopback())
    }
}

/// Fails for a name that a statement could not write as it is, or that means another schema.
fn check_alias(alias: &str) -> Result<()> {
    let is_plain = alias.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && alias.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain && !SCHEMAS.contains(&alias) {
        return Ok(());
    }
    Err(invalid(format!(
        "schema_alias must be a plain name of lower-case letters, digits and _, and none of {}, got \"{alias}\"",
        SCHEMAS.join(", ")
    )))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests;
