//! The way in: durable appends, flushes, bulk loads.

use bytesize::ByteSize;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use driftline::{Database, Durability, StorageOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::telemetry::{CREATE_TABLE, predictions};

const FLUSH_ROWS: usize = 1_000_000;
const APPEND_ROWS: [usize; 3] = [100, 1_000, 10_000];
const WRITERS: usize = 16;

pub(crate) fn run(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    append(criterion, &runtime);
    flush(criterion, &runtime);
    bulk_load(criterion, &runtime);
}

fn database(runtime: &Runtime, memtable_bytes: ByteSize) -> (TempDir, Database) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = runtime.block_on(async {
        let options = StorageOptions { memtable_bytes, ..StorageOptions::default() };
        let database = Database::builder(folder.path()).storage(options).open().await.expect("it opens");
        database.sql(CREATE_TABLE).await.expect("the table is new");
        database
    });
    (folder, database)
}

/// Acknowledged means synced: one writer waits for a sync each time, many share one.
fn append(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("append_durable");
    for rows in APPEND_ROWS {
        let (_folder, database) = database(runtime, ByteSize::mib(64));
        let batch = predictions(0, rows, 1_000_000, 1);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new("1_writer", rows), |bencher| {
            bencher.to_async(runtime).iter(|| database.append("predictions", batch.clone()));
        });
        group.throughput(Throughput::Elements((rows * WRITERS) as u64));
        group.bench_function(BenchmarkId::new(format!("{WRITERS}_writers"), rows), |bencher| {
            bencher.to_async(runtime).iter(|| {
                let writers = (0..WRITERS).map(|_| {
                    let (database, batch) = (database.clone(), batch.clone());
                    tokio::spawn(async move { database.append("predictions", batch).await })
                });
                let writers: Vec<_> = writers.collect();
                async {
                    for writer in writers {
                        writer.await.expect("it ends").expect("it is appended");
                    }
                }
            });
        });
    }
    group.finish();
}

/// From memory into sorted segments of ten days.
fn flush(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("flush");
    group.sample_size(10).throughput(Throughput::Elements(FLUSH_ROWS as u64));
    let batches: Vec<_> = (0..10).map(|part| predictions(part * 100_000, 100_000, FLUSH_ROWS, 10)).collect();
    group.bench_function(BenchmarkId::from_parameter(FLUSH_ROWS), |bencher| {
        let filled = || {
            let (folder, database) = database(runtime, ByteSize::gib(4)); // no flush but the one that is measured
            for batch in &batches {
                let appended = database.append_with("predictions", batch.clone(), Durability::Memory);
                runtime.block_on(appended).expect("it is appended");
            }
            (folder, database)
        };
        bencher.iter_batched(
            filled,
            |(folder, database)| {
                runtime.block_on(database.flush()).expect("it is flushed");
                (folder, database)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Straight into segments, without the log.
fn bulk_load(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("bulk_load");
    group.sample_size(10).throughput(Throughput::Elements(FLUSH_ROWS as u64));
    let batches: Vec<_> = (0..10).map(|part| predictions(part * 100_000, 100_000, FLUSH_ROWS, 10)).collect();
    group.bench_function(BenchmarkId::from_parameter(FLUSH_ROWS), |bencher| {
        bencher.iter_batched(
            || database(runtime, ByteSize::mib(64)),
            |(folder, database)| {
                runtime.block_on(async {
                    let mut load = database.bulk_load("predictions").expect("the table is there");
                    for batch in &batches {
                        load.push(batch.clone()).await.expect("it is taken");
                    }
                    load.commit().await.expect("it is committed");
                });
                (folder, database)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
