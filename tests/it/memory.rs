//! Memory: ingest, a compaction and a query over more rows than its memory takes, all at once, in a server whose limits are small.

use std::ffi::OsStr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use tokio::task::spawn_blocking;

use crate::program;
use crate::served::Served;

const SETTINGS: &str = r#"
memory = "48MiB"
query_memory = "48MiB"
cache = "16MiB"
scan = "8MiB"
partitions = 2
otlp_memory = "16MiB"
otlp_request_max = "4MiB"

[storage]
memtable_bytes = "16MiB"
compaction = false
compaction_memory = "64MiB"
"#;
/// What the settings allow, in MiB: queries, the cache, what two partitions of a scan decode, requests of OTLP, rows in memory twice
/// (while one half is flushed), and a compaction.
const SETTINGS_MIB: u64 = 48 + 16 + 2 * 8 + 16 + 2 * 16 + 64;
/// Beside what settings bound, in MiB: threads, connections, plans, footers. What the allocator has not given back is in what is watched.
const PROCESS_MIB: u64 = 32;
const LOADS: u64 = 6;
/// Rows of one load: about 500 bytes each.
const ROWS: u64 = 50_000;
const LOGS_OF_A_REQUEST: usize = 500;
const EXPORTERS: usize = 2;

/// Statements through the client of the program.
fn ask(url: &str, sql: &str) -> Result<String> {
    let arguments = ["--quiet", "sql", "--url", url, "--format", "csv", "-c", sql];
    let output = Command::new(program::path()?).args(arguments).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{sql} failed: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

fn load(number: u64) -> String {
    let first = number * ROWS;
    format!(
        "INSERT INTO events SELECT to_timestamp_nanos(1785585600000000000 + value * 1000000) AS time, value AS number, \
         repeat(lpad(CAST(value * 7919 % 1000003 AS VARCHAR), 8, '0'), 60) AS body FROM range({first}, {})",
        first + ROWS
    )
}

/// Exports logs until it is told to end; returns how many were acknowledged.
async fn export(exporter: usize, server: String, ended: &AtomicBool) -> Result<u64> {
    let mut client = LogsServiceClient::connect(server).await?;
    let mut acknowledged = 0;
    while !ended.load(Ordering::Relaxed) {
        let record = |number: usize| LogRecord {
            time_unix_nano: 1_785_585_600_000_000_000 + acknowledged + number as u64,
            body: Some(AnyValue { value: Some(Value::StringValue(format!("{exporter}-{number:0500}"))) }),
            ..LogRecord::default()
        };
        let log_records = (0..LOGS_OF_A_REQUEST).map(record).collect();
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
        client.export(ExportLogsServiceRequest { resource_logs }).await?;
        acknowledged += LOGS_OF_A_REQUEST as u64;
    }
    Ok(acknowledged)
}

/// MiB of its own that a process had resident at most: all, less the pages of files.
fn peak_mib(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = |name: &str| -> Result<u64> {
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| name.to_owned())?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    Ok((kib("VmHWM:")? - kib("RssFile:")?) / 1024)
}

// breaks when any of them takes more than its share, or the query fails instead of spilling
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ingest_a_compaction_and_a_heavy_query_stay_within_the_limits() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let settings = directory.path().join("settings.toml");
    std::fs::write(&settings, SETTINGS)?;
    let options = [OsStr::new("--config"), settings.as_os_str()];
    let server = Served::start_with(&directory.path().join("db"), &options)?;
    let url = server.flight.clone();
    let sql = async |statement: String| -> Result<String> {
        let url = url.clone();
        spawn_blocking(move || ask(&url, &statement)).await?
    };
    sql("CREATE TABLE events (time TIMESTAMP NOT NULL, number BIGINT, body TEXT)".to_owned()).await?;
    for number in 0..LOADS {
        sql(load(number)).await?;
    }
    let ended = AtomicBool::new(false);
    let exporters = futures::future::try_join_all(
        (0..EXPORTERS).map(|exporter| export(exporter, server.otlp.clone(), &ended)),
    );
    let heavy = "SELECT count(*) AS rows, sum(number * place % 1000) AS mix FROM \
                 (SELECT number, row_number() OVER (ORDER BY body) AS place FROM events)";
    let work = async {
        let work = tokio::try_join!(sql(heavy.to_owned()), sql("COMPACT events".to_owned()));
        ended.store(true, Ordering::Relaxed);
        work
    };
    let ((answer, _), exported) = tokio::try_join!(work, exporters)?;
    let exported: u64 = exported.into_iter().sum();
    let peak = peak_mib(server.process())?;
    ensure!(peak <= SETTINGS_MIB + PROCESS_MIB, "{peak} MiB");
    ensure!(
        answer.lines().nth(1).is_some_and(|row| row.starts_with(&format!("{},", LOADS * ROWS))),
        "{answer}"
    );
    let spilled = "SELECT max(spilled_bytes) FROM driftline.queries WHERE sql LIKE '%row_number%'";
    let spilled: u64 = sql(spilled.to_owned()).await?.lines().nth(1).context("a row")?.parse()?;
    ensure!(spilled > 48 << 20, "{spilled} bytes were spilled: it was not heavy");
    let logs = sql("SELECT count(*) FROM logs".to_owned()).await?;
    ensure!(logs.ends_with(&format!("\n{exported}\n")), "{exported} were acknowledged: {logs}");
    server.kill()
}
