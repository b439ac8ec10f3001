use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    logs::v1::LogRecord,
    trace::v1::{Span, span::Event},
};

use super::build::*;
use crate::Mapped;

/// The rows of `payloads`.
fn payloads(mapped: &Mapped) -> Rows<'_> {
    let (table, rows) = mapped.batches.last().expect("rows were accepted");
    assert_eq!(*table, "payloads");
    Rows(rows)
}

fn large(first: &str) -> String {
    format!("{first}{}", "é".repeat(3_000))
}

// breaks when a large value stays in the row, is cut, goes to another row than its own, or leaves nothing behind
#[test]
fn a_large_value_leaves_its_size_and_its_beginning_behind() {
    let prompt = large("Say \"hello\".");
    let small = span(&[("app.prompt", text("short"))]);
    let own = span(&[("app.prompt", text(&prompt)), ("app.intent", text("refund"))]);
    let own = Span { span_id: vec![2; 8], ..own };
    let mapped = mapper().traces(traces(&[("service.name", text("shop"))], vec![small, own]));
    let [first, second] = [0, 1].map(|row| Rows::of(&mapped).rest(row));
    assert_eq!(first, pairs(&[("app.prompt", "\"short\"")]));
    let preview: String = prompt.chars().take(200).collect();
    let left = format!(
        "{{\"$payload\":{{\"bytes\":{},\"preview\":\"{}\"}}}}",
        prompt.len(),
        preview.replace('"', "\\\"")
    );
    assert_eq!(second, pairs(&[("app.intent", "\"refund\""), ("app.prompt", &left)]));
    let rows = payloads(&mapped);
    assert_eq!(rows.0.num_rows(), 1);
    let expected = [
        ("time", "1700000000000000000"),
        ("signal", "traces"),
        ("service_name", "shop"),
        ("trace_id", "abababababababababababababababab"),
        ("span_id", "0202020202020202"),
        ("key", "app.prompt"),
        ("value", prompt.as_str()),
        ("bytes", "6012"),
    ];
    for (column, value) in expected {
        assert_eq!(rows.get(column, 0).as_deref(), Some(value), "{column}");
    }
    assert_eq!(rows.get("event_index", 0), None);
    assert_eq!((mapped.accepted, mapped.rejected_total(), mapped.moved.len()), (2, 0, 0));
}

// breaks when structured values, events and log records keep what is large, or a column takes it
#[test]
fn every_place_of_a_span_or_record_is_relieved() {
    let long = large("");
    let messages = array(&[object(&[("role", text("user")), ("content", text(&long))])]);
    let event = |name: &str| Event {
        name: name.to_string(),
        time_unix_nano: START,
        attributes: attributes(&[("note", text(&long)), ("n", Value::IntValue(1))]),
        ..Default::default()
    };
    let span = Span {
        events: vec![event("first"), event("second")],
        ..span(&[("gen_ai.input.messages", messages), ("gen_ai.conversation.id", text(&long))])
    };
    let mapped = mapper().traces(traces(&[], vec![span]));
    let rows = payloads(&mapped);
    let found: Vec<_> = (0..rows.0.num_rows())
        .map(|row| (rows.get("key", row).unwrap(), rows.get("event_index", row)))
        .collect();
    let expected = [
        ("note", Some("0")),
        ("note", Some("1")),
        ("gen_ai.input.messages", None),
        ("gen_ai.conversation.id", None),
    ];
    assert_eq!(found, expected.map(|(key, index)| (key.to_string(), index.map(str::to_string))));
    assert_eq!(rows.get("value", 2).unwrap(), format!("[{{\"role\":\"user\",\"content\":\"{long}\"}}]"));
    assert!(Rows::of(&mapped).column("gen_ai_conversation_id").is_none());
    assert!(mapped.moved.is_empty());

    let record = LogRecord {
        time_unix_nano: START,
        attributes: attributes(&[("gen_ai.evaluation.explanation", text(&long))]),
        ..Default::default()
    };
    let mapped = mapper().logs(logs(vec![record]));
    let rows = payloads(&mapped);
    assert_eq!(rows.get("signal", 0).as_deref(), Some("logs"));
    assert_eq!((rows.get("trace_id", 0), rows.get("value", 0)), (None, Some(long)));
}

// breaks when the limit moves: 4 KiB of text are no payload, a byte more is one, however much longer its JSON is
#[test]
fn four_kibibytes_stay() {
    for (bytes, batches) in [(4_096, 1), (4_097, 2)] {
        let mapped = mapper().traces(traces(&[], vec![span(&[("x", text(&"\"".repeat(bytes)))])]));
        assert_eq!(mapped.batches.len(), batches, "{bytes}");
    }
}

// breaks when what the messages of a row hold is kept a second time, or the row does not say where it is
#[test]
fn a_large_message_is_kept_once() {
    let prompt = large("Say \"hello\".");
    let parts = [
        ("llm.input_messages.0.message.role", text("user")),
        ("llm.input_messages.0.message.content", text(&prompt)),
    ];
    for sent in [&[("gen_ai.prompt", text(&prompt))][..], &parts] {
        let mapped = mapper().traces(traces(&[], vec![span(sent)]));
        let rows = payloads(&mapped);
        assert_eq!(rows.0.num_rows(), 1);
        assert_eq!(rows.get("key", 0).as_deref(), Some("gen_ai.input.messages"));
        let list: serde_json::Value = serde_json::from_str(&rows.get("value", 0).unwrap()).unwrap();
        assert_eq!(list[0]["parts"][0]["content"], prompt.as_str());
        let (key, _) = sent.last().unwrap();
        let rest = Rows::of(&mapped).rest(0);
        let (_, left) = rest.iter().find(|(of, _)| of == key).unwrap();
        let left: serde_json::Value = serde_json::from_str(left).unwrap();
        assert_eq!(left["$payload"]["in"], "gen_ai.input.messages");
        assert_eq!(left["$payload"]["bytes"], prompt.len());
    }
    // a list of the chat API is another text than what it becomes
    let api = serde_json::json!([{"role": "user", "content": prompt}]).to_string();
    let mapped = mapper().traces(traces(&[], vec![span(&[("gen_ai.prompt", text(&api))])]));
    let keys: Vec<_> = (0..2).map(|row| payloads(&mapped).get("key", row).unwrap()).collect();
    assert_eq!(keys, ["gen_ai.prompt", "gen_ai.input.messages"]);
}

// breaks when what one side says in attributes hides what the other says in events, or a side is kept from both
#[test]
fn each_side_has_a_source_of_its_own() {
    let event = |name: &str, content: &str| Event {
        name: name.to_string(),
        time_unix_nano: START,
        attributes: attributes(&[("content", text(content))]),
        ..Default::default()
    };
    let span = Span {
        events: vec![event("gen_ai.user.message", "worse"), event("gen_ai.choice", "Hi")],
        ..span(&[("gen_ai.prompt", text("Hello"))])
    };
    let mapped = mapper().traces(traces(&[], vec![span]));
    let rows = payloads(&mapped);
    let found: Vec<_> = (0..rows.0.num_rows())
        .map(|row| ["key", "value"].map(|column| rows.get(column, row).unwrap()))
        .collect();
    let [input, output] = ["Hello", "Hi"].map(|said| format!("\"{said}\""));
    assert_eq!(
        found.iter().map(|[key, _]| key.as_str()).collect::<Vec<_>>(),
        ["gen_ai.input.messages", "gen_ai.output.messages"]
    );
    assert!(found[0][1].contains(&input) && found[1][1].contains(&output), "{found:?}");
}
