//! What no SDK sends: each is answered, in words or with a count, and the next exporter finds the server as it was.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::json;

use super::call::export;
use super::*;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
/// The first nanosecond that no TIMESTAMP can hold.
const YEAR_2262: u64 = 1 << 63;

fn text(key: impl Into<String>, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

fn span(id: u8) -> Span {
    Span { trace_id: vec![id; 16], span_id: vec![id; 8], start_time_unix_nano: 1, ..Span::default() }
}

fn body(spans: Vec<Span>) -> Vec<u8> {
    let scope = ScopeSpans { spans, ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

async fn number(receiver: &Receiver, sql: &str) -> i64 {
    let batches: Vec<_> = receiver.database.sql(sql).await.unwrap().try_collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// Spans left out, as a JSON answer to a protobuf body cannot say: the statistics know.
async fn rejected(receiver: &Receiver) -> i64 {
    let sql = "SELECT coalesce(sum(count), 0) FROM driftline.ingest_stats WHERE signal = 'traces' AND outcome = 'rejected'";
    number(receiver, sql).await
}

/// Breaks when a span is lost for what it carries, or the answer is not one.
#[tokio::test]
async fn large_and_odd_spans_are_kept() {
    let receiver = Receiver::new().await;
    let mut crowded = span(1);
    crowded.attributes = (0..1_000_000).map(|i| text(format!("k{i}"), "v")).collect();
    let mut repeating = span(2);
    repeating.attributes = vec![
        text("a", "first"),
        text("a", "second"),
        text("gen_ai.request.model", "m"),
        text("gen_ai.request.model", "n"),
    ];
    let mut nested = span(3);
    let leaf = AnyValue { value: Some(Value::IntValue(7)) };
    let deep = (0..40).fold(leaf, |inner, _| AnyValue {
        value: Some(Value::ArrayValue(ArrayValue { values: vec![inner] })),
    });
    nested.attributes = vec![KeyValue { key: "deep".to_owned(), value: Some(deep), ..KeyValue::default() }];
    let mut timeless = span(4);
    timeless.end_time_unix_nano = 0;
    let answer =
        export(&receiver, "/v1/traces", PROTOBUF, "", &body(vec![crowded, repeating, nested, timeless]))
            .await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", answer.text());
    assert_eq!(number(&receiver, "SELECT count(*) FROM spans").await, 4);
    assert_eq!(
        number(&receiver, "SELECT CAST(max(cardinality(attributes)) AS BIGINT) FROM spans").await,
        1_000_000
    );
    let both = "SELECT count(*) FROM spans WHERE attr(attributes, 'a') = 'first' AND attr(attributes, 'a#2') = 'second' \
        AND gen_ai_request_model = 'm' AND attr(attributes, 'gen_ai.request.model#2') = 'n'";
    assert_eq!(number(&receiver, both).await, 1);
    assert_eq!(
        number(&receiver, "SELECT count(*) FROM spans WHERE attr(attributes, 'deep') LIKE '[[[[%7%]]]]'")
            .await,
        1
    );
}

/// Breaks when a span without identity or with an impossible time takes its neighbours with it, or is not counted.
#[tokio::test]
async fn impossible_spans_are_counted() {
    let receiver = Receiver::new().await;
    let nobody = Span { trace_id: vec![0; 16], ..span(1) };
    let never = Span { start_time_unix_nano: 0, ..span(2) };
    let late = Span { start_time_unix_nano: YEAR_2262, ..span(3) };
    let endless = Span { end_time_unix_nano: u64::MAX, ..span(4) };
    let short = Span { span_id: vec![1; 7], ..span(5) };
    // a name that is no text
    let mut invalid = body(vec![span(8), Span { name: "?".to_owned(), ..span(6) }]);
    let place = invalid.iter().rposition(|byte| *byte == b'?').unwrap();
    invalid[place] = 0xff;
    let spans = vec![nobody, never, late, endless, short, span(7)];
    let answer = export(&receiver, "/v1/traces", PROTOBUF, "", &body(spans)).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.is_empty(), "partial success");
    let answer = export(&receiver, "/v1/traces", PROTOBUF, "", &invalid).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!((number(&receiver, "SELECT count(*) FROM spans").await, rejected(&receiver).await), (2, 6));
}

/// Breaks when noise, half a body or endless nesting takes the server down, or is called a success.
#[tokio::test]
async fn broken_bodies_are_refused_and_do_no_harm() {
    let receiver = Receiver::new().await;
    let half = &SPANS[..SPANS.len() / 2];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        // xorshift: noise that is the same in every run
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as u8
    })
    .take(100_000)
    .collect();
    // field 1 in field 1 in field 1 ..., each of the length of the rest
    let mut groups = vec![];
    for _ in 0..20_000 {
        let mut outer = vec![0x0a];
        prost::encode_length_delimiter(groups.len(), &mut outer).unwrap();
        groups.splice(0..0, outer);
    }
    let brackets = format!("{{\"resourceSpans\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let values = format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"attributes\":[{{\"key\":\"a\",\"value\":{}{}}}]}}]}}]}}]}}",
        "{\"arrayValue\":{\"values\":[".repeat(100_000),
        "]}}".repeat(100_000)
    );
    let cases: [(&str, &[u8]); 5] = [
        (PROTOBUF, half),
        (PROTOBUF, &noise),
        (JSON, brackets.as_bytes()),
        (JSON, values.as_bytes()),
        (JSON, &noise),
    ];
    for (kind, body) in cases {
        let answer = export(&receiver, "/v1/traces", kind, "", body).await;
        assert_eq!(answer.status, 400, "{kind}, {} bytes", body.len());
        assert!(answer.body.len() < 4096, "a refusal repeats no body");
    }
    // unknown to any reader of OTLP, or a resource nested in itself: whichever it is, it is answered
    assert!(matches!(export(&receiver, "/v1/traces", PROTOBUF, "", &groups).await.status, 200 | 400));
    assert_eq!(number(&receiver, "SELECT count(*) FROM spans").await, 0);
    let good = json!({"resourceSpans": []}).to_string();
    assert_eq!(export(&receiver, "/v1/traces", JSON, "", good.as_bytes()).await.status, 200);
    assert_eq!(export(&receiver, "/v1/traces", PROTOBUF, "", SPANS).await.status, 200);
    assert!(number(&receiver, "SELECT count(*) FROM spans").await > 0);
}
