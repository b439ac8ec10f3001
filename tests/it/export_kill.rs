//! `kill -9` on a server under load, again and again: every acknowledged span is there, none is there twice.
//!
//! Exporters send batches of spans with ids of their own. What was not answered is sent again to the next process, byte for byte, as an
//! exporter does; so in the end every span must be there exactly once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use driftline::Database;
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use crate::served::Served;

const SEED: u64 = 5;
const ROUNDS: usize = 15;
const EXPORTERS: u64 = 4;
/// The most acknowledged batches that the test waits for before it kills.
const ACKNOWLEDGED_MAX: u64 = 120;
const SPANS_MAX: u64 = 60;

/// A batch of spans that nobody else has: their ids count on from `first`.
fn batch(first: u64, spans: u64) -> ExportTraceServiceRequest {
    let span = |id: u64| Span {
        trace_id: [[7; 8], id.to_be_bytes()].concat(),
        span_id: id.to_be_bytes().to_vec(),
        name: format!("span {id}"),
        start_time_unix_nano: 1_785_585_600_000_000_000 + id,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: (first..first + spans).map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

/// What all exporters share.
#[derive(Default)]
struct Progress {
    spans: AtomicU64,
    acknowledged: AtomicU64,
    told: Notify,
}

/// Exports until the server is gone; returns the batch that was not answered, and what was heard in its place.
async fn export(
    server: String,
    progress: Arc<Progress>,
    mut unanswered: Option<ExportTraceServiceRequest>,
    mut rng: ChaCha8Rng,
) -> (Option<ExportTraceServiceRequest>, String) {
    let mut client = match TraceServiceClient::connect(server).await {
        Ok(client) => client,
        Err(error) => return (unanswered, error.to_string()),
    };
    loop {
        let batch = unanswered.take().unwrap_or_else(|| {
            let spans = rng.random_range(1..=SPANS_MAX);
            batch(progress.spans.fetch_add(spans, Ordering::SeqCst) + 1, spans)
        });
        match client.export(batch.clone()).await {
            Ok(answer) if answer.get_ref().partial_success.is_none() => {
                progress.acknowledged.fetch_add(1, Ordering::SeqCst);
                progress.told.notify_one();
            }
            Ok(answer) => panic!("a good batch was refused in part: {answer:?}"),
            Err(status) => return (Some(batch), status.to_string()),
        }
    }
}

/// Sends what the last process did not answer, and more, and kills it at a seeded moment.
async fn round(
    database: &Path,
    progress: &Arc<Progress>,
    unanswered: &mut Vec<Option<ExportTraceServiceRequest>>,
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let server = Served::start(database)?;
    let mut exporters: FuturesUnordered<_> = std::mem::take(unanswered)
        .into_iter()
        .map(|batch| {
            let rng = ChaCha8Rng::seed_from_u64(rng.random());
            tokio::spawn(export(server.otlp.clone(), Arc::clone(progress), batch, rng))
        })
        .collect();
    let enough = progress.acknowledged.load(Ordering::SeqCst) + rng.random_range(0..ACKNOWLEDGED_MAX);
    while progress.acknowledged.load(Ordering::SeqCst) < enough {
        tokio::select! {
            () = progress.told.notified() => {}
            Some(ended) = exporters.next() => bail!("an exporter left a server that lives: {}", ended?.1),
        }
    }
    server.kill()?;
    while let Some(ended) = exporters.next().await {
        unanswered.push(ended?.0);
    }
    Ok(())
}

async fn number(database: &Database, sql: &str) -> Result<i64> {
    let batches: Vec<_> = database.sql(sql).await?.try_collect().await?;
    Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
}

// breaks when an export is acknowledged before it is durable, or a retry is stored beside what a crash had left of the first attempt
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_span_is_there_and_none_twice() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let progress = Arc::new(Progress::default());
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut unanswered: Vec<_> = (0..EXPORTERS).map(|_| None).collect();
    for i in 0..ROUNDS {
        round(directory.path(), &progress, &mut unanswered, &mut rng)
            .await
            .with_context(|| format!("round {i}"))?;
    }
    let server = Served::start(directory.path())?;
    let mut client = TraceServiceClient::connect(server.otlp.clone()).await?;
    for batch in unanswered.into_iter().flatten() {
        client.export(batch).await?;
    }
    server.kill()?;
    let database = Database::open(directory.path()).await?;
    let attempted = i64::try_from(progress.spans.load(Ordering::SeqCst))?;
    let rows = number(&database, "SELECT count(*) FROM spans").await?;
    let ids = number(&database, "SELECT count(DISTINCT span_id) FROM spans").await?;
    ensure!((rows, ids) == (attempted, attempted), "{attempted} spans, {ids} ids in {rows} rows");
    ensure!(attempted > 1_000, "only {attempted} spans: the test does not do what it should");
    database.close().await?;
    Ok(())
}
