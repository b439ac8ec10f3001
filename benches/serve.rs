//! What the wire costs: rows a second of an answer that a client fetches, beside the same query in the process.

use std::net::SocketAddr;

use criterion::{Criterion, Throughput};
use driftline::Database;
use driftline_server::{Client, Credentials, Listen, Server, Settings};
use futures::TryStreamExt;
use tokio::runtime::Runtime;

use crate::telemetry::{CREATE_TABLE, predictions};

const ROWS: usize = 1_000_000;
const DAYS: i64 = 30;

const QUERIES: &[(&str, &str)] = &[
    ("numbers", "SELECT time, confidence FROM predictions"),
    ("every_column", "SELECT * FROM predictions"),
    ("one_row", "SELECT count(*), avg(confidence) FROM predictions"),
];

pub(crate) fn run(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut opened = None;
    for (name, sql) in QUERIES {
        let mut group = criterion.benchmark_group(format!("serve_{name}"));
        group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("in_process", |bencher| {
            let (database, _) = opened.get_or_insert_with(|| runtime.block_on(open(folder.path())));
            bencher.to_async(&runtime).iter(|| async {
                let answer = database.sql(sql).await.expect("it is planned");
                answer.collect().await.expect("it runs")
            });
        });
        group.bench_function("client", |bencher| {
            let (_, client) = opened.get_or_insert_with(|| runtime.block_on(open(folder.path())));
            bencher.to_async(&runtime).iter(|| async {
                let answer = client.sql(sql).await.expect("it is planned");
                answer.try_collect::<Vec<_>>().await.expect("it runs")
            });
        });
        group.finish();
    }
}

/// A database of predictions, and a client of a server over it.
async fn open(path: &std::path::Path) -> (Database, Client) {
    let database = Database::open(path).await.expect("it opens");
    database.sql(CREATE_TABLE).await.expect("the table is new");
    let mut load = database.bulk_load("predictions").expect("the table is there");
    load.push(predictions(0, ROWS, ROWS, DAYS)).await.expect("it is taken");
    load.commit().await.expect("it is committed");
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let (otlp_grpc_addr, otlp_http_addr) = (Listen::Off, Listen::Off);
    let settings = Settings {
        flight_addr: free,
        http_addr: free,
        otlp_grpc_addr,
        otlp_http_addr,
        ..Settings::default()
    };
    let server = Server::bind(database.clone(), settings).await.expect("a port is free");
    let (_, flight) = server.addresses().next().expect("Flight is the first door");
    let url = format!("grpc://{flight}");
    tokio::spawn(server.run(std::future::pending()));
    (database, Client::connect(&url, Credentials::Nothing, None).await.expect("it answers"))
}
