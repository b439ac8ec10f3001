use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::any_value::Value as Any,
};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use crate::{
    Encoding, ErrorKind, Mapped, Rejected, Signal, detect,
    mapper::tests::{
        build::{Rows, attributes, mapper, pairs, span, text, traces},
        clients::bodies,
    },
};

fn decode(signal: Signal, body: &serde_json::Value) -> Mapped {
    mapper().decode(signal, Encoding::Json, body.to_string().as_bytes()).expect("OTLP")
}

fn spans(spans: serde_json::Value) -> serde_json::Value {
    json!({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "t"}, "spans": spans}]}]})
}

fn good() -> serde_json::Value {
    json!({
        "traceId": "ABABABABABABABABABABABABABABABAB",
        "spanId": "0102030405060708",
        "name": "s",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": 1700000000000000005u64,
    })
}

fn with(member: &str, value: serde_json::Value) -> serde_json::Value {
    let mut span = good();
    span[member] = value;
    span
}

fn metric(data: serde_json::Value) -> serde_json::Value {
    let mut metric = json!({"name": "m"});
    metric.as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
}

// breaks when a body means something else in JSON than in protobuf
#[test]
fn real_bodies_mean_the_same_in_json() {
    let mapper = mapper();
    for (name, body) in bodies().iter().filter(|(name, _)| name.ends_with(".binpb")) {
        let (signal, _) = detect(name, body).expect("OTLP");
        let json = match signal {
            Signal::Traces => {
                serde_json::to_vec(&ExportTraceServiceRequest::decode(&body[..]).expect("decodes"))
            }
            Signal::Metrics => {
                serde_json::to_vec(&ExportMetricsServiceRequest::decode(&body[..]).expect("decodes"))
            }
            Signal::Logs => {
                serde_json::to_vec(&ExportLogsServiceRequest::decode(&body[..]).expect("decodes"))
            }
        };
        let from_json = mapper.decode(signal, Encoding::Json, &json.expect("serialises")).expect("OTLP");
        let from_protobuf = mapper.decode(signal, Encoding::Protobuf, body).expect("OTLP");
        assert_eq!(from_json.rejected, [], "{name}");
        assert_eq!(from_json.batches, from_protobuf.batches, "{name}");
    }
}

// breaks when JSON that real clients write, though the generated code refuses it, loses the span or the value
#[test]
fn what_clients_really_write_is_read() {
    let attribute = |value: serde_json::Value| with("attributes", json!([{"key": "k", "value": value}]));
    let cases = [
        (attribute(json!({"doubleValue": "NaN"})), "{\"$double\":\"NaN\"}"),
        (attribute(json!({"doubleValue": "-Infinity"})), "{\"$double\":\"-Infinity\"}"),
        (attribute(json!({"doubleValue": "1.5"})), "1.5"),
        (attribute(json!({"doubleValue": 2})), "2.0"),
        (attribute(json!({"doubleValue": null})), "null"),
        (attribute(json!({"intValue": "-5"})), "-5"),
        (attribute(json!({"intValue": 1e3})), "1000"),
        (attribute(json!({"arrayValue": {}})), "[]"),
        (attribute(json!({"arrayValue": {"values": [{"intValue": 1}, null, {}]}})), "[1,null,null]"),
        (attribute(json!({"kvlistValue": {}})), "{}"),
        (attribute(json!({"bytesValue": "AQI"})), "{\"$bytes\":\"AQI=\"}"),
        (attribute(json!({})), "null"),
        (attribute(json!({"futureValue": 1, "stringValue": "s"})), "\"s\""),
    ];
    for (span, expected) in cases {
        let mapped = decode(Signal::Traces, &spans(json!([span])));
        assert_eq!(mapped.rejected, [], "{span}");
        assert_eq!(Rows::of(&mapped).rest(0), pairs(&[("k", expected)]), "{span}");
    }
    let cases = [
        (with("parentSpanId", json!(null)), "parent_span_id", None),
        (with("parentSpanId", json!("")), "parent_span_id", None),
        (with("parentSpanId", json!("FFFFFFFFFFFFFFFF")), "parent_span_id", Some("ffffffffffffffff")),
        (with("kind", json!("SPAN_KIND_SERVER")), "kind", Some("server")),
        (with("kind", json!("2")), "kind", Some("server")),
        (with("status", json!({"code": "STATUS_CODE_ERROR"})), "status_code", Some("error")),
        (with("status", json!(null)), "status_code", Some("unset")),
        (with("attributes", json!({})), "duration_ns", Some("5")),
        (with("links", json!(null)), "duration_ns", Some("5")),
        (with("flags", json!("257")), "flags", Some("257")),
        (with("unknown", json!([1])), "name", Some("s")),
    ];
    for (span, column, expected) in cases {
        let mapped = decode(Signal::Traces, &spans(json!([span])));
        assert_eq!(mapped.rejected, [], "{span}");
        assert_eq!(Rows::of(&mapped).get(column, 0).as_deref(), expected, "{span}");
    }
}

