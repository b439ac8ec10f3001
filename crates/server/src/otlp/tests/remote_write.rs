//! Remote write of Prometheus: requests as senders write them, and the answers on which they act.

use arrow::array::Array;
use arrow::datatypes::Float64Type;
use driftline::Role;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::call::{Answer, export};
use super::*;
use crate::{Users, UsersFile};

const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const SNAPPY: &str = "content-encoding: snappy";
const PATH: &str = "/api/v1/write";

const TIME_MS: i64 = 1_700_000_000_123;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<Series>,
}

#[derive(Clone, PartialEq, Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Of version 2: the table of symbols, and series of numbers, histograms and exemplars.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<SymbolSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct SymbolSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<Exemplar>,
}

/// One of integers, without buckets.
#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    count: Option<u64>,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

fn series(labels: &[(&str, &str)], value: f64) -> Series {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).to_owned(), value: (*value).to_owned() };
    Series { labels: labels.iter().map(label).collect(), samples: vec![Sample { value, timestamp: TIME_MS }] }
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

/// Two series of version 1.
fn first_version() -> Vec<u8> {
    let up = series(&[("__name__", "up"), ("instance", "h:1"), ("job", "shop")], 1.0);
    let down = series(&[("__name__", "up"), ("instance", "h:2"), ("job", "shop")], 0.0);
    WriteRequest { timeseries: vec![up, down] }.encode_to_vec()
}

/// Two samples, a histogram and an exemplar of version 2.
fn second_version() -> Request {
    let symbols = ["", "__name__", "up", "latency", "user", "u1"].map(str::to_owned).to_vec();
    let sample = |value| Sample { value, timestamp: TIME_MS };
    let exemplar = Exemplar { labels: vec![4, 5], value: 0.5, timestamp: TIME_MS };
    let numbers = SymbolSeries {
        labels: vec![1, 2],
        samples: vec![sample(1.0), sample(2.0)],
        exemplars: vec![exemplar],
        ..Default::default()
    };
    let histogram = Histogram { count: Some(0), sum: 0.0, schema: 3, timestamp: TIME_MS };
    let latency = SymbolSeries { labels: vec![1, 3], histograms: vec![histogram], ..Default::default() };
    Request { symbols, timeseries: vec![numbers, latency] }
}

/// What version 2 says was written: samples, histograms, exemplars.
fn written(answer: &Answer) -> [Option<&str>; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|what| answer.header(&format!("x-prometheus-remote-write-{what}-written")))
}

/// Outcomes of metrics, with their details, and how many.
fn counts(receiver: &Receiver) -> Vec<(String, u64)> {
    let lines = receiver.database.ingest_counts().into_iter().filter(|line| line.signal == "metrics");
    lines.map(|line| (format!("{} {}", line.outcome, line.detail).trim().to_owned(), line.count)).collect()
}

/// Breaks when a version is not understood, its answer is not the one that its senders wait for, or a request that comes again is stored
/// again.
#[tokio::test]
async fn each_version_is_stored_once() {
    let receiver = Receiver::new().await;
    let one = snappy(&first_version());
    for kind in [V1, "application/x-protobuf; proto=prometheus.WriteRequest", "Application/X-Protobuf"] {
        let answer = export(&receiver, PATH, kind, SNAPPY, &one).await;
        assert_eq!((answer.status, answer.text(), written(&answer)), (204, "", [None; 3]), "{kind}");
    }
    assert_eq!(receiver.rows().await, [0, 2, 0]);
    let two = snappy(&second_version().encode_to_vec());
    for kind in [V2, "application/x-protobuf; charset=x; proto=\"io.prometheus.write.v2.Request\""] {
        let answer = export(&receiver, PATH, kind, SNAPPY, &two).await;
        assert_eq!((answer.status, answer.text()), (204, ""), "{kind}");
        assert_eq!(written(&answer), ["2", "1", "1"].map(Some), "{kind}");
    }
    assert_eq!(receiver.rows().await, [0, 5, 0]);
    let expected = [("accepted", 5), ("repeated", 7)].map(|(line, count)| (line.to_owned(), count));
    assert_eq!(counts(&receiver), expected);

    let sql =
        "SELECT value FROM metrics WHERE service_name = 'shop' AND resource_service_instance_id = 'h:1'";
    let batches: Vec<_> = receiver.database.sql(sql).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Float64Type>().values(), &[1.0]);
    assert_eq!(batches[0].column(0).null_count(), 0);
}

