//! The rules that `docs/server.md` shows, as they stand there.

use std::sync::Arc;

use super::{
    leaks::{log, trace},
    *,
};
use crate::{
    Mapper, detect,
    mapper::tests::{build::mapper, clients::bodies},
};

const PAGE: &str = include_str!("../../../../../docs/server.md");

/// The keys of the rule that takes out all words.
fn keys() -> Vec<&'static str> {
    let (_, rule) = PAGE.split_once("name = \"prompts\"").unwrap();
    let (_, list) = rule.split_once("keys = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split(',').map(|key| key.trim().trim_matches('"')).filter(|key| !key.is_empty()).collect()
}

fn no_words() -> Mapper {
    mapper().with_redaction(Arc::new(redaction(&[rule(&keys(), None, RedactionAction::Drop)])))
}

// breaks when words of users or models come through in a form that some client sends, or what is no word goes with them
#[test]
fn no_words_at_all_means_all_forms() {
    let words = [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.prompt",
        "gen_ai.prompt.0.content",
        "gen_ai.completion",
        "gen_ai.completion.0.tool_calls.0.arguments",
        "llm.input_messages.0.message.content",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
        "llm.prompts",
        "llm.prompts.0.content",
        "llm.completions.0.content",
        "llm.prompt_template.variables",
        "input.value",
        "output.value",
        "retrieval.documents.0.document.content",
        "embedding.embeddings.0.embedding.text",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.prompt.tools",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
        "ai.response.reasoning",
        "ai.toolCall.args",
        "ai.toolCall.result",
        "ai.value",
        "ai.values",
        "langfuse.observation.input",
        "langfuse.trace.output",
        "mlflow.spanInputs",
        "annotations.0.annotation.explanation",
        "tool_calls",
        "content",
        "message",
    ];
    let mapper = no_words();
    let events =
        ["gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message"];
    for key in words {
        let rows = trace(&mapper, json!({"attributes": [string(key, "secret")]}));
        assert!(!rows.contains("secret") && !rows.contains("payloads"), "{key}: {rows}");
        let rows = log(&mapper, json!({"attributes": [string(key, "secret")]}));
        assert!(!rows.contains("secret") && !rows.contains("payloads"), "{key}: {rows}");
    }
    for event in events.into_iter().chain(["gen_ai.choice", "gen_ai.content.prompt"]) {
        for key in ["content", "message", "tool_calls", "gen_ai.event.content", "gen_ai.prompt"] {
            let rows =
                trace(&mapper, json!({"events": [{"name": event, "attributes": [string(key, "secret")]}]}));
            assert!(!rows.contains("secret") && !rows.contains("payloads"), "{event} {key}: {rows}");
            let body = json!({"kvlistValue": {"values": [string(key, "secret")]}});
            let rows = log(&mapper, json!({"eventName": event, "body": body}));
            assert!(!rows.contains("secret") && !rows.contains("payloads"), "{event} {key}: {rows}");
        }
    }
    for key in
        ["gen_ai.request.model", "gen_ai.usage.prompt_tokens", "ai.response.model", "traceloop.entity.name"]
    {
        assert!(trace(&mapper, json!({"attributes": [string(key, "told")]})).contains("told"), "{key}");
    }
}

// breaks when a real client's words come through
#[test]
fn no_words_of_real_clients() {
    let (plain, redacted) = (mapper(), no_words());
    let mut said = 0;
    for (name, body) in bodies() {
        let (signal, encoding) = detect(&name, &body).unwrap();
        let rows = |mapper: &Mapper| format!("{:?}", mapper.decode(signal, encoding, &body).unwrap().batches);
        said += usize::from(rows(&plain).to_lowercase().contains("hello"));
        let rows = rows(&redacted);
        assert!(!rows.to_lowercase().contains("hello"), "{name}: {rows}");
    }
    assert!(said >= 8, "{said} bodies have words");
}
