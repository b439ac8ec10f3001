//! The command line.

mod alert;
mod backup;
mod slo;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use driftline::Role;
use driftline_server::Listen;

use crate::failure::Failure;
use crate::place::Place;

pub(crate) use alert::{AlertArgs, AlertCommand, TestArgs};
pub(crate) use backup::{BackupArgs, RestoreArgs};
pub(crate) use slo::{SloArgs, SloCommand};

const EXAMPLES: &str = "\
Examples:
  driftline demo                                      a silent model failure, found in SQL
  driftline --db ./telemetry ingest traces.jsonl.gz   store what a collector wrote
  driftline --db ./telemetry sql                      an interactive shell
  driftline --db ./telemetry sql -c 'SHOW TABLES'
  driftline --db ./telemetry sql -c 'SELECT * FROM llm_calls LIMIT 5' --format json
  driftline --db ./telemetry import predictions.parquet --table predictions
  driftline --db ./telemetry serve                    Grafana and other Flight SQL clients

Environment: DRIFTLINE_DB names the database, DRIFTLINE_LOG=debug shows logs,
  NO_COLOR switches colour off.
Exit codes: 0 ok, 1 internal, 2 invalid, 3 not found, 4 exists or in use, 5 unavailable,
  6 resources or time exhausted, 7 corrupted, 8 not permitted, 130 interrupted.";

const SQL_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry sql                                  interactive, with history and completion
  driftline --db ./telemetry sql -c 'SELECT count(*) FROM spans'
  driftline --db ./telemetry sql -f report.sql --format csv --output report.csv
  driftline --db ./telemetry sql --read-only -c 'SELECT max(time) FROM spans'
  driftline --db ./telemetry sql --as-of 2026-09-01T12:00:00Z -c 'SELECT count(*) FROM spans'
  driftline sql --url grpc://127.0.0.1:32010 -c 'SHOW TABLES'
  echo 'SELECT 1; SELECT 2;' | driftline --db ./telemetry sql --format ndjson
  driftline --db ./telemetry sql -c \"SELECT psi(duration_ms, time > '2026-08-01') FROM llm_calls\"

With --read-only a database is read while another process writes it: each statement sees what was
acknowledged up to half a second before it. Without, one process at a time has it open.
With --as-of it is read as it was: what was in segments then, as long as such versions are kept (an
hour, in a backup until --prune). A single table as it was: SELECT * FROM spans FOR SYSTEM_TIME AS OF
'2026-09-01T12:00:00Z'.

A statement ends with a semicolon (the last one need not). From standard input each statement is
answered before the next one is read; an error there is reported, the following statements run,
and the exit code is the first error's.";

