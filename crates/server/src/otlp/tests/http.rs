//! OTLP/HTTP.

use std::io::Write;

use driftline::Role;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::call::{export, send};
use super::*;
use crate::{Users, UsersFile};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Breaks when a signal, an encoding or a compression is not understood, the answer is in another encoding than the request, or the same
/// request is stored again because it came differently compressed.
#[tokio::test]
async fn each_signal_comes_in_each_encoding_and_compression() {
    let receiver = Receiver::new().await;
    let exports = [
        ("/v1/traces", PROTOBUF, SPANS),
        ("/v1/metrics", PROTOBUF, POINTS),
        ("/v1/logs", PROTOBUF, RECORDS),
        ("/v1/traces", JSON, SPANS_JSON),
        ("/v1/metrics", "application/json; charset=utf-8", POINTS_JSON),
    ];
    let mut rows = None;
    for compression in ["identity", "gzip", "zstd"] {
        for (path, kind, body) in exports {
            let body = match compression {
                "gzip" => gzip(body),
                "zstd" => zstd::encode_all(body, 3).unwrap(),
                _ => body.to_vec(),
            };
            let header = format!("content-encoding: {compression}");
            let answer = export(&receiver, path, kind, &header, &body).await;
            assert_eq!(answer.status, 200, "{path} {kind} {compression}");
            assert!(kind.starts_with(answer.header("content-type").unwrap()));
            let expected: &[u8] = if kind == PROTOBUF { b"" } else { b"{}" };
            assert_eq!(answer.body, expected);
        }
        let now = receiver.rows().await;
        assert!(now.iter().all(|count| *count > 0), "{now:?}");
        assert_eq!(*rows.get_or_insert(now), now, "after {compression}");
    }
    let stats = "SELECT count FROM driftline.ingest_stats WHERE signal = 'logs' AND outcome = 'repeated'";
    let batches: Vec<_> = receiver.database.sql(stats).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 2 * rows.unwrap()[2]);
}

/// Breaks when the good part of a request is lost with the bad, or the exporter is not told how much was left out, and why.
#[tokio::test]
async fn what_is_left_out_is_said_with_its_reason() {
    let receiver = Receiver::new().await;
    let answer = export(&receiver, "/v1/traces", JSON, "", ONE_OF_THREE.as_bytes()).await;
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "2");
    assert!(partial["errorMessage"].as_str().unwrap().contains("span"), "{partial}");
    assert_eq!(receiver.rows().await, [1, 0, 0]);
    let page = String::from_utf8(send(receiver.pages, "GET /metrics HTTP/1.1", b"").await.body).unwrap();
    for line in [
        "driftline_otlp_exports_total{outcome=\"ok\"} 1",
        &format!("driftline_otlp_bytes_total {}", ONE_OF_THREE.len()),
        "driftline_otlp_items_total{signal=\"traces\",outcome=\"accepted\",detail=\"\"} 1",
        "driftline_memtable_rows 1",
        "driftline_wal_fsync_seconds_count 1",
        "driftline_flush_seconds_bucket{le=\"+Inf\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "no {line} in {page}");
    }
    let reason = "driftline_otlp_items_total{signal=\"traces\",outcome=\"rejected\",detail=\"span: span_id must be 8 bytes";
    assert!(page.contains(reason), "{page}");
    // empty requests are fine
    for (kind, body) in [(PROTOBUF, &b""[..]), (JSON, b"{}"), (JSON, br#"{"resourceSpans":[]}"#)] {
        assert_eq!(export(&receiver, "/v1/traces", kind, "", body).await.status, 200);
    }
}

