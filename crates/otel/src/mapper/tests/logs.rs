use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, any_value::Value},
    logs::v1::LogRecord,
};

use super::build::*;
use crate::{Moved, Rejected};

fn record(body: Option<Value>) -> LogRecord {
    LogRecord {
        time_unix_nano: START,
        observed_time_unix_nano: START + 1,
        body: Some(AnyValue { value: body }),
        ..Default::default()
    }
}

// breaks when a field lands in the wrong column
#[test]
fn a_record_fills_the_built_in_columns() {
    let full = LogRecord {
        severity_number: 9,
        severity_text: "INFO".to_string(),
        event_name: "gen_ai.evaluation.result".to_string(),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        flags: 1,
        attributes: attributes(&[
            ("gen_ai.evaluation.name", text("relevance")),
            ("gen_ai.evaluation.score.value", Value::DoubleValue(0.5)),
            ("gen_ai.evaluation.score.label", text("ok")),
        ]),
        ..record(Some(text("hello")))
    };
    let mapped = mapper().logs(logs(vec![full, record(None)]));
    let rows = Rows::of(&mapped);
    let expected = [
        ("time", Some("1700000000000000000"), Some("1700000000000000000")),
        ("observed_time", Some("1700000000000000001"), Some("1700000000000000001")),
        ("severity_number", Some("9"), None),
        ("severity_text", Some("INFO"), None),
        ("event_name", Some("gen_ai.evaluation.result"), None),
        ("body", Some("hello"), None),
        ("trace_id", Some("01010101010101010101010101010101"), None),
        ("span_id", Some("0202020202020202"), None),
        ("flags", Some("1"), Some("0")),
        ("service_name", Some("shop"), Some("shop")),
        ("gen_ai_evaluation_name", Some("relevance"), None),
        ("gen_ai_evaluation_score_value", Some("0.5"), None),
        ("gen_ai_evaluation_score_label", Some("ok"), None),
    ];
    for (column, first, second) in expected {
        assert_eq!(
            (rows.get(column, 0).as_deref(), rows.get(column, 1).as_deref()),
            (first, second),
            "{column}"
        );
    }
}

// breaks when a text body is quoted, or a structured one is not JSON
#[test]
fn bodies_are_text_or_json() {
    let cases = [
        (text("plain \"text\""), "plain \"text\""),
        (Value::IntValue(5), "5"),
        (
            object(&[("index", Value::IntValue(0)), ("message", object(&[("role", text("user"))]))]),
            "{\"index\":0,\"message\":{\"role\":\"user\"}}",
        ),
        (array(&[text("a"), Value::BoolValue(true)]), "[\"a\",true]"),
    ];
    for (body, expected) in cases {
        let mapped = mapper().logs(logs(vec![record(Some(body))]));
        assert_eq!(Rows::of(&mapped).get("body", 0).as_deref(), Some(expected));
    }
}

// breaks when a record without its own time is lost, or one without any is kept
#[test]
fn a_record_needs_a_time_of_some_kind() {
    let observed = LogRecord { time_unix_nano: 0, ..record(None) };
    let never = LogRecord { observed_time_unix_nano: 0, ..observed.clone() };
    let late = LogRecord { time_unix_nano: u64::MAX, ..record(None) };
    let mapped = mapper().logs(logs(vec![observed, never, late]));
    assert_eq!(Rows::of(&mapped).get("time", 0).as_deref(), Some("1700000000000000001"));
    let rejected = |reason: &str| Rejected { reason: reason.to_string(), count: 1 };
    let expected = [
        rejected("log record: neither time nor observed time"),
        rejected("log record: time is after 2262-04-11"),
    ];
    assert_eq!(mapped.rejected, expected);
}

// breaks when an id of a wrong length is taken for one, or lost
#[test]
fn ids_of_a_wrong_length_stay_in_the_map() {
    let odd = LogRecord { trace_id: vec![1, 2], span_id: vec![0; 8], ..record(None) };
    let mapped = mapper().logs(logs(vec![odd]));
    let rows = Rows::of(&mapped);
    assert_eq!((rows.get("trace_id", 0), rows.get("span_id", 0)), (None, None));
    assert_eq!(rows.rest(0), pairs(&[("otel.trace_id", "\"0102\"")]));
    assert_eq!(mapped.moved, [Moved { column: "trace_id".to_string(), count: 1 }]);
}

// breaks when events of clients older than the event_name field have no name
#[test]
fn the_old_attribute_names_an_event() {
    let old = LogRecord { attributes: attributes(&[("event.name", text("gen_ai.choice"))]), ..record(None) };
    let mapped = mapper().logs(logs(vec![old]));
    assert_eq!(Rows::of(&mapped).get("event_name", 0).as_deref(), Some("gen_ai.choice"));
    assert_eq!(Rows::of(&mapped).rest(0), pairs(&[("event.name", "\"gen_ai.choice\"")]));
}
