//! What passed a rule once: each case is a request in which a text under another name, in another form or at another place ended in a row.

use std::sync::Arc;

use super::*;
use crate::{Encoding, Mapped, Mapper, Signal, mapper::tests::build::mapper};

fn with(rules: &[RedactionRule]) -> Mapper {
    mapper().with_redaction(Arc::new(redaction(rules)))
}

/// Everything that would be stored.
pub(super) fn stored(mapped: &Mapped) -> String {
    assert_eq!(mapped.rejected, []);
    format!("{:?}", mapped.batches)
}

pub(super) fn trace(mapper: &Mapper, rest: Json) -> String {
    let mut span = json!({"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
        "name": "kept", "startTimeUnixNano": "1785542400000000000"});
    let Json::Object(rest) = rest else { panic!("members of a span") };
    span.as_object_mut().unwrap().extend(rest);
    let body = json!({"resourceSpans": [{"resource": {"attributes": [string("host.name", "box-7")]},
        "scopeSpans": [{"spans": [span]}]}]});
    stored(&mapper.decode(Signal::Traces, Encoding::Json, body.to_string().as_bytes()).unwrap())
}

pub(super) fn log(mapper: &Mapper, rest: Json) -> String {
    let mut record = json!({"timeUnixNano": "1785542400000000000", "severityNumber": 9});
    let Json::Object(rest) = rest else { panic!("members of a record") };
    record.as_object_mut().unwrap().extend(rest);
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
    stored(&mapper.decode(Signal::Logs, Encoding::Json, body.to_string().as_bytes()).unwrap())
}

fn list(values: &[Json]) -> Json {
    json!({"arrayValue": {"values": values}})
}

fn map(key: &str, value: Json) -> Json {
    json!({"kvlistValue": {"values": [{"key": key, "value": value}]}})
}

// breaks when words come through under a name that becomes the named one, by whatever way
#[test]
fn a_current_name_means_all_that_becomes_it() {
    let messages = &["gen_ai.input.messages", "gen_ai.output.messages"][..];
    let event =
        |name: &str, key: &str| json!({"events": [{"name": name, "attributes": [string(key, "secret")]}]});
    let own = |key: &str| json!({"attributes": [string(key, "secret")]});
    let cases = [
        (messages, own("gen_ai.prompt.0.content")),
        (messages, own("gen_ai.completion.0.tool_calls.0.arguments")),
        (messages, own("gen_ai.prompt")),
        (messages, own("llm.input_messages.0.message.contents.1.message_content.image.image.url")),
        (messages, own("llm.output_messages.0.message.content")),
        (messages, event("gen_ai.user.message", "content")),
        (messages, event("gen_ai.choice", "message")),
        (messages, event("gen_ai.system.message", "gen_ai.event.content")),
        (&["gen_ai.evaluation.*"], own("annotations.0.annotation.explanation")),
        (&["gen_ai.evaluation.explanation"], own("trace.evaluations.1.evaluation.explanation")),
        (&["gen_ai.evaluation.score.value"], own("gen_ai.evaluation.score")),
        (&["error.type"], event("exception", "exception.type")),
        (&["user.*"], own("langfuse.user.id")),
        (&["gen_ai.*.name"], own("llm.provider.name.secret")),
    ];
    let (leak, cases) = cases.split_last().unwrap();
    for (keys, span) in cases {
        for action in [RedactionAction::Drop, RedactionAction::Mask, RedactionAction::Hash] {
            let rows = trace(&with(&[rule(keys, None, action)]), span.clone());
            assert!(rows.contains("kept") && !rows.contains("secret"), "{keys:?} {span}: {rows}");
        }
    }
    let rows = trace(&with(&[rule(leak.0, None, RedactionAction::Drop)]), leak.1.clone());
    assert!(rows.contains("secret"), "no name of the convention's");

    let body = |fields: Json| json!({"eventName": "gen_ai.user.message", "body": fields});
    let old = json!({"attributes": [string("event.name", "gen_ai.choice")], "body": map("message", map("content", json!({"stringValue": "secret"})))});
    for record in
        [body(map("content", json!({"stringValue": "secret"}))), body(json!({"stringValue": "secret"})), old]
    {
        let rows = log(&with(&[rule(messages, None, RedactionAction::Drop)]), record.clone());
        assert!(!rows.contains("secret") && !rows.contains("payloads"), "{record}: {rows}");
    }
}

