use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, any_value::Value},
};
use serde_json::{Value as Json, json};

mod leaks;
mod recipes;

use super::{Redaction, RedactionAction, RedactionRule};
use crate::meaning::Place;

const EMAIL: &str = r"[\w.+-]+@[\w-]+\.[\w.]+";

fn rule(keys: &[&str], pattern: Option<&str>, action: RedactionAction) -> RedactionRule {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    RedactionRule { name: None, keys, pattern: pattern.map(str::to_owned), action }
}

fn redaction(rules: &[RedactionRule]) -> Redaction {
    Redaction::new(rules, Some("a secret")).unwrap()
}

fn string(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn spans(span: &Json) -> ExportTraceServiceRequest {
    serde_json::from_value(json!({"resourceSpans": [{
        "resource": {"attributes": [string("host.name", "ana@example.com")]},
        "scopeSpans": [{"scope": {"attributes": [string("user.id", "ana")]}, "spans": [span]}],
    }]}))
    .unwrap()
}

/// Every text of a request, in its order.
fn texts(request: &impl serde::Serialize) -> Vec<String> {
    fn collect(json: &Json, found: &mut Vec<String>) {
        match json {
            Json::String(text) => found.push(text.clone()),
            Json::Array(list) => list.iter().for_each(|value| collect(value, found)),
            Json::Object(map) => map.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = vec![];
    collect(&serde_json::to_value(request).unwrap(), &mut found);
    found
}

// breaks when a place of a request is not looked at, or a text that is nobody's business survives in one
#[test]
fn no_place_of_a_request_is_left_out() {
    let mail = "write to ana@example.com or bob@example.org";
    let attributes = json!([string("a", mail), {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": mail}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [string("b", mail)]}}}]);
    let redaction = redaction(&[rule(&[], Some(EMAIL), RedactionAction::Mask)]);

    let mut request = spans(&json!({"name": mail, "status": {"message": mail}, "attributes": attributes,
        "events": [{"name": "e", "attributes": attributes}], "links": [{"attributes": attributes}]}));
    let counted = redaction.traces(&mut request);
    assert!(texts(&request).iter().all(|text| !text.contains('@')), "{:?}", texts(&request));
    assert!(texts(&request).iter().any(|text| text == "write to **** or ****"));
    assert_eq!((counted[0].rule.as_str(), counted[0].count), ("rule 1", 12));

    let point = json!({"attributes": attributes, "exemplars": [{"filteredAttributes": attributes}]});
    let plain = json!({"attributes": attributes});
    let mut request: ExportMetricsServiceRequest = serde_json::from_value(json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "g", "gauge": {"dataPoints": [point]}}, {"name": "s", "sum": {"dataPoints": [point], "aggregationTemporality": 1}},
        {"name": "h", "histogram": {"dataPoints": [point], "aggregationTemporality": 1}},
        {"name": "e", "exponentialHistogram": {"dataPoints": [point], "aggregationTemporality": 1}},
        {"name": "q", "summary": {"dataPoints": [plain]}}]}]}]})).unwrap();
    assert_eq!(redaction.metrics(Place::Resource, &mut request)[0].count, 27);
    assert!(texts(&request).iter().all(|text| !text.contains('@')));

    let mut request: ExportLogsServiceRequest =
        serde_json::from_value(json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"body": {"stringValue": mail}, "attributes": attributes},
        {"body": {"kvlistValue": {"values": [string("content", mail)]}}}]}]}]}))
        .unwrap();
    assert_eq!(redaction.logs(&mut request)[0].count, 5);
    assert!(texts(&request).iter().all(|text| !text.contains('@')));
}