const INGEST_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry ingest export/*.binpb.gz
  driftline --db ./telemetry ingest collector-output.jsonl
  cat body.json | driftline --db ./telemetry ingest - --signal traces --encoding json

One body a .binpb or .json file, one body a line of a .jsonl file; each may be gzipped (.gz).
Signal and encoding are found out from content and name where the options do not say. What is no
OTLP is reported with file and offset; all the rest is kept.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry import predictions.parquet --table predictions
  driftline --db ./telemetry import labels.csv --table labels --time-column labelled_at
  driftline --db ./telemetry import events.ndjson.gz --table events --time-unit ms --sort 'model, time'

All rows of one command arrive together or not at all.";

const PRICES_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry prices model_prices_and_context_window.json
  driftline --db ./telemetry prices new.json --from 2026-09-01
  driftline --db ./telemetry sql -c \"INSERT INTO prices (time, model, input_price, output_price)
      VALUES ('2026-09-01', 'our-model%', 0.4, 1.2)\"
  driftline --db ./telemetry sql -c 'SELECT model, sum(cost_usd), sum(CAST(unpriced AS INT)) FROM llm_calls GROUP BY model'

The list has the form of LiteLLM's model_prices_and_context_window.json. Prices in the table are US
dollars for a million tokens. What is there already is left alone, so the command can be repeated.";

const SERVE_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry serve                                on this machine, for everybody on it
  driftline user add grafana --role read --users users.toml
  driftline --db ./telemetry serve --flight-addr 0.0.0.0:32010 --users users.toml \\
      --tls-cert server.pem --tls-key server.key
  driftline --db ./telemetry serve --config driftline.toml

When a door is open, one line says where: `flight listening on 127.0.0.1:32010`. Port 0 takes a
free one. The log goes to standard error; DRIFTLINE_LOG=warn leaves the queries out of it. Ctrl-C
or SIGTERM lets running queries end (shutdown_grace in the configuration, 10 s) and flushes.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry export --table spans ./spans
  driftline --db ./telemetry export --table llm_calls --partition-by month ./calls
  driftline --db ./telemetry export --partition-by none ./july \\
      --query \"SELECT * FROM spans WHERE time >= '2026-07-01' AND time < '2026-08-01'\"

The rows are those of one moment; another process may write meanwhile. Deleted rows are left out, and
every column that the table has now is there. By day and by month the rows need a column time, and
none that is called date (by day) or month (by month) as the folders are. Views and queries are sorted
by day first, which may spill into the directory for temporary files.";

const COMPACT_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry compact
  driftline --db ./telemetry compact spans --since 2026-08-01 --until 2026-08-31
  driftline --db ./telemetry sql -c \"DELETE FROM spans WHERE user_id = 'ann'\"
  driftline --db ./telemetry compact spans --purge

A database compacts itself while it is open: this is for one that is not, or does not want to wait.
Where a server has it open the work is done here, and the server takes the result within seconds; the statement
COMPACT name [WHERE day ...] [PURGE] lets the server do it.";

const USER_EXAMPLES: &str = "\
Examples:
  driftline user add grafana --role read --users users.toml             asks for the password
  echo \"$SECRET\" | driftline user add app --role write --users users.toml
  driftline user add ci --role read --token nightly --expires 90d --users users.toml
  driftline user list --users users.toml

A running server reads the file again when it changes.";

/// The embedded analytics database for ML telemetry: OpenTelemetry in, drift and SLO answers out, in SQL.
#[derive(Debug, Parser)]
#[command(name = "driftline", version, about, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Args {
    /// Directory of the database, or its bucket: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX, with
    /// credentials and endpoint in the variables of the provider (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...)
    #[arg(long, global = true, env = "DRIFTLINE_DB", value_name = "PATH", value_parser = maybe_empty_path())]
    db: Option<PathBuf>,

    /// Where the log of a database in a bucket lies on this machine, as it was when the database was made; without it the log
    /// lies in the bucket
    #[arg(long, global = true, env = "DRIFTLINE_LOG_DIR", value_name = "PATH", value_parser = maybe_empty_path())]
    log_dir: Option<PathBuf>,

    /// Say only errors and what was left out
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// What `--db` or DRIFTLINE_DB says, if anything.
    pub(crate) fn named_database(&self) -> Option<&Path> {
        self.db.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// The database that `--db` or DRIFTLINE_DB names.
    pub(crate) fn database(&self) -> anyhow::Result<Place> {
        let named = self.named_database().map(Path::to_owned);
        let path =
            named.ok_or_else(|| Failure::invalid("no database named: pass --db PATH or set DRIFTLINE_DB"))?;
        let log_dir = self.log_dir.clone().filter(|path| !path.as_os_str().is_empty());
        Ok(Place::new(path, log_dir))
    }
}

/// An empty variable in the environment is none: clap's own parser of paths would refuse it for every verb.
fn maybe_empty_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the history of a customer-service bot and show how its silent failure is found
    Demo(DemoArgs),
    /// Run SQL: statements from -c, -f, standard input, or an interactive shell
    Sql(SqlArgs),
    /// Store OpenTelemetry (OTLP) files
    Ingest(IngestArgs),
    /// Load Parquet, CSV or NDJSON files into a table, creating it if needed
    Import(ImportArgs),
    /// Bring the prices of models up to a list, so that calls have a cost
    Prices(PricesArgs),
    /// Make SLOs of files (OpenSLO), or write them as such
    Slo(SloArgs),
    /// Replay alerts over history
    Alert(AlertArgs),
    /// Answer Flight SQL clients: Grafana, BI tools, notebooks
    Serve(ServeArgs),
    /// Who may call a server: add, list or remove users and their tokens
    User(UserArgs),
    /// Show what the database holds
    Info,
    /// Bring segments to a good size and make deletions physical, now
    Compact(CompactArgs),
    /// Copy the database, also while another process writes it; the next time what is new
    Backup(BackupArgs),
    /// Make a database of a backup
    Restore(RestoreArgs),
    /// Write a table or the answer of a query as Parquet files
    Export(ExportArgs),
    /// Verify the database's files
    Check(CheckArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Directory of the demo database
    #[arg(long, value_name = "PATH", default_value = "./driftline-demo")]
    pub(crate) dir: PathBuf,

    /// Days of history; the last seven are the failure
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(49..=730))]
    pub(crate) days: u32,

    /// Seed of the generated history: the same seed gives the same rows everywhere
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = SQL_EXAMPLES)]
pub(crate) struct SqlArgs {
    /// Statements to run
    #[arg(
        short = 'c',
        long = "command",
        value_name = "SQL",
        conflicts_with = "file",
        allow_hyphen_values = true
    )]
    pub(crate) commands: Vec<String>,

    /// File with statements to run
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// How results are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,

    /// Write results to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Create the database if there is none
    #[arg(long)]
    pub(crate) create: bool,

    /// Change nothing, and read beside a process that writes
    #[arg(long, conflicts_with = "create")]
    pub(crate) read_only: bool,

    /// Read the database as it was at a time, as 2026-09-01 or 2026-09-01T12:00:00Z, and change nothing
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "create")]
    pub(crate) as_of: Option<SystemTime>,

    /// Ask a running server instead of a database: grpc://HOST:PORT, or grpcs://HOST:PORT with TLS
    #[arg(long, value_name = "URL", conflicts_with_all = ["create", "read_only", "as_of"])]
    pub(crate) url: Option<String>,

    /// User at the server; the password is asked for, or taken from DRIFTLINE_PASSWORD
    #[arg(long, value_name = "NAME", requires = "url", conflicts_with = "token")]
    pub(crate) user: Option<String>,

    /// Token for the server
    #[arg(long, value_name = "TOKEN", requires = "url", env = "DRIFTLINE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Authority that signed the server's certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) ca: Option<PathBuf>,

    /// What an error does to the statements after it: -c and -f stop, standard input continues
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_error: Option<OnError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    Stop,
    Continue,
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned for reading; on a terminal cut to its width
    Table,
    /// RFC 4180 with a header; NULL is empty
    Csv,
    /// One array of objects a statement; times in RFC 3339; NaN and infinities are null
    Json,
    /// One object a line
    Ndjson,
    /// An Apache Parquet file
    Parquet,
    /// An Apache Arrow IPC stream
    Arrow,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = INGEST_EXAMPLES)]
pub(crate) struct IngestArgs {
    /// OTLP files: .binpb, .json, .jsonl, each also .gz; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// What the bodies hold
    #[arg(long, value_enum)]
    pub(crate) signal: Option<SignalArg>,

    /// How the bodies are encoded
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingArg>,

    /// File with the settings of a server, in TOML: its limits and what it redacts count here, too
    #[arg(long, value_name = "FILE", env = "DRIFTLINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignalArg {
    Traces,
    Metrics,
    Logs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodingArg {
    Protobuf,
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArgs {
    /// Files of one format: .parquet, .csv, .ndjson or .jsonl; the text formats also .gz
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Table to load into
    #[arg(long, short, value_name = "NAME")]
    pub(crate) table: String,

    /// Column that becomes `time`
    #[arg(long, value_name = "COLUMN", default_value = "time")]
    pub(crate) time_column: String,

    /// Unit of a numeric time column; by default guessed from the first value's size
    #[arg(long, value_enum)]
    pub(crate) time_unit: Option<TimeUnitArg>,

    /// Format of the files, where the name does not say
    #[arg(long, value_enum)]
    pub(crate) input_format: Option<InputFormat>,

    /// Sort key of a new table, for example 'model, time'
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) sort: Option<String>,

    /// Rows read to find out the types of CSV and NDJSON columns; 0 reads all
    #[arg(long, default_value_t = 10_000, value_name = "ROWS")]
    pub(crate) infer_rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeUnitArg {
    S,
    Ms,
    Us,
    Ns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    Parquet,
    Csv,
    Ndjson,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = PRICES_EXAMPLES)]
pub(crate) struct PricesArgs {
    /// A list of prices as LiteLLM keeps it, JSON; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// From when on the prices hold, as 2026-09-01 or 2026-09-01T12:00:00Z; without it, new models have theirs since
    /// 1970 and changed prices hold from now on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) from: Option<SystemTime>,
}

/// A date, or a time of RFC 3339.
fn parse_time(text: &str) -> Result<SystemTime, humantime::TimestampError> {
    humantime::parse_rfc3339_weak(text)
        .or_else(|_| humantime::parse_rfc3339_weak(&format!("{text}T00:00:00Z")))
}

#[derive(Debug, ClapArgs)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArgs {
    /// File with settings, in TOML; what is said here counts more
    #[arg(long, value_name = "FILE", env = "DRIFTLINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Where Flight SQL listens (127.0.0.1:32010)
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_FLIGHT_ADDR")]
    pub(crate) flight_addr: Option<SocketAddr>,

    /// Where /healthz, /readyz and /metrics are (127.0.0.1:8600)
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_HTTP_ADDR")]
    pub(crate) http_addr: Option<SocketAddr>,

    /// Where OTLP over gRPC is taken, or off (127.0.0.1:4317)
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_OTLP_GRPC_ADDR")]
    pub(crate) otlp_grpc_addr: Option<Listen>,

    /// Where OTLP over HTTP is taken, or off (127.0.0.1:4318)
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_OTLP_HTTP_ADDR")]
    pub(crate) otlp_http_addr: Option<Listen>,

    /// File of users; without it everybody who can connect may do everything
    #[arg(long, value_name = "FILE", env = "DRIFTLINE_USERS")]
    pub(crate) users: Option<PathBuf>,

    /// What callers without a credential may do: read, write or admin
    #[arg(long, value_name = "ROLE")]
    pub(crate) anonymous: Option<Role>,

    /// Certificate of the server, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Authority that must have signed the certificates of clients, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_client_ca: Option<PathBuf>,

    /// Listen beyond this machine without users
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Another name of the schema public: iox for Grafana's InfluxDB data source
    #[arg(long, value_name = "NAME")]
    pub(crate) schema_alias: Option<String>,

    /// Create the database if there is none
    #[arg(long)]
    pub(crate) create: bool,

    /// How the log is written
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    /// One object a line
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = USER_EXAMPLES)]
pub(crate) struct UserArgs {
    /// File of users
    #[arg(long, global = true, value_name = "FILE", env = "DRIFTLINE_USERS", default_value = "users.toml")]
    pub(crate) users: PathBuf,

    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user, or change role, tables and password of one; the password is asked for, or read from standard input
    Add {
        /// Name of the user
        name: String,

        /// What the user may do: read, write or admin
        #[arg(long, value_name = "ROLE")]
        role: Role,

        /// Tables, views and baselines that the user may name; without it, all
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        tables: Option<Vec<String>>,

        /// Make a token of this name, and show it, instead of setting a password
        #[arg(long, value_name = "NAME")]
        token: Option<String>,

        /// How long the token counts, as in 90d; without it, for ever
        #[arg(long, value_name = "TIME", requires = "token", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// List all users
    List,
    /// Remove a user with all tokens
    Remove {
        /// Name of the user
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = COMPACT_EXAMPLES)]
pub(crate) struct CompactArgs {
    /// Tables; without names, all
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,

    /// First day, as 2026-08-01
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub(crate) since: Option<String>,

    /// Last day
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub(crate) until: Option<String>,

    /// Also remove what older versions of the database still hold: nothing deleted is left on the disk
    #[arg(long)]
    pub(crate) purge: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Table or view to write
    #[arg(long, short, value_name = "NAME", required_unless_present = "query")]
    pub(crate) table: Option<String>,

    /// Query whose answer to write
    #[arg(long, value_name = "SQL", conflicts_with = "table")]
    pub(crate) query: Option<String>,

    /// What a folder holds: a UTC day, as date=2026-08-01, a month, as month=2026-08-01, or all of it
    #[arg(long, value_enum, default_value_t = ExportPartition::Day)]
    pub(crate) partition_by: ExportPartition,

    /// Folder to write into: new, or empty
    #[arg(value_name = "FOLDER")]
    pub(crate) destination: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportPartition {
    Day,
    Month,
    None,
}

/// A day as partitions are called.
fn parse_day(text: &str) -> Result<String, humantime::TimestampError> {
    humantime::parse_rfc3339_weak(&format!("{text}T00:00:00Z")).map(|_| text.to_owned())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// Read every byte of every file
    #[arg(long)]
    pub(crate) deep: bool,
}