/// Breaks when an exporter that sends what can never be taken is told to try again, or hears nothing it can read.
#[tokio::test]
async fn what_can_never_be_taken_is_refused_in_words() {
    let receiver = Receiver::with("otlp_request_max = '64KiB'").await;
    let large = vec![b' '; 65 << 10];
    type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16, &'a str);
    let cases: [Case<'_>; 10] = [
        ("/v1/traces", "text/plain", "", SPANS, 415, "content-type must be"),
        ("/v1/traces", JSON, "content-encoding: br", SPANS_JSON, 415, "content-encoding must be gzip, zstd"),
        ("/v1/traces", JSON, "", b"{\"resourceSpans\":", 400, "not JSON"),
        ("/v1/traces", JSON, "", POINTS_JSON, 400, "it carries metrics"),
        ("/v1/traces", PROTOBUF, "", b"\xff\xff\xff", 400, "no OTLP traces request"),
        ("/v1/traces", JSON, "content-encoding: gzip", SPANS_JSON, 400, "is no Gzip"),
        ("/v1/traces", JSON, "content-encoding: zstd", &gzip(SPANS_JSON), 400, "is no Zstd"),
        ("/v1/traces", JSON, "", &large, 413, "at most 65536 bytes"),
        ("/v1/traces", JSON, "content-encoding: gzip", &gzip(&large), 413, "at most 65536 bytes"),
        ("/v1/profiles", JSON, "", b"{}", 404, "no /v1/profiles"),
    ];
    for (path, kind, more, body, status, words) in cases {
        let answer = export(&receiver, path, kind, more, body).await;
        let message = match answer.header("content-type") {
            Some(JSON) => answer.json()["message"].as_str().unwrap().to_owned(),
            _ => tonic_types::Status::decode(answer.body.as_slice()).unwrap().message,
        };
        assert_eq!(answer.status, status, "{path} {kind} {more}: {message}");
        assert!(message.contains(words), "{message}");
        assert_eq!(answer.header("retry-after"), None);
    }
    assert_eq!(receiver.rows().await, [0; 3]);
}

/// Breaks when a few bytes that unfold to gigabytes take memory.
#[tokio::test]
async fn a_decompression_bomb_is_refused() {
    let receiver = Receiver::new().await;
    let bomb = gzip(&vec![0; 65 << 20]);
    let answer = export(&receiver, "/v1/logs", PROTOBUF, "content-encoding: gzip", &bomb).await;
    assert_eq!(answer.status, 413);
    assert_eq!(export(&receiver, "/v1/logs", PROTOBUF, "", RECORDS).await.status, 200);
}

/// Breaks when requests under way take more memory than there is, or the exporter is not told to come again.
#[tokio::test]
async fn an_exporter_without_room_is_told_to_come_again() {
    let receiver = Receiver::with("otlp_request_max = '1MiB'\notlp_memory = '1MiB'").await;
    let mut slow = TcpStream::connect(receiver.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&vec![b' '; 900_000]).await.unwrap();
    while receiver.room.held_bytes() < 900_000 {
        tokio::task::yield_now().await;
    }
    let body = vec![b' '; 500_000];
    let answer = export(&receiver, "/v1/traces", JSON, "", &body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.json()["code"], json!(14));
    drop(slow);
    while export(&receiver, "/v1/traces", JSON, "", SPANS_JSON).await.status == 503 {}
    assert!(receiver.rows().await[0] > 0);
}

/// Breaks when telemetry comes in without a credential, with one that may only read, or into a table that the user may not name.
#[tokio::test]
async fn only_who_may_write_may_export() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.toml");
    let mut users = Users::default();
    let traces = Some(vec!["spans".to_owned()]);
    let mut tokens = Vec::new();
    for (name, role, tables) in [("ana", Role::Read, None), ("bob", Role::Write, traces)] {
        users.set(name, role, tables).unwrap();
        tokens.push(users.add_token(name, "t", None).unwrap());
    }
    UsersFile::new(&path).write(&users).unwrap();
    let receiver = Receiver::with(&format!("users = '{}'", path.display())).await;
    let header = |token: &str| format!("authorization: Bearer {token}");
    let cases = [
        ("", "/v1/traces", SPANS, 401, "sign in first"),
        (&header("wrong"), "/v1/traces", SPANS, 401, "not known"),
        (&header(&tokens[0]), "/v1/traces", SPANS, 403, "needs the role write"),
        (&header(&tokens[1]), "/v1/logs", RECORDS, 403, "\"logs\" is not among"),
        (&header(&tokens[1]), "/v1/traces", SPANS, 200, ""),
    ];
    for (header, path, body, status, words) in cases {
        let answer = export(&receiver, path, PROTOBUF, header, body).await;
        let message = tonic_types::Status::decode(answer.body.as_slice()).unwrap().message;
        assert_eq!(answer.status, status, "{message}");
        assert!(message.contains(words), "{message}");
    }
    let [spans, points, records] = receiver.rows().await;
    assert!(spans > 0 && points + records == 0);
}
