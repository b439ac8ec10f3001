//! The bodies that real clients sent, in `tests/data/otlp`.

use std::path::PathBuf;

use super::build::{Rows, mapper};
use crate::{Encoding, Mapped, Signal, detect};

/// Every captured body with its path below the data folder.
pub(crate) fn bodies() -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/otlp"));
    let entries = |path: &PathBuf| {
        let entries = std::fs::read_dir(path).expect("the data folder is part of the repository");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        paths.sort();
        paths
    };
    let clients = entries(&root).into_iter().filter(|path| path.is_dir());
    let files = clients.flat_map(|client| entries(&client));
    files
        .map(|file| {
            let name = file.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
            (name, std::fs::read(&file).expect("readable"))
        })
        .collect()
}

// breaks when an item of a real client is refused or moved, or a body is taken for another signal
#[test]
fn every_body_of_a_real_client_lands_whole() {
    let mapper = mapper();
    let mut rows = 0;
    for (name, body) in bodies() {
        let expected = match () {
            () if name.contains("traces") => Signal::Traces,
            () if name.contains("metrics") => Signal::Metrics,
            () => Signal::Logs,
        };
        let encoding = if name.ends_with(".json") { Encoding::Json } else { Encoding::Protobuf };
        assert_eq!(detect("body", &body), Some((expected, encoding)), "{name}");
        let mapped = mapper.decode(expected, encoding, &body).expect("a real body");
        assert!(mapped.rejected.is_empty() && mapped.moved.is_empty(), "{name}: {mapped:?}");
        rows += mapped.accepted;
    }
    // 25 spans, 12 log records, 115 data points
    assert_eq!(rows, 152);
}

/// What the mock endpoint was asked and answered, which every instrumentation must show alike. `None`: the client does not send it.
struct Call {
    client: &'static str,
    file: &'static str,
    operation: &'static str,
    model: &'static str,
    response_model: Option<&'static str>,
    tokens: (Option<&'static str>, Option<&'static str>),
    cached: Option<&'static str>,
    reasoning: Option<&'static str>,
    finish: Option<&'static str>,
    streams: Option<&'static str>,
    error: Option<&'static str>,
    has_first_token: bool,
}

const CHAT: Call = Call {
    client: "",
    file: "",
    operation: "chat",
    model: "gpt-4o",
    response_model: Some("gpt-4o-2024-08-06"),
    tokens: (Some("100"), Some("20")),
    cached: None,
    reasoning: None,
    finish: Some("stop"),
    streams: None,
    error: None,
    has_first_token: false,
};
const STREAMED: Call = Call { tokens: (Some("11"), Some("2")), ..CHAT };
const FAILED: Call = Call {
    model: "bad",
    response_model: None,
    tokens: (None, None),
    finish: None,
    error: Some("BadRequestError"),
    ..CHAT
};
const EMBEDDING: Call = Call {
    operation: "embeddings",
    model: "text-embedding-3-small",
    response_model: Some("text-embedding-3-small"),
    tokens: (Some("5"), None),
    finish: None,
    ..CHAT
};

/// The four calls of every client, with what only some of them send.
fn calls() -> Vec<Call> {
    let detailed = Call { cached: Some("40"), reasoning: Some("5"), ..CHAT };
    let timed = Call { streams: Some("true"), has_first_token: true, ..STREAMED };
    let named_error = Some("openai.BadRequestError");
    let mut calls = Vec::new();
    for (client, files) in
        [("genai-openai", ["00", "01", "02", "03"]), ("genai-openai-content", ["01", "03", "05", "06"])]
    {
        calls.push(Call { client, file: files[0], ..detailed });
        calls.push(Call { client, file: files[1], ..timed });
        calls.push(Call { client, file: files[2], error: named_error, ..FAILED });
        calls.push(Call { client, file: files[3], ..EMBEDDING });
    }
    for (client, files) in
        [("openai-v2", ["03", "06", "08", "09"]), ("openai-v2-latest", ["01", "03", "05", "06"])]
    {
        calls.push(Call { client, file: files[0], ..CHAT });
        calls.push(Call { client, file: files[1], finish: None, ..STREAMED });
        calls.push(Call { client, file: files[2], ..FAILED });
        calls.push(Call { client, file: files[3], ..EMBEDDING });
    }
    let client = "openinference";
    calls.push(Call { client, file: "00", ..detailed });
    calls.push(Call { client, file: "01", ..timed });
    calls.push(Call { client, file: "02", error: named_error, ..FAILED });
    calls.push(Call { client, file: "03", ..EMBEDDING });
    let (client, streams) = ("traceloop", Some("false"));
    calls.push(Call { client, file: "00", streams, ..detailed });
    calls.push(Call { client, file: "01", ..timed });
    calls.push(Call { client, file: "02", streams, ..FAILED });
    calls.push(Call { client, file: "03", streams, cached: Some("0"), ..EMBEDDING });
    calls
}