// breaks when one bad item costs its neighbours, or the reason does not name member and what was expected, or quotes the value, which rules have not seen yet
#[test]
fn a_bad_item_is_counted_and_its_neighbours_stay() {
    let cases = [
        (json!(5), "span: expected an object, got a number"),
        (with("traceId", json!("xyz")), "span.traceId: expected hex digits, got a text"),
        (with("traceId", json!("0102")), "span: trace_id must be 16 bytes, not all zero"),
        (
            with("startTimeUnixNano", json!("yesterday")),
            "span.startTimeUnixNano: expected an unsigned 64-bit integer, got a text",
        ),
        (
            with("startTimeUnixNano", json!(-1)),
            "span.startTimeUnixNano: expected an unsigned 64-bit integer, got a number",
        ),
        (
            with("kind", json!("SPAN_KIND_ODD")),
            "span.kind: expected the number or name of an enum value, got a text",
        ),
        (with("attributes", json!("x")), "span.attributes: expected an array, got a text"),
        (with("events", json!([7])), "event: expected an object, got a number"),
        (
            with("attributes", json!([{"key": "k", "value": {"intValue": "x"}}])),
            "attribute.intValue: cannot read a text",
        ),
    ];
    for (bad, reason) in cases {
        let mapped = decode(Signal::Traces, &spans(json!([good(), bad, null, good()])));
        assert_eq!(mapped.accepted, 2, "{bad}");
        assert_eq!(mapped.rejected, [Rejected { reason: reason.to_string(), count: 1 }]);
    }
}

