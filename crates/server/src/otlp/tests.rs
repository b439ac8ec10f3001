//! Exporters by hand: what the wire says, byte by byte. Real SDKs export in `tests/`.

mod call;
mod grpc;
mod hostile;
mod http;
mod remote_write;

use std::net::SocketAddr;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use driftline::Database;
use futures::TryStreamExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Room;
use crate::{Server, Settings};

const SPANS: &[u8] = include_bytes!("../../../../tests/data/otlp/openai-v2/03-traces.binpb");
const POINTS: &[u8] = include_bytes!("../../../../tests/data/otlp/openai-v2/10-metrics.binpb");
const RECORDS: &[u8] = include_bytes!("../../../../tests/data/otlp/openai-v2/00-logs.binpb");
const SPANS_JSON: &[u8] = include_bytes!("../../../../tests/data/otlp/js-sdk/00-traces.json");
const POINTS_JSON: &[u8] = include_bytes!("../../../../tests/data/otlp/js-sdk/01-metrics.json");

/// One span that is good, and two that are not.
const ONE_OF_THREE: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"good","startTimeUnixNano":"1"},
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee1","name":"short id","startTimeUnixNano":"1"},
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee1","name":"short id","startTimeUnixNano":"1"}
]}]}]}"#;

/// A server for telemetry, until it is dropped.
struct Receiver {
    database: Database,
    grpc: SocketAddr,
    http: SocketAddr,
    pages: SocketAddr,
    room: Room,
    _stop: oneshot::Sender<()>,
    _running: JoinHandle<driftline::Result<()>>,
    _directory: tempfile::TempDir,
}

impl Receiver {
    async fn new() -> Self {
        Self::with("").await
    }

    /// A server with more settings, in TOML.
    async fn with(settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path().join("db")).await.unwrap();
        let doors = ["flight_addr", "http_addr", "otlp_grpc_addr", "otlp_http_addr"];
        let doors: String = doors.map(|door| format!("{door} = '127.0.0.1:0'\n")).concat();
        let settings = Settings::parse(&format!("{doors}{settings}")).unwrap();
        let server = Server::bind(database.clone(), settings).await.unwrap();
        let door = |name| server.addresses().find(|(door, _)| *door == name).unwrap().1;
        let (grpc, http, pages) = (door("otlp-grpc"), door("otlp-http"), door("http"));
        let room = server.service.otlp.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { database, grpc, http, pages, room, _stop: stop, _running: running, _directory: directory }
    }

    /// Rows of `spans`, `metrics` and `logs`.
    async fn rows(&self) -> [i64; 3] {
        let sql = "SELECT (SELECT count(*) FROM spans) AS s, (SELECT count(*) FROM metrics) AS m, (SELECT count(*) FROM logs) AS l";
        let batches: Vec<_> = self.database.sql(sql).await.unwrap().try_collect().await.unwrap();
        [0, 1, 2].map(|column| batches[0].column(column).as_primitive::<Int64Type>().value(0))
    }
}