// breaks when a key hits another attribute, or not the older names of its own
#[test]
fn keys_name_attributes() {
    let span = json!({"name": "n", "attributes": [
        string("gen_ai.prompt.0.content", "secret"), string("gen_ai.prompts", "kept"), string("user.id", "ana"),
        string("enduser.id", "ana"), string("gen_ai.usage.prompt_tokens", "7"),
        {"key": "map", "value": {"kvlistValue": {"values": [string("user.id", "ana"), string("b", "kept")]}}}]});
    let mut request = spans(&span);
    let rules = [
        rule(&["gen_ai.prompt.*", "gen_ai.usage.input_tokens"], None, RedactionAction::Drop),
        rule(&["user.id"], None, RedactionAction::Mask),
    ];
    let counted = redaction(&rules).traces(&mut request);
    let kept = serde_json::to_string(&request.resource_spans[0].scope_spans[0].spans[0].attributes).unwrap();
    assert!(!kept.contains("secret") && !kept.contains("prompt_tokens"), "{kept}");
    assert!(kept.contains("gen_ai.prompts") && kept.contains("kept") && !kept.contains("\"ana\""), "{kept}");
    let counts: Vec<_> = counted.iter().map(|redacted| (redacted.rule.as_str(), redacted.count)).collect();
    assert_eq!(counts, [("rule 1", 2), ("rule 2", 4)], "the scope's user, too");
}

// breaks when a hash is not the same for the same value, tells the value without the key, or takes a number for its text's neighbour
#[test]
fn hashes_are_stable_and_keyed() {
    let hashed = |key: &str, value: Value| {
        let redaction = Redaction::new(&[rule(&["k"], None, RedactionAction::Hash)], Some(key)).unwrap();
        redaction.rules[0].instead_of(&AnyValue { value: Some(value) }, &redaction.hasher).unwrap()
    };
    let ana = || Value::StringValue("ana".to_owned());
    assert_eq!(hashed("a", ana()), hashed("a", ana()));
    assert_ne!(hashed("a", ana()), hashed("b", ana()));
    assert_eq!(hashed("a", ana()).len(), 32);
    assert_eq!(hashed("a", Value::IntValue(7)), hashed("a", Value::StringValue("7".to_owned())));
    assert_eq!(hashed(&"long".repeat(100), ana()).len(), 32);
}

// breaks when a part is hashed with its surroundings, a drop with a pattern drops what does not match, or a later rule sees what is gone
#[test]
fn patterns_are_about_parts() {
    let span =
        json!({"name": "n", "attributes": [string("a", "to ana@example.com!"), string("b", "nobody")]});
    let mut request = spans(&span);
    redaction(&[rule(&["a"], Some(EMAIL), RedactionAction::Hash)]).traces(&mut request);
    let found = texts(&request.resource_spans[0].scope_spans[0].spans[0].attributes[0]);
    let text = found.iter().find(|text| text.starts_with("to ")).unwrap();
    assert!(text.ends_with('!') && text.len() == "to ".len() + 32 + 1, "{text}");

    let mut request = spans(&span);
    let rules = [rule(&[], Some(EMAIL), RedactionAction::Drop), rule(&["a"], None, RedactionAction::Mask)];
    let counted = redaction(&rules).traces(&mut request);
    let attributes = &request.resource_spans[0].scope_spans[0].spans[0].attributes;
    assert_eq!(attributes.iter().map(|attribute| attribute.key.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        counted.iter().map(|redacted| redacted.count).collect::<Vec<_>>(),
        [2],
        "the host's name, too"
    );
}

// breaks when a rule that cannot work is taken in silence
#[test]
fn rules_that_cannot_work_are_refused() {
    let cases = [
        (rule(&[], None, RedactionAction::Drop), Some("k"), "names neither keys nor a pattern"),
        (rule(&[], Some("("), RedactionAction::Drop), Some("k"), "unclosed group"),
        (rule(&["a"], None, RedactionAction::Hash), None, "a hash needs a key"),
        (rule(&["a"], None, RedactionAction::Hash), Some(""), "a hash needs a key"),
    ];
    for (rule, key, message) in cases {
        let error = Redaction::new(&[rule], key).unwrap_err().to_string();
        assert!(error.contains("redaction \"rule 1\"") && error.contains(message), "{error}");
    }
}
