//! Many dashboards at once: 64 connections ask the panels of `docs/grafana/` for a minute while another one writes.
//!
//! Not one of the timed benchmarks: it starts the real program. `DRIFTLINE_LOAD='PROGRAM DATABASE' cargo bench --workspace --bench driftline`, where DATABASE is a copy of
//! what `driftline demo` made; `DRIFTLINE_LOAD_SECONDS` and `DRIFTLINE_LOAD_CONNECTIONS` change the numbers.

#![expect(clippy::disallowed_methods, reason = "real time is what is measured")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftline_server::{Client, Credentials};
use futures::TryStreamExt;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::program::serve;

const DASHBOARDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana/dashboards/flight-sql");
/// What Grafana makes of `$__timeFilter(time)` over the history of the demo.
const TIME_FILTER: &str = "time >= '2026-06-01T00:00:00Z' AND time <= '2026-08-31T00:00:00Z'";
/// Rows of one INSERT, and how long it is from one to the next.
const WRITTEN_ROWS: usize = 100;
const WRITER_PAUSE: Duration = Duration::from_millis(100);

/// Program and database that the environment asks a load for; `None` where it asks for none.
pub(crate) fn asked() -> Option<(String, String)> {
    let asked = std::env::var("DRIFTLINE_LOAD").ok()?;
    let (program, database) = asked.split_once(' ').expect("a program and a database, divided by a space");
    Some((program.to_owned(), database.to_owned()))
}

pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs the load and prints what was seen, as Markdown.
#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
pub(crate) fn run(program: &str, database: &str) {
    let seconds = number("DRIFTLINE_LOAD_SECONDS", 60);
    let connections = number("DRIFTLINE_LOAD_CONNECTIONS", 64);
    let server = serve(program, Path::new(database));
    let url = format!("grpc://{}", server.address("flight"));
    let runtime = Runtime::new().expect("a runtime");
    let before = memory(server.process());
    let (seen, written) = runtime.block_on(load(&url, connections, Duration::from_secs(seconds as u64)));
    let (resident, peak) = memory(server.process());
    drop(server);

    let mut all: Vec<Duration> = seen.values().flatten().copied().collect();
    println!(
        "{connections} connections, {seconds} s: {} answers ({:.0}/s), {written} rows written, no error; resident {before} MiB before, \
         {resident} MiB after, {peak} MiB at most\n",
        all.len(),
        all.len() as f64 / seconds as f64,
        before = before.0
    );
    println!("| panel | answers | p50 | p99 |\n|---|---|---|---|");
    for (panel, mut times) in seen {
        println!(
            "| {panel} | {} | {:.0?} | {:.0?} |",
            times.len(),
            quantile(&mut times, 0.5),
            quantile(&mut times, 0.99)
        );
    }
    println!("| all | {} | {:.0?} | {:.0?} |", all.len(), quantile(&mut all, 0.5), quantile(&mut all, 0.99));
}

/// MiB that a process has resident, and the most it had.
pub(crate) fn memory(process: &Child) -> (u64, u64) {
    memory_of(&process.id().to_string())
}

/// The same of this process, at most.
pub(crate) fn memory_of_self() -> u64 {
    memory_of("self").1
}

fn memory_of(process: &str) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mebibytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kibibytes.unwrap_or(0) / 1024
    };
    (mebibytes("VmRSS:"), mebibytes("VmHWM:"))
}

/// Times of each panel's answers, and rows written.
async fn load(url: &str, connections: usize, length: Duration) -> (BTreeMap<String, Vec<Duration>>, usize) {
    let panels = Arc::new(panels(Path::new(DASHBOARDS)));
    let end = Instant::now() + length;
    let writer = tokio::spawn(write(url.to_owned(), end));
    let readers: Vec<_> = (0..connections)
        .map(|first| tokio::spawn(read(url.to_owned(), Arc::clone(&panels), first, end)))
        .collect();
    let mut seen: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for reader in readers {
        for (panel, time) in reader.await.expect("no reader fails") {
            seen.entry(panel).or_default().push(time);
        }
    }
    (seen, writer.await.expect("the writer does not fail"))
}

/// One panel after the other on a connection of its own, from another one on for every reader.
async fn read(
    url: String,
    panels: Arc<Vec<(String, String)>>,
    first: usize,
    end: Instant,
) -> Vec<(String, Duration)> {
    let client = Client::connect(&url, Credentials::Nothing, None).await.expect("it answers");
    let mut seen = vec![];
    for (panel, query) in panels.iter().cycle().skip(first % panels.len()) {
        let start = Instant::now();
        if start >= end {
            break;
        }
        let answer = client.sql(query).await.unwrap_or_else(|error| panic!("{panel}: {error}"));
        let batches: Vec<_> = answer.try_collect().await.unwrap_or_else(|error| panic!("{panel}: {error}"));
        assert!(batches.iter().any(|batch| batch.num_rows() > 0), "{panel} has no rows");
        seen.push((panel.clone(), start.elapsed()));
    }
    seen
}

/// Calls of the bot after the demo's history, a hundred at a time.
async fn write(url: String, end: Instant) -> usize {
    let client = Client::connect(&url, Credentials::Nothing, None).await.expect("it answers");
    let insert = format!(
        "INSERT INTO spans (time, duration_ns, trace_id, span_id, name, gen_ai_operation_name, gen_ai_request_model, app_intent, app_confidence)
         SELECT now(), value * 10000000, 'load', 'load', 'chat', 'chat', 'gpt-4o', 'refund', 0.9 FROM generate_series(1, {WRITTEN_ROWS})"
    );
    let mut written = 0;
    let mut pause = tokio::time::interval(WRITER_PAUSE);
    while Instant::now() < end {
        pause.tick().await;
        let answer = client.sql(&insert).await.expect("it is taken");
        answer.try_collect::<Vec<_>>().await.expect("it is written");
        written += WRITTEN_ROWS;
    }
    written
}

/// Title and query of every panel, the macro expanded.
fn panels(folder: &Path) -> Vec<(String, String)> {
    let mut panels = vec![];
    for entry in std::fs::read_dir(folder).expect("the dashboards are there") {
        let text = std::fs::read_to_string(entry.expect("it can be listed").path()).expect("it can be read");
        let dashboard: Value = serde_json::from_str(&text).expect("it is JSON");
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            if let Some(query) = panel["targets"][0]["queryText"].as_str() {
                let title = panel["title"].as_str().unwrap_or_default().to_owned();
                panels.push((title, query.replace("$__timeFilter(time)", TIME_FILTER)));
            }
        }
    }
    assert!(!panels.is_empty(), "there are panels");
    panels
}

/// The smallest time that so large a share of the times does not exceed.
pub(crate) fn quantile(times: &mut [Duration], q: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() as f64 * q).ceil() as usize).clamp(1, times.len()) - 1]
}
