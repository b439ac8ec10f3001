//! A real client against a real server, on a free port of this machine.

mod access;
mod bad_input;
mod ingest;
mod metadata;
mod prepared;
mod statement;
mod watching;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{FlightDescriptor, FlightInfo, Ticket};
use driftline::Database;
use futures::TryStreamExt;
use prost::Message;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::{Server, Settings};

/// Doors on free ports, and none for telemetry.
const DOORS: &str =
    "flight_addr = '127.0.0.1:0'\nhttp_addr = '127.0.0.1:0'\notlp_grpc_addr = 'off'\notlp_http_addr = 'off'";

/// A server that runs until the fixture is dropped.
struct Fixture {
    client: FlightServiceClient<Channel>,
    database: Database,
    flight: std::net::SocketAddr,
    http: std::net::SocketAddr,
    /// Headers of every call.
    headers: MetadataMap,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<driftline::Result<()>>,
    directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self::with("").await
    }

    /// A server with more settings, in TOML, over a table `predictions` of three rows.
    async fn with(settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path().join("db")).await.unwrap();
        Self::over(database, directory, settings).await
    }

    /// The same, where the limits of all callers together hold, too.
    async fn bounded(settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::builder(directory.path().join("db"));
        let database = Settings::parse(settings).unwrap().limits(database).open().await.unwrap();
        Self::over(database, directory, settings).await
    }

    async fn over(database: Database, directory: tempfile::TempDir, settings: &str) -> Self {
        let create = "CREATE TABLE predictions (time TIMESTAMP NOT NULL, model TEXT, confidence DOUBLE)";
        database.sql(create).await.unwrap();
        database.append("predictions", rows(3)).await.unwrap();
        let text = format!("{DOORS}\n{settings}");
        let settings = Settings::parse(&text).unwrap();
        let server = Server::bind(database.clone(), settings).await.unwrap();
        let door = |name| server.addresses().find(|(door, _)| *door == name).unwrap().1;
        let (flight, http) = (door("flight"), door("http"));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let client = connect(flight).await;
        let headers = MetadataMap::new();
        Self { client, database, flight, http, headers, stop: Some(stop), running, directory }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.headers.clone();
        request
    }

    async fn info(&self, command: &impl ProstMessageExt) -> Result<FlightInfo, Status> {
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        Ok(self.client.clone().get_flight_info(self.request(descriptor)).await?.into_inner())
    }

    /// Everything that a ticket fetches, with the error it begins or ends with.
    async fn fetch(&self, ticket: Ticket) -> Result<Vec<RecordBatch>, Status> {
        let messages = self.client.clone().do_get(self.request(ticket)).await?.into_inner();
        let mut batches = FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
        let mut read = vec![];
        while let Some(batch) = batches.try_next().await.map_err(unwrapped)? {
            read.push(batch);
        }
        match (read.is_empty(), batches.schema()) {
            (true, Some(schema)) => Ok(vec![RecordBatch::new_empty(schema.clone())]),
            _ => Ok(read),
        }
    }

    /// One answer as one batch; what was promised is what came.
    async fn answer(&self, command: &impl ProstMessageExt) -> Result<RecordBatch, Status> {
        let info = self.info(command).await?;
        let [endpoint] = info.endpoint.as_slice() else { panic!("one endpoint, got {:?}", info.endpoint) };
        assert!(endpoint.location.is_empty());
        let promised = info.clone().try_decode_schema().unwrap();
        let batches = self.fetch(endpoint.ticket.clone().unwrap()).await?;
        assert_eq!(*batches[0].schema(), promised);
        Ok(arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap())
    }

    async fn sql(&self, sql: &str) -> Result<RecordBatch, Status> {
        self.answer(&CommandStatementQuery { query: sql.to_owned(), transaction_id: None }).await
    }

    /// The answer of a statement as lines of a table.
    async fn lines(&self, sql: &str) -> Vec<String> {
        let batch = self.sql(sql).await.unwrap();
        let table = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
        table
            .lines()
            .filter(|line| !line.starts_with('+'))
            .map(|line| line.trim_matches('|').trim().to_owned())
            .collect()
    }

    /// A page of the door for machines that watch: its status and its text.
    async fn page(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.http).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Stops the server and waits for its end.
    async fn end(mut self) -> driftline::Result<()> {
        drop(self.stop.take());
        self.running.await.unwrap()
    }
}

async fn connect(address: std::net::SocketAddr) -> FlightServiceClient<Channel> {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    FlightServiceClient::new(channel).max_decoding_message_size(4 << 20)
}

/// Rows of `predictions`, a second apart.
fn rows(count: usize) -> RecordBatch {
    let times = (0..count as i64).map(|i| 1_788_134_400_000_000_000 + i * 1_000_000_000);
    let time = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
    let models = (0..count).map(|i| if i % 2 == 0 { "a" } else { "b" });
    let confidences = (0..count).map(|i| i as f64 / 10.0);
    RecordBatch::try_from_iter([
        ("time", Arc::new(time) as ArrayRef),
        ("model", Arc::new(StringArray::from_iter_values(models))),
        ("confidence", Arc::new(Float64Array::from_iter_values(confidences))),
    ])
    .unwrap()
}

fn unwrapped(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("{other}"),
    }
}