// breaks when metrics vanish without a word, as they do in the generated code
#[test]
fn metrics_are_never_lost_silently() {
    let point = |members: serde_json::Value| {
        let mut point = json!({"timeUnixNano": "1700000000000000000"});
        point.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        point
    };
    let gauge =
        |members| metric(json!({"gauge": {"dataPoints": [point(members), point(json!({"asDouble": 1}))]}}));
    // (body, rows, the first row's value, rejected)
    let cases = [
        (gauge(json!({"asDouble": "NaN"})), 2, Some("NaN"), 0),
        (gauge(json!({"asDouble": null})), 2, None, 0),
        (gauge(json!({"asInt": "12"})), 2, Some("12.0"), 0),
        (gauge(json!({"asInt": 12})), 2, Some("12.0"), 0),
        (gauge(json!({"flags": 1})), 2, None, 0),
        (gauge(json!({})), 1, Some("1.0"), 1),
        (gauge(json!({"asInt": "many"})), 1, Some("1.0"), 1),
        (
            metric(
                json!({"sum": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA", "dataPoints": [point(json!({"asInt": 1}))]}}),
            ),
            1,
            Some("1.0"),
            0,
        ),
        (
            metric(
                json!({"histogram": {"aggregationTemporality": 2, "dataPoints": [point(json!({"count": "2", "sum": "NaN", "bucketCounts": ["1", 1], "explicitBounds": ["0.5"]}))]}}),
            ),
            1,
            None,
            0,
        ),
        (
            metric(
                json!({"exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [point(json!({"count": 3, "positive": {"offset": -1, "bucketCounts": ["3"]}}))]}}),
            ),
            1,
            None,
            0,
        ),
        (
            metric(
                json!({"summary": {"dataPoints": [point(json!({"count": "1", "quantileValues": [{"quantile": 0.5, "value": "Infinity"}]}))]}}),
            ),
            1,
            None,
            0,
        ),
    ];
    for (body, rows, value, rejected) in cases {
        let mapped = decode(Signal::Metrics, &body);
        assert_eq!(
            (mapped.accepted, mapped.rejected_total()),
            (rows, rejected),
            "{body}: {:?}",
            mapped.rejected
        );
        assert_eq!(Rows::of(&mapped).get("value", 0).as_deref(), value, "{body}");
    }
    let silent = [
        metric(json!({})),
        metric(json!({"futureKind": {"dataPoints": [{}]}})),
        metric(json!({"gauge": null})),
    ];
    for body in silent {
        let mapped = decode(Signal::Metrics, &body);
        assert_eq!((mapped.accepted, mapped.rejected_total()), (0, 1), "{body}");
    }
    let unreadable = metric(json!({"sum": {"aggregationTemporality": "ODD", "dataPoints": [{}, {}, {}]}}));
    assert_eq!(decode(Signal::Metrics, &unreadable).rejected_total(), 3);
}

// breaks when a resource or scope that cannot be read takes more than its own items, or fewer are counted
#[test]
fn bad_groups_reject_their_items() {
    let scopes = |name: serde_json::Value| json!([{"scope": {"name": name}, "spans": [good(), good()]}]);
    let body = json!({"resourceSpans": [
        {"resource": {"attributes": 5}, "scopeSpans": scopes(json!("t"))},
        {"scopeSpans": scopes(json!(7))},
        {"resource": null, "scopeSpans": scopes(json!(null))},
        7,
        null,
    ]});
    let mapped = decode(Signal::Traces, &body);
    assert_eq!(mapped.accepted, 2);
    let reasons: Vec<_> =
        mapped.rejected.iter().map(|rejected| (rejected.reason.as_str(), rejected.count)).collect();
    let expected = [
        ("resourceSpans[0]: resource.attributes: expected an array, got a number", 2),
        ("scopeSpans[0]: scope.name: expected a string, got a number", 2),
        ("resourceSpans[3]: resource group: expected an object, got a number", 1),
    ];
    assert_eq!(reasons, expected);
}

// breaks when reasons grow with the body: every distinct place would be kept
#[test]
fn reasons_are_bounded() {
    let bad: Vec<_> = (0..100).collect();
    let mapped = decode(Signal::Traces, &json!({"resourceSpans": bad}));
    assert_eq!((mapped.rejected.len(), mapped.rejected_total()), (16, 100));
    assert_eq!(mapped.rejected[15], Rejected { reason: "further reasons".to_string(), count: 85 });
}

// breaks when an error does not say what was expected, what was there, and where
#[test]
fn a_body_that_is_no_otlp_is_an_error() {
    let cases = [
        ("", "body is not JSON: EOF while parsing a value (byte 0)"),
        ("{\"resourceSpans\":\n [}", "body is not JSON: expected value (byte 20)"),
        (
            "[1]",
            "body is no OTLP traces request in JSON: expected an object with \"resourceSpans\", got an array",
        ),
        (
            "{\"resourceSpans\": 5}",
            "body is no OTLP traces request in JSON: resourceSpans: expected an array, got a number",
        ),
        (
            "{\"resourceLogs\": []}",
            "body is no OTLP traces request in JSON: it has \"resourceLogs\", so it carries logs",
        ),
        (
            "{\"resource_spans\": [], \"x\": 1}",
            "body is no OTLP traces request in JSON: expected the member \"resourceSpans\", got resource_spans, x",
        ),
    ];
    for (body, expected) in cases {
        let error = mapper().decode(Signal::Traces, Encoding::Json, body.as_bytes()).expect_err(body);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, expected));
    }
    for body in ["{}", "{\"resourceSpans\": null}", "\u{feff}{\"resourceSpans\": []}"] {
        let mapped =
            mapper().decode(Signal::Traces, Encoding::Json, body.as_bytes()).expect("an empty request");
        assert_eq!((mapped.accepted, mapped.rejected_total()), (0, 0));
    }
    let deep = format!("{{\"resourceSpans\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(mapper().decode(Signal::Traces, Encoding::Json, deep.as_bytes()).is_err());
}

fn any_value() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        ".{0,6}".prop_map(|value| text(&value)),
        any::<bool>().prop_map(Any::BoolValue),
        any::<i64>().prop_map(Any::IntValue),
        any::<f64>()
            .prop_filter("JSON writes them as null", |value| value.is_finite())
            .prop_map(Any::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Any::BytesValue),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        use crate::mapper::tests::build::{array, object};
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| array(&values)),
            prop::collection::vec(("[$a-c]{0,2}", inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> =
                    entries.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
                object(&entries)
            }),
        ]
    })
}

proptest! {
    // breaks when any attribute value means something else in JSON than in protobuf
    #[test]
    fn any_span_means_the_same_in_json(entries in prop::collection::vec(("[a-d.]{1,3}", any_value()), 0..6)) {
        let entries: Vec<_> = entries.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let mut request = traces(&entries, vec![span(&entries)]);
        request.resource_spans[0].scope_spans[0].spans[0].events =
            vec![opentelemetry_proto::tonic::trace::v1::span::Event { attributes: attributes(&entries), ..Default::default() }];
        let mapper = mapper();
        let json = serde_json::to_vec(&request).expect("serialises");
        let from_json = mapper.decode(Signal::Traces, Encoding::Json, &json).expect("OTLP");
        let from_protobuf = mapper.decode(Signal::Traces, Encoding::Protobuf, &request.encode_to_vec()).expect("OTLP");
        prop_assert_eq!(from_json.batches, from_protobuf.batches);
    }

    // breaks when JSON of any shape can panic the reader
    #[test]
    fn any_json_can_be_read(
        key in "resourceSpans|resourceMetrics|resourceLogs",
        value in prop_oneof![Just(json!([{"scopeSpans": [{"spans": [{}]}]}])), Just(json!([[], {}, {"scopeMetrics": {}}])), any::<i64>().prop_map(|value| json!([value]))],
    ) {
        let body = json!({ key: value }).to_string();
        for signal in Signal::ALL {
            let _ = mapper().decode(signal, Encoding::Json, body.as_bytes());
        }
    }
}