/// Breaks when requests that early senders write, or that have no samples, are refused.
#[tokio::test]
async fn early_senders_and_empty_requests_are_understood() {
    let receiver = Receiver::new().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nx-prometheus-remote-write-version: 0.1.0");
    let answer = super::call::send(receiver.http, &head, &snappy(&first_version())).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(receiver.rows().await, [0, 2, 0]);
    // metadata comes alone: field 3
    let (empty, metadata) = (snappy(b""), snappy(&[0x1A, 2, 8, 1]));
    for (kind, body) in [(V1, &empty[..]), (V2, &empty), (V1, b""), (V1, &metadata)] {
        assert_eq!(export(&receiver, PATH, kind, SNAPPY, body).await.status, 204);
    }
    assert_eq!(receiver.rows().await, [0, 2, 0]);
}

/// Breaks when the good part of a request is lost with the bad, or a request of which something is lost is answered as one that went well.
#[tokio::test]
async fn a_request_that_is_stored_in_part_is_a_400_that_says_so() {
    let receiver = Receiver::new().await;
    let nameless = series(&[("job", "shop")], 3.0);
    let good = series(&[("__name__", "up"), ("job", "shop")], 1.0);
    let body = snappy(&WriteRequest { timeseries: vec![nameless, good] }.encode_to_vec());
    for _ in 0..2 {
        let answer = export(&receiver, PATH, V1, SNAPPY, &body).await;
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("retry-after"), None);
        let expected = (400, "1 stored, 1 left out: series: no label __name__ (1)\n");
        assert_eq!((answer.status, answer.text()), expected);
    }
    let mut request = second_version();
    request.timeseries[0].labels = vec![1, 99];
    let body = snappy(&request.encode_to_vec());
    let answer = export(&receiver, PATH, V2, SNAPPY, &body).await;
    assert_eq!((answer.status, written(&answer)), (400, ["0", "1", "0"].map(Some)));
    assert_eq!(receiver.rows().await, [0, 2, 0]);
    let expected = [
        ("accepted", 2),
        ("rejected series: a reference past the end of the symbols", 3),
        ("rejected series: no label __name__", 1),
        ("repeated", 1),
    ];
    assert_eq!(counts(&receiver), expected.map(|(line, count)| (line.to_owned(), count)));
}

/// Breaks when an exemplar whose sample went with another request makes its sender believe that samples are lost.
#[tokio::test]
async fn an_exemplar_without_a_sample_is_counted_and_no_error() {
    let receiver = Receiver::new().await;
    let mut request = second_version();
    request.timeseries[0].samples.clear();
    let answer = export(&receiver, PATH, V2, SNAPPY, &snappy(&request.encode_to_vec())).await;
    assert_eq!((answer.status, written(&answer)), (204, ["0", "1", "0"].map(Some)));
    let expected = [("accepted", 1), ("rejected exemplar: the request has no sample of its series", 1)];
    assert_eq!(counts(&receiver), expected.map(|(line, count)| (line.to_owned(), count)));
}