// breaks when a spelling that ends in the same column is another name, or another name is the same
#[test]
fn spellings_of_a_column_are_one_name() {
    let cases = [
        ("exception.message", "exception_message", true),
        ("exception.message", "Exception.Message", true),
        ("exception.*", "exception-message", true),
        ("url.path", "URL.Path", true),
        ("host.name", "host_name", true),
        ("host.name", "resource.host.name", true),
        ("host.name", "resource_host_name", true),
        ("host.name", "scope..host.name", true),
        ("resource.host.name", "resource.host.name", true),
        ("enduser.id", "user.id", false),
        ("user.id", "EndUser_ID", true),
        ("имя", "Имя", true),
        ("имя", "код", false),
        ("host.name", "host.names", false),
        ("host.name", "my.host.name", false),
    ];
    for (name, key, is_named) in cases {
        let span = json!({"attributes": [string(key, "secret")]});
        let rows = trace(&with(&[rule(&[name], None, RedactionAction::Drop)]), span);
        assert_eq!(!rows.contains("secret"), is_named, "{name} {key}: {rows}");
        assert_eq!(rows.contains("box-7"), !name.ends_with("host.name"), "{name}");
    }
}

// breaks when a value is safe in a list, in a map of a list, in JSON or in JSON within that
#[test]
fn rules_look_into_everything() {
    let text = |text: String| json!({"stringValue": text});
    let inner = json!({"user_id": "secret", "other": [1, "kept"]});
    let member = map("user.id", text("secret".to_owned()));
    let cases = [
        list(&[list(std::slice::from_ref(&member)), text("kept".to_owned())]),
        map("a", list(&[member, text("kept".to_owned())])),
        text(inner.to_string()),
        text(format!(" [{inner}]")),
        text(json!({"arguments": inner.to_string()}).to_string()),
        json!({"bytesValue": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, inner.to_string())}),
    ];
    for value in cases {
        let span = json!({"attributes": [{"key": "a", "value": value}]});
        for action in [RedactionAction::Drop, RedactionAction::Mask, RedactionAction::Hash] {
            let rows = trace(&with(&[rule(&["user.id"], None, action)]), span.clone());
            assert!(!rows.contains("secret") && !rows.contains("c2VjcmV0"), "{span}: {rows}");
        }
    }
}

