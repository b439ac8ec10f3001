//! A server that has less memory than it has rows: it takes in telemetry, compacts and answers a large query at the same time, and
//! spills instead of dying.
//!
//! The kernel holds the limit: a process that asks for more writable memory than `RLIMIT_DATA` gets none, and ends.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int64Type;
use driftline::Database;
use driftline_server::{Client, Credentials};
use futures::TryStreamExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use crate::program;
use crate::served::Served;

/// What the server may have: its settings come to 120 MiB together, and the rows of two row groups that a compaction writes, the program and
/// its threads are the rest.
const MEMORY_KIB: u64 = 320 * 1024;
/// Rows and bytes that lie there when the server starts: more than it has memory.
const LOADS: usize = 4;
const LOAD_ROWS: usize = 60_000;
const NAME_BYTES: usize = 1_500;
/// 2026-08-01T00:00:00Z.
const START_NS: i64 = 1_785_542_400_000_000_000;
const EXPORTED_SPANS: u64 = 200;

const SETTINGS: &str = "
    memory = '48MiB'
    query_memory = '48MiB'
    cache = '8MiB'
    otlp_memory = '8MiB'
    otlp_request_max = '4MiB'
    [storage]
    memtable_bytes = '8MiB'
    bulk_bytes = '8MiB'
    compaction = false
    compaction_memory = '16MiB'
    compaction_target = '1GiB'
    footer_cache_bytes = '8MiB'
    index_cache_bytes = '8MiB'
    day_list_cache_bytes = '8MiB'
";

/// Rows of one day whose names are long, and no two of them equal.
fn rows(load: usize, first: usize, rows: usize) -> Result<RecordBatch> {
    let numbers = first..first + rows;
    let time = numbers.clone().map(|n| START_NS + (n * LOADS + load) as i64 * 1_000_000);
    let time = TimestampNanosecondArray::from_iter_values(time).with_timezone("UTC");
    let names = StringArray::from_iter_values(numbers.map(|n| name((n * LOADS + load) as u64)));
    Ok(RecordBatch::try_from_iter([("time", Arc::new(time) as ArrayRef), ("name", Arc::new(names))])?)
}

/// A name that does not compress well.
fn name(seed: u64) -> String {
    let mut state = seed.wrapping_add(1);
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:016x}", state ^ (state >> 29))
    });
    words.take(NAME_BYTES / 16).collect()
}

async fn fill(path: &Path) -> Result<()> {
    let database = Database::open(path).await?;
    for load in 0..LOADS {
        let mut bulk = database.bulk_load("spans")?;
        for first in (0..LOAD_ROWS).step_by(5_000) {
            bulk.push(rows(load, first, 5_000)?).await?;
        }
        bulk.commit().await?;
    }
    Ok(database.close().await?)
}

/// A shell that lowers the limit of what it starts.
fn limited() -> Result<Command> {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -d {MEMORY_KIB} && exec \"$0\" \"$@\"")]);
    command.arg(program::path()?);
    // threads of the allocator share few arenas: each reserves memory that nobody uses
    command.env("MALLOC_ARENA_MAX", "2");
    Ok(command)
}

async fn number(client: &Client, sql: &str) -> Result<i64> {
    let batches: Vec<RecordBatch> = client.sql(sql).await?.try_collect().await?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).context("no row")?;
    Ok(batch.column(0).as_primitive::<Int64Type>().value(0))
}

/// Exports spans until it is told to stop; returns how many were acknowledged.
async fn export(address: String, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Result<()> {
    let mut client = TraceServiceClient::connect(address).await?;
    let mut first = 1 << 40;
    while !stop.load(Ordering::Relaxed) {
        let span = |id: u64| Span {
            trace_id: [[7; 8], id.to_be_bytes()].concat(),
            span_id: id.to_be_bytes().to_vec(),
            name: name(id),
            start_time_unix_nano: START_NS as u64 + (id & 0xFF_FFFF) * 1_000_000,
            ..Span::default()
        };
        let spans = (first..first + EXPORTED_SPANS).map(span).collect();
        let scope = ScopeSpans { spans, ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        client.export(ExportTraceServiceRequest { resource_spans: vec![resource] }).await?;
        done.fetch_add(EXPORTED_SPANS, Ordering::SeqCst);
        first += EXPORTED_SPANS;
    }
    Ok(())
}

// breaks when a query, a compaction or the way in holds memory that no limit counts
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_compaction_and_a_large_query_stay_inside_the_limit() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("db");
    fill(&path).await?;
    let loaded = (LOADS * LOAD_ROWS) as i64;
    ensure!(loaded * NAME_BYTES as i64 > MEMORY_KIB as i64 * 1024, "the rows fit into memory");
    let settings = directory.path().join("driftline.toml");
    std::fs::write(&settings, SETTINGS)?;
    let mut server = Served::start_with(limited()?, &path, &["--config".as_ref(), settings.as_os_str()])?;
    let client = Client::connect(&server.flight, Credentials::Nothing, None).await?;

    let (stop, exported) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let exporter = tokio::spawn(export(server.otlp.clone(), Arc::clone(&stop), Arc::clone(&exported)));
    let compact =
        async { Ok::<_, anyhow::Error>(client.sql("COMPACT spans").await?.try_collect::<Vec<_>>().await?) };
    // a sort and a window over every row, in one order that no index knows
    let sorted = number(
        &client,
        "SELECT count(*) FROM (SELECT name, row_number() OVER (ORDER BY reverse(name)) AS n FROM spans) WHERE n % 2 = 0",
    );
    let (compacted, sorted) = tokio::join!(compact, sorted);
    stop.store(true, Ordering::Relaxed);
    server.check_alive()?;
    compacted.context("the compaction")?;
    let sorted = sorted.context("the query")?;
    exporter.await?.context("the exporter")?;

    let exported = i64::try_from(exported.load(Ordering::SeqCst))?;
    ensure!(exported > 0, "nothing was taken in beside the query");
    ensure!((loaded / 2..=(loaded + exported) / 2).contains(&sorted), "{sorted} of {loaded} and {exported}");
    let all = number(&client, "SELECT count(*) FROM spans").await?;
    ensure!(all == loaded + exported, "{all} rows of {loaded} and {exported}");
    let spilled = number(&client, "SELECT max(spilled_bytes) FROM driftline.queries").await?;
    ensure!(spilled > 0, "the query did not spill: it fits into memory");
    server.kill()
}