/// Breaks when a sender of what can never be taken is told to try again, or hears nothing that it can log.
#[tokio::test]
async fn what_can_never_be_taken_is_refused_in_words() {
    let receiver = Receiver::with("otlp_request_max = '64KiB'").await;
    let (one, two) = (first_version(), second_version().encode_to_vec());
    let large = vec![0; 65 << 10];
    // 4 GiB less one, in a few bytes
    let bomb = [&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F][..], &[0; 20]].concat();
    let wrong = "application/x-protobuf;proto=io.prometheus.write.v3.Request";
    type Case<'a> = (&'a str, &'a str, &'a [u8], u16, &'a str);
    let cases: [Case<'_>; 12] = [
        (
            "application/json",
            SNAPPY,
            b"{}",
            415,
            "content-type must be application/x-protobuf;proto=prometheus",
        ),
        (wrong, SNAPPY, &snappy(&one), 415, "got \"application/x-protobuf;proto=io.prometheus.write.v3"),
        (V1, "content-encoding: gzip", &snappy(&one), 415, "content-encoding must be snappy, got \"gzip\""),
        (V1, "content-encoding: identity", &one, 415, "content-encoding must be snappy"),
        (V1, SNAPPY, &snappy(&two), 400, "no prometheus.WriteRequest: field 4 belongs to another message"),
        (V2, SNAPPY, &snappy(&one), 400, "no io.prometheus.write.v2.Request: field 1 belongs"),
        (V1, SNAPPY, &snappy(&one[..one.len() - 1]), 400, "no prometheus.WriteRequest: broken at byte"),
        (V1, SNAPPY, &one, 400, "the body is no Snappy"),
        (V1, SNAPPY, &snappy(&one)[..20], 400, "the body is no Snappy"),
        (V1, SNAPPY, &large, 413, "at most 65536 bytes"),
        (V1, SNAPPY, &snappy(&large), 413, "at most 65536 bytes"),
        (V1, SNAPPY, &bomb, 413, "at most 65536 bytes"),
    ];
    for (kind, more, body, status, words) in cases {
        let answer = export(&receiver, PATH, kind, more, body).await;
        assert_eq!(answer.status, status, "{kind} {more}: {}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("retry-after"), None);
    }
    assert_eq!(receiver.rows().await, [0; 3]);
    assert_eq!(receiver.room.held_bytes(), 0);
    assert_eq!(export(&receiver, "/api/v1/read", V1, SNAPPY, b"").await.status, 404);
}

/// Breaks when a body is decompressed although there is no memory for what it becomes, or its sender is not told to come again.
#[tokio::test]
async fn a_sender_without_room_is_told_to_come_again() {
    let receiver = Receiver::with("otlp_request_max = '1MiB'\notlp_memory = '1MiB'").await;
    let mut slow = TcpStream::connect(receiver.http).await.unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\n{SNAPPY}\r\ncontent-length: 1000000\r\n\r\n");
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&vec![b' '; 900_000]).await.unwrap();
    while receiver.room.held_bytes() < 900_000 {
        tokio::task::yield_now().await;
    }
    // a label of 500,000 bytes, in far fewer
    let long = series(&[("__name__", "up"), ("long", &"x".repeat(500_000))], 1.0);
    let body = snappy(&WriteRequest { timeseries: vec![long] }.encode_to_vec());
    assert!(body.len() < 50_000);
    let answer = export(&receiver, PATH, V1, SNAPPY, &body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.text().contains("try again"), "{}", answer.text());
    drop(slow);
    while export(&receiver, PATH, V1, SNAPPY, &body).await.status == 503 {}
    assert_eq!(receiver.rows().await, [0, 1, 0]);
}

/// Breaks when samples come in without a credential, with one that may only read, or into a table that the user may not name.
#[tokio::test]
async fn only_who_may_write_metrics_may_send() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.toml");
    let mut users = Users::default();
    let tables = |name: &str| Some(vec![name.to_owned()]);
    let callers = [
        ("ana", Role::Read, None),
        ("bob", Role::Write, tables("spans")),
        ("eve", Role::Write, tables("metrics")),
    ];
    let mut headers = Vec::new();
    for (name, role, tables) in callers {
        users.set(name, role, tables).unwrap();
        let token = users.add_token(name, "t", None).unwrap();
        headers.push(format!("{SNAPPY}\r\nauthorization: Bearer {token}"));
    }
    UsersFile::new(&path).write(&users).unwrap();
    let receiver = Receiver::with(&format!("users = '{}'", path.display())).await;
    let cases = [
        (SNAPPY, 401, "sign in first"),
        (&headers[0], 403, "needs the role write"),
        (&headers[1], 403, "\"metrics\" is not among"),
        (&headers[2], 204, ""),
    ];
    let body = snappy(&first_version());
    for (header, status, words) in cases {
        let answer = export(&receiver, PATH, V1, header, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
        let rows = if status == 204 { 2 } else { 0 };
        assert_eq!(receiver.rows().await, [0, rows, 0]);
    }
}