// breaks when a text that JSON escapes is seen as it is escaped, or one that has nothing to hide is written anew
#[test]
fn json_is_seen_as_what_it_says() {
    let rules = [rule(&[], Some("Müller|4111[0-9]{4}"), RedactionAction::Mask)];
    let span = |text: &str| json!({"attributes": [string("gen_ai.prompt", text)]});
    let rows = trace(&with(&rules), span(r#"[{"role": "user", "content": "I am M\u00fcller"}]"#));
    assert!(rows.contains("I am ****") && !rows.contains("u00fc") && !rows.contains("Müller"), "{rows}");
    let rows = trace(&with(&rules), span(r#"{"card": 41112222, "M\u00fcller": [true, null, 1.5]}"#));
    assert!(rows.contains(r#"{\\\"card\\\":\\\"****\\\",\\\"****\\\":[true,null,1.5]}"#), "{rows}");
    let rows = trace(&with(&rules), span(r#""I am M\u00fcller""#));
    assert!(rows.contains("I am ****"), "{rows}");
    let clean = r#"{"b" : 1e2, "a": "\u00fc", "a": 18446744073709551615}"#;
    let mut request = spans(&span(clean));
    redaction(&rules).traces(&mut request);
    assert!(texts(&request).iter().any(|text| text == clean));
    // cut off, as SDKs do with what is too long: no JSON, but a text
    let rows = trace(&with(&rules), span(r#"[{"content": "4111222233"#));
    assert!(rows.contains("****33"), "{rows}");
}

// breaks when a text of a request is one that no rule sees
#[test]
fn no_text_is_out_of_sight() {
    let mask = with(&[rule(&[], Some("secret|77[0-9]{5}"), RedactionAction::Mask)]);
    let secret = "a secret";
    let bytes = json!({"bytesValue": "YSBzZWNyZXQ="});
    let rows = trace(
        &mask,
        json!({"name": secret, "traceState": secret, "status": {"message": secret},
            "attributes": [string("secret.key", "x"), {"key": "n", "value": {"intValue": "7712345"}},
                {"key": "d", "value": {"doubleValue": 7712345.5}}, {"key": "b", "value": bytes},
                {"key": "m", "value": map("secret", json!({"boolValue": true}))}],
            "events": [{"name": secret, "attributes": [string(secret, secret)]}],
            "links": [{"traceId": "0102030405060708090a0b0c0d0e0f10", "traceState": secret}]}),
    );
    assert!(!rows.contains("secret") && !rows.contains("77123") && !rows.contains("c2VjcmV0"), "{rows}");
    assert!(rows.contains("a ****") && rows.contains("****.key") && rows.contains("****.5"), "{rows}");

    let rows = log(
        &mask,
        json!({"eventName": secret, "severityText": secret, "body": bytes,
            "attributes": [{"key": "d", "value": {"intValue": 7712345}}]}),
    );
    assert!(!rows.contains("secret") && !rows.contains("77123") && !rows.contains("c2VjcmV0"), "{rows}");

    let point =
        json!({"timeUnixNano": "1785542400000000000", "asInt": 1, "attributes": [string(secret, secret)]});
    let body = json!({"resourceMetrics": [{"schemaUrl": secret, "resource": {"attributes": [string(secret, secret)]},
        "scopeMetrics": [{"schemaUrl": secret, "scope": {"name": secret, "version": secret, "attributes": [string(secret, secret)]},
            "metrics": [{"name": secret, "unit": secret, "description": secret, "gauge": {"dataPoints": [point]}}]}]}]});
    let mapped = mask.decode(Signal::Metrics, Encoding::Json, body.to_string().as_bytes()).unwrap();
    let rows = stored(&mapped);
    assert!(!rows.contains("secret"), "{rows}");
    assert_eq!(mapped.redacted[0].count, 7 + 6, "and each key");
}

// breaks when what a pattern drops takes more with it than the attribute that holds it, or less
#[test]
fn a_pattern_drops_the_attribute_that_holds_it() {
    let attributes = json!({"attributes": [
        string("a", r#"{"deep": {"x": ["a secret"]}, "other": "gone, too"}"#),
        {"key": "m", "value": map("mine", list(&[json!({"stringValue": "a secret"})]))}, string("b", "stays")]});
    let rows = trace(&with(&[rule(&[], Some("secret"), RedactionAction::Drop)]), attributes.clone());
    assert!(!rows.contains("secret") && !rows.contains("gone, too") && !rows.contains("mine"), "{rows}");
    assert!(rows.contains("stays") && rows.contains("kept"), "{rows}");
    let rows = trace(&with(&[rule(&["deep"], Some("secret"), RedactionAction::Drop)]), attributes);
    assert!(rows.contains("gone, too") && !rows.contains("deep") && rows.contains("mine"), "{rows}");
}

// breaks when a rule sees what a rule before it has taken away, or does not see what it has left
#[test]
fn rules_apply_in_their_order() {
    let hash = rule(&["user.id"], None, RedactionAction::Hash);
    let mask = rule(&[], Some("ana|[0-9a-f]{32}"), RedactionAction::Mask);
    let span = json!({"attributes": [string("user.id", "ana")]});
    let hashed = |rules: &[RedactionRule], span: &Json| {
        let mut request = spans(span);
        redaction(rules).traces(&mut request);
        let attribute = &request.resource_spans[0].scope_spans[0].spans[0].attributes[0];
        texts(attribute).pop().unwrap()
    };
    assert_eq!(hashed(&[hash.clone(), mask.clone()], &span), "****");
    let of_mask = hashed(std::slice::from_ref(&hash), &json!({"attributes": [string("user.id", "****")]}));
    assert_eq!(hashed(&[mask, hash], &span), of_mask);
}

// breaks when JSON in JSON in JSON takes all the stack, or a text that is too deep to be looked into is not seen as it stands
#[test]
fn nesting_has_an_end() {
    let nested = |texts: usize| {
        (0..texts).fold("a secret".to_owned(), |text, _| {
            let inner = serde_json::to_string(&text).unwrap();
            format!("{}{inner}{}", r#"{"a":["#.repeat(60), "]}".repeat(60))
        })
    };
    let rules = [rule(&["b"], None, RedactionAction::Drop), rule(&[], Some("secret"), RedactionAction::Mask)];
    for texts_within in [1, 13] {
        let mut request = spans(&json!({"attributes": [string("x", &nested(texts_within))]}));
        assert_eq!(redaction(&rules).traces(&mut request)[0].count, 1);
        assert!(texts(&request).iter().any(|text| text.contains("a ****")), "{texts_within}");
    }
}
