//! What rules take out of telemetry is in no file of the database: not in a row, not in the log, not in what is derived.

use std::path::Path;

use anyhow::Result;
use driftline::{Database, Encoding, RedactionAction, RedactionRule, Signal};
use serde_json::json;

use crate::otlp::answer;

fn rules() -> Vec<RedactionRule> {
    let rule = |name: &str, keys: &[&str], pattern: Option<&str>, action| RedactionRule {
        name: Some(name.to_owned()),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        pattern: pattern.map(str::to_owned),
        action,
    };
    vec![
        rule("mail", &[], Some(r"[\w.+-]+@[\w-]+\.[\w.]+"), RedactionAction::Mask),
        rule("prompts", &["gen_ai.prompt*", "gen_ai.input.messages"], None, RedactionAction::Drop),
        rule("users", &["user.id"], None, RedactionAction::Hash),
    ]
}

/// Whether a text is in any file below a directory.
fn is_kept(directory: &Path, text: &str) -> Result<bool> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            is_kept(&path, text)?
        } else {
            std::fs::read(&path)?.windows(text.len()).any(|bytes| bytes == text.as_bytes())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

// breaks when what must not be stored is, in the log or in a segment, or a user can no longer be told from another
#[tokio::test]
async fn what_is_redacted_is_nowhere() -> Result<()> {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let span = |id: u32, user: &str| {
        json!({"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": format!("{id:016x}"), "name": "chat",
        "startTimeUnixNano": "1785542400000000000", "attributes": [
            attribute("gen_ai.operation.name", "chat"),
            attribute("gen_ai.prompt", "my card number is 4111"),
            attribute("gen_ai.completion", "I wrote to ana@example.com"),
            attribute("enduser.id", user),
        ]})
    };
    let spans = [span(1, "ana-77"), span(2, "ana-77"), span(3, "bob-78")];
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let directory = tempfile::tempdir()?;
    let open = || Database::builder(directory.path()).redact(rules(), Some("a key".to_owned())).open();
    let database = open().await?;
    let report = database.ingest_otlp(Signal::Traces, Encoding::Json, body.as_bytes()).await?;
    let counted: Vec<_> =
        report.redacted.iter().map(|redacted| (redacted.rule.as_str(), redacted.count)).collect();
    assert_eq!(counted, [("mail", 3), ("prompts", 3), ("users", 3)]);
    for flushed in [false, true] {
        for text in ["ana@example.com", "4111", "ana-77", "bob-78"] {
            assert!(!is_kept(directory.path(), text)?, "{text}, flushed: {flushed}");
        }
        assert!(
            is_kept(directory.path(), "gen_ai.completion")? || flushed,
            "segments are compressed, the log is not"
        );
        database.flush().await?;
    }
    let users =
        "SELECT count(DISTINCT user_id) = 2 AND min(length(user_id)) = 32 AS told_apart FROM llm_calls";
    assert!(answer(&database, users).await?.contains("true"));
    let messages = "SELECT value FROM payloads WHERE key = 'gen_ai.output.messages' AND strpos(value, 'I wrote to ****') > 0";
    assert_eq!(answer(&database, messages).await?.lines().count(), 4 + 3);
    let stats = "SELECT detail, count FROM driftline.ingest_stats WHERE outcome = 'redacted' ORDER BY detail";
    assert!(answer(&database, stats).await?.contains("| mail    | 3     |"));
    let bytes = format!(
        "SELECT bytes = {} AS same FROM driftline.ingest_stats WHERE outcome = 'accepted'",
        body.len()
    );
    assert!(answer(&database, &bytes).await?.contains("true"));
    database.close().await?;

    // the same value has the same hash after a restart
    let database = open().await?;
    let later = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span(4, "ana-77")]}]}]}).to_string();
    database.ingest_otlp(Signal::Traces, Encoding::Json, later.as_bytes()).await?;
    let of_ana = "SELECT max(n) AS n FROM (SELECT user_id, count(*) AS n FROM spans GROUP BY user_id)";
    assert!(answer(&database, of_ana).await?.contains("| 3 "));
    database.close().await?;
    Ok(())
}