fn map_file(file: &str, signal: Signal) -> Mapped {
    let (_, body) = bodies().into_iter().find(|(name, _)| name == file).expect("a captured body");
    mapper().decode(signal, Encoding::Protobuf, &body).expect("a real body")
}

// breaks when a call looks different because another instrumentation sent it
#[test]
fn a_call_looks_the_same_whoever_sends_it() {
    for call in calls() {
        let name = format!("{}/{}-traces.binpb", call.client, call.file);
        let mapped = map_file(&name, Signal::Traces);
        let rows = Rows::of(&mapped);
        let expected = [
            ("gen_ai_operation_name", Some(call.operation)),
            ("gen_ai_provider_name", Some("openai")),
            ("gen_ai_request_model", Some(call.model)),
            ("gen_ai_response_model", call.response_model),
            ("gen_ai_usage_input_tokens", call.tokens.0),
            ("gen_ai_usage_output_tokens", call.tokens.1),
            ("gen_ai_usage_cache_read_input_tokens", call.cached),
            ("gen_ai_usage_reasoning_output_tokens", call.reasoning),
            ("gen_ai_response_finish_reasons", call.finish),
            ("gen_ai_request_stream", call.streams),
            ("error_type", call.error),
            ("service_name", Some("unknown_service:python")),
        ];
        for (column, value) in expected {
            assert_eq!(rows.get(column, 0).as_deref(), value, "{name} {column}");
        }
        assert_eq!(rows.get("status_code", 0).as_deref() == Some("error"), call.error.is_some(), "{name}");
        let first_token = rows.get("gen_ai_response_time_to_first_chunk", 0);
        assert_eq!(first_token.is_some(), call.has_first_token, "{name}");
        if let Some(seconds) = first_token {
            // the mock endpoint waits 40 ms before it streams
            let seconds: f64 = seconds.parse().expect("a number");
            assert!((0.04..0.06).contains(&seconds), "{name}: {seconds}");
        }
    }
}

// breaks when the settings of a request depend on who sent it
#[test]
fn request_settings_are_the_same_whoever_sends_them() {
    for call in calls().iter().filter(|call| call.tokens.0 == Some("100")) {
        let mapped = map_file(&format!("{}/{}-traces.binpb", call.client, call.file), Signal::Traces);
        let rows = Rows::of(&mapped);
        assert_eq!(rows.get("gen_ai_request_max_tokens", 0).as_deref(), Some("50"), "{}", call.client);
        assert_eq!(rows.get("gen_ai_request_temperature", 0).as_deref(), Some("0.2"), "{}", call.client);
    }
}

// breaks when metrics lose their GenAI dimensions, values or exemplars
#[test]
fn token_metrics_are_the_same_whoever_sends_them() {
    let files =
        ["genai-openai/05", "genai-openai-content/08", "openai-v2/11", "openai-v2-latest/08", "traceloop/05"];
    for file in files {
        let mapped = map_file(&format!("{file}-metrics.binpb"), Signal::Metrics);
        let rows = Rows::of(&mapped);
        let tokens: Vec<_> = (0..rows.0.num_rows())
            .filter(|row| rows.get("name", *row).as_deref() == Some("gen_ai.client.token.usage"))
            .map(|row| {
                let get = |column: &str| rows.get(column, row).unwrap_or_default();
                assert_eq!(
                    (get("gen_ai_provider_name"), get("kind")),
                    ("openai".to_string(), "histogram".to_string())
                );
                [get("gen_ai_response_model"), get("gen_ai_token_type"), get("count"), get("sum")].join(" ")
            })
            .collect();
        let chat = ["gpt-4o-2024-08-06 input 1 100.0", "gpt-4o-2024-08-06 output 1 20.0"];
        for expected in chat.into_iter().chain(["text-embedding-3-small input 1 5.0"]) {
            assert!(tokens.iter().any(|tokens| tokens == expected), "{file}: {expected} not in {tokens:?}");
        }
    }
    let mapped = map_file("genai-openai/04-metrics.binpb", Signal::Metrics);
    assert!(Rows::of(&mapped).column("exemplars").is_some());
}

// breaks when events lose their name, their body or the span they belong to
#[test]
fn message_events_keep_their_span_and_structure() {
    let mapped = map_file("openai-v2/02-logs.binpb", Signal::Logs);
    let rows = Rows::of(&mapped);
    assert_eq!(rows.get("event_name", 0).as_deref(), Some("gen_ai.choice"));
    let body: serde_json::Value = serde_json::from_str(&rows.get("body", 0).expect("a body")).expect("JSON");
    assert_eq!((&body["index"], &body["finish_reason"]), (&0.into(), &"stop".into()));
    let span = map_file("openai-v2/03-traces.binpb", Signal::Traces);
    assert_eq!(rows.get("trace_id", 0), Rows::of(&span).get("trace_id", 0));
    assert_eq!(rows.get("span_id", 0), Rows::of(&span).get("span_id", 0));
}
