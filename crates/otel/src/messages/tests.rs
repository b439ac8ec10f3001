use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::{Value as Json, json};

use super::{MessageKey, Messages, Side, of_event};
use crate::mapper::tests::build::{array, attributes, object, text};

fn list(side: Side, entries: &[(&str, Value)]) -> Option<Json> {
    let mut messages = Messages::default();
    for (key, value) in entries {
        if let Some(key) = MessageKey::parse(key) {
            messages.push(key, value);
        }
    }
    messages.list(side).map(|list| serde_json::from_str(&list).unwrap())
}

fn said(role: &str, content: &str) -> Json {
    json!({"role": role, "parts": [{"type": "text", "content": content}]})
}

// breaks when a client's form is not understood, or loses what was said, by whom, or in which order
#[test]
fn the_forms_of_all_clients_become_one() {
    let [brief, hello] = [said("system", "Be brief."), said("user", "Hello")];
    let canonical = format!("[{brief},{hello}]");
    let forms: [&[(&str, Value)]; 5] = [
        &[("gen_ai.input.messages", text(&canonical))],
        &[(
            "gen_ai.input.messages",
            array(&[("system", "Be brief."), ("user", "Hello")].map(|(role, content)| {
                let part = object(&[("type", text("text")), ("content", text(content))]);
                object(&[("role", text(role)), ("parts", array(&[part]))])
            })),
        )],
        &[
            ("gen_ai.prompt.1.content", text("Hello")),
            ("gen_ai.prompt.0.role", text("system")),
            ("gen_ai.prompt.0.content", text("Be brief.")),
            ("gen_ai.prompt.1.role", text("user")),
        ],
        &[
            ("llm.input_messages.0.message.role", text("system")),
            ("llm.input_messages.0.message.content", text("Be brief.")),
            ("llm.input_messages.1.message.role", text("user")),
            ("llm.input_messages.1.message.contents.0.message_content.type", text("text")),
            ("llm.input_messages.1.message.contents.0.message_content.text", text("Hello")),
        ],
        &[(
            "gen_ai.prompt",
            text(
                r#"[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hello"}]}]"#,
            ),
        )],
    ];
    for form in forms {
        assert_eq!(list(Side::Input, form), Some(json!([brief, hello])), "{form:?}");
        assert_eq!(list(Side::Output, form), None);
    }
}

// breaks when a worse source hides a better one, or two are mixed
#[test]
fn the_best_source_of_a_side_counts() {
    let entries = [
        ("gen_ai.completion", text("worst")),
        ("gen_ai.completion.0.content", text("better")),
        ("gen_ai.output.messages", text(r#"[{"role":"assistant","parts":[]}]"#)),
        ("gen_ai.prompt", text("plain words")),
    ];
    assert_eq!(list(Side::Output, &entries), Some(json!([{"role": "assistant", "parts": []}])));
    assert_eq!(list(Side::Output, &entries[..2]), Some(json!([said("assistant", "better")])));
    assert_eq!(list(Side::Output, &entries[..1]), Some(json!([said("assistant", "worst")])));
    assert_eq!(list(Side::Input, &entries), Some(json!([said("user", "plain words")])));
}

// breaks when a call of a tool, its answer or the reason of the end is lost
#[test]
fn calls_of_tools_are_parts() {
    let flattened = [
        ("gen_ai.completion.0.finish_reason", text("tool_calls")),
        ("gen_ai.completion.0.tool_calls.0.id", text("call_1")),
        ("gen_ai.completion.0.tool_calls.0.name", text("weather")),
        ("gen_ai.completion.0.tool_calls.0.arguments", text("{}")),
        ("gen_ai.prompt.0.role", text("tool")),
        ("gen_ai.prompt.0.tool_call_id", text("call_1")),
        ("gen_ai.prompt.0.content", text("rain")),
    ];
    let call = json!({"type": "tool_call", "id": "call_1", "name": "weather", "arguments": "{}"});
    let expected = json!([{"role": "assistant", "parts": [call], "finish_reason": "tool_calls"}]);
    assert_eq!(list(Side::Output, &flattened), Some(expected.clone()));
    let answer = json!({"type": "tool_call_response", "id": "call_1", "response": "rain"});
    assert_eq!(list(Side::Input, &flattened), Some(json!([{"role": "tool", "parts": [answer]}])));
    let api = r#"[{"role":"assistant","content":null,"finish_reason":"tool_calls","tool_calls":[
        {"id":"call_1","type":"function","function":{"name":"weather","arguments":"{}"}}]}]"#;
    assert_eq!(list(Side::Output, &[("gen_ai.completion", text(api))]), Some(expected));
}

// breaks when an event is not a message of its side, or one of another name is
#[test]
fn events_are_one_message_each() {
    let of = |name, entries: &[(&str, Value)]| of_event(name, &attributes(entries));
    assert_eq!(
        of("gen_ai.user.message", &[("content", text("Hello"))]),
        Some((Side::Input, said("user", "Hello")))
    );
    let message = object(&[("role", text("assistant")), ("content", text("Hi"))]);
    let choice = [("index", Value::IntValue(0)), ("finish_reason", text("stop")), ("message", message)];
    let mut expected = said("assistant", "Hi");
    expected["finish_reason"] = "stop".into();
    assert_eq!(of("gen_ai.choice", &choice), Some((Side::Output, expected)));
    assert_eq!(of("gen_ai.user.message", &[("gen_ai.system", text("openai"))]), None);
    assert_eq!(of("exception", &[("content", text("x"))]), None);
}

// breaks when a key that only looks like one of a message becomes one
#[test]
fn other_keys_are_no_messages() {
    for key in [
        "gen_ai.prompt.name",
        "gen_ai.prompt.x.role",
        "gen_ai.prompt.0",
        "gen_ai.completion.0.tool_calls.0",
        "llm.input_messages.0.message.audio",
        "gen_ai.prompt.4294967296.role",
    ] {
        assert_eq!(MessageKey::parse(key), None, "{key}");
    }
}

// breaks when a text is taken for part of a list that has it changed or not at all: it would be lost, for it is not kept again
#[test]
fn a_list_holds_what_it_repeats_character_for_character() {
    let [tool, plain, api] = [text("rain"), text("Hello\n"), text(r#"[{"role":"user","content":"Hi"}]"#)];
    let entries = [
        ("gen_ai.prompt.0.content", &plain),
        ("llm.input_messages.0.message.content", &tool),
        ("gen_ai.prompt.1.role", &tool),
        ("gen_ai.completion", &plain),
        ("gen_ai.prompt", &plain),
    ];
    let mut messages = Messages::default();
    let held = |messages: &Messages<'_>, key: &str, value: &Value| match value {
        Value::StringValue(text) => messages.holds(MessageKey::parse(key).unwrap(), text),
        _ => false,
    };
    for (key, value) in entries {
        messages.push(MessageKey::parse(key).unwrap(), value);
    }
    let found = entries.map(|(key, value)| held(&messages, key, value));
    // of the two that say the same field one counts; a role is no text; the whole prompt is worse than its parts
    assert_eq!(found, [false, true, false, true, false]);
    let mut messages = Messages::default();
    messages.push(MessageKey::parse("gen_ai.prompt").unwrap(), &api);
    assert!(!held(&messages, "gen_ai.prompt", &api), "its list is in another form");
}
