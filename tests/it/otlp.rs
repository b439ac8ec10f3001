//! Telemetry of real clients, from the body to the answer: ingest, then SQL.

use std::path::{Path, PathBuf};

use anyhow::Result;
use arrow::array::AsArray;
use arrow::util::pretty::pretty_format_batches;
use driftline::{Database, Encoding, Signal, otel::detect};
use futures::TryStreamExt;
use serde_json::{Value, json};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/otlp")
}

/// The bodies of one client, in the order in which it sent them.
fn bodies(client: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(data().join(client))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

async fn ingest(database: &Database, client: &str) -> Result<u64> {
    let mut accepted = 0;
    for file in bodies(client)? {
        let body = std::fs::read(&file)?;
        let (signal, encoding) = detect(&file.to_string_lossy(), &body).expect("a captured body is OTLP");
        let report = database.ingest_otlp(signal, encoding, &body).await?;
        assert!(report.rejected.is_empty() && report.moved.is_empty(), "{}: {report:?}", file.display());
        accepted += report.accepted;
    }
    Ok(accepted)
}

pub(crate) async fn answer(database: &Database, sql: &str) -> Result<String> {
    let batches: Vec<_> = database.sql(sql).await?.try_collect().await?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

const CALLS: &str = "SELECT operation, provider, model, input_tokens, output_tokens, is_error, \
    replace(error_type, 'openai.', '') AS error FROM llm_calls ORDER BY time";

/// What every client did: a chat, a streamed chat, a chat that failed, an embedding.
const EXPECTED: &str = "\
+------------+----------+------------------------+--------------+---------------+----------+-----------------+
| operation  | provider | model                  | input_tokens | output_tokens | is_error | error           |
+------------+----------+------------------------+--------------+---------------+----------+-----------------+
| chat       | openai   | gpt-4o                 | 100          | 20            | false    |                 |
| chat       | openai   | gpt-4o                 | 11           | 2             | false    |                 |
| chat       | openai   | bad                    |              |               | true     | BadRequestError |
| embeddings | openai   | text-embedding-3-small | 5            |               | false    |                 |
+------------+----------+------------------------+--------------+---------------+----------+-----------------+";

// breaks when a client's telemetry is lost, or llm_calls shows the same calls differently because another instrumentation sent them
#[tokio::test]
async fn calls_look_the_same_whoever_sent_them() -> Result<()> {
    let clients = [
        "genai-openai",
        "genai-openai-content",
        "openai-v2",
        "openai-v2-latest",
        "openinference",
        "traceloop",
    ];
    for client in clients {
        let directory = tempfile::tempdir()?;
        let database = Database::open(directory.path()).await?;
        let accepted = ingest(&database, client).await?;
        assert_eq!(answer(&database, CALLS).await?, EXPECTED, "{client}");
        database.flush().await?;
        assert_eq!(answer(&database, CALLS).await?, EXPECTED, "{client}, flushed");
        let rows = "SELECT (SELECT count(*) FROM spans) + (SELECT count(*) FROM metrics) + (SELECT count(*) FROM logs) AS n";
        let rows = answer(&database, rows).await?;
        assert!(rows.contains(&format!("| {accepted} ")), "{client}: {accepted} accepted, {rows}");
        database.close().await?;
    }
    Ok(())
}

/// The messages of a client's spans, in one form: null members say nothing, and OpenInference does not tell why an answer ended.
async fn messages(database: &Database) -> Result<Vec<(String, Value)>> {
    let sql = "SELECT key, value FROM payloads JOIN llm_calls USING (trace_id, span_id) \
        WHERE signal = 'traces' AND operation = 'chat' ORDER BY payloads.time, key";
    let mut found = vec![];
    for batch in database.sql(sql).await?.try_collect::<Vec<_>>().await? {
        let [keys, values] = [0, 1].map(|column| batch.column(column).as_string_view());
        for (key, value) in keys.iter().flatten().zip(values.iter().flatten()) {
            let mut messages: Value = serde_json::from_str(value)?;
            for message in messages.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                message.retain(|name, value| !value.is_null() && name != "finish_reason");
            }
            found.push((key.to_owned(), messages));
        }
    }
    Ok(found)
}

// breaks when the same conversation is told in as many forms as there are instrumentations
#[tokio::test]
async fn messages_look_the_same_whoever_sent_them() -> Result<()> {
    let text = |text: &str| json!([{"type": "text", "content": text}]);
    let asked = json!({"role": "user", "parts": text("hi")});
    let briefed = json!([{"role": "system", "parts": text("be nice")}, asked]);
    let answered = json!([{"role": "assistant", "parts": text("Hello")}]);
    let (input, output) = ("gen_ai.input.messages".to_owned(), "gen_ai.output.messages".to_owned());
    let expected = [
        (input.clone(), briefed),
        (output.clone(), answered.clone()),
        (input.clone(), json!([asked])),
        (output, answered),
        (input, json!([asked])),
    ];
    for client in ["genai-openai-content", "openai-v2-latest", "openinference", "traceloop"] {
        let directory = tempfile::tempdir()?;
        let database = Database::open(directory.path()).await?;
        ingest(&database, client).await?;
        assert_eq!(messages(&database).await?, expected, "{client}");
        database.close().await?;
    }
    Ok(())
}

// breaks when an evaluation that comes with a span is lost, doubled by a retry, or tells of the judge in the place of the judged
#[tokio::test]
async fn evaluations_of_spans_are_evaluations() -> Result<()> {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [attribute("service.name", "judge")]},
        "scopeSpans": [{"spans": [{
            "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "evaluate",
            "startTimeUnixNano": "1785542400000000000", "endTimeUnixNano": "1785542401000000000",
            "links": [{"traceId": "80f198ee56343ba864fe8b2a57d3eff7", "spanId": "e457b5a2e4d86bd1"}],
            "attributes": [
                attribute("openinference.span.kind", "EVALUATOR"),
                attribute("session.id", "s"),
                attribute("evaluations.0.evaluation.name", "correctness"),
                {"key": "evaluations.0.evaluation.score", "value": {"intValue": "1"}},
                attribute("evaluations.0.evaluation.label", "correct"),
                attribute("evaluations.0.evaluation.annotator_kind", "HUMAN"),
            ],
        }]}],
    }]})
    .to_string();
    let directory = tempfile::tempdir()?;
    let database = Database::open(directory.path()).await?;
    for _ in 0..2 {
        let report = database.ingest_otlp(Signal::Traces, Encoding::Json, body.as_bytes()).await?;
        assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    }
    let found = answer(
        &database,
        "SELECT trace_id, span_id, service_name AS service, name, score, label, annotator_kind AS judge, session_id AS session \
         FROM evaluations",
    );
    let expected = "\
+----------------------------------+------------------+---------+-------------+-------+---------+-------+---------+
| trace_id                         | span_id          | service | name        | score | label   | judge | session |
+----------------------------------+------------------+---------+-------------+-------+---------+-------+---------+
| 80f198ee56343ba864fe8b2a57d3eff7 | e457b5a2e4d86bd1 | judge   | correctness | 1.0   | correct | HUMAN | s       |
+----------------------------------+------------------+---------+-------------+-------+---------+-------+---------+";
    assert_eq!(found.await?, expected);
    assert!(answer(&database, "SELECT count(*) FROM feedback").await?.contains("| 1 "));
    assert!(answer(&database, "SELECT count(*) FROM spans").await?.contains("| 1 "));
    database.close().await?;
    Ok(())
}

// breaks when what has no column cannot be asked for, or nested values do not survive a flush
#[tokio::test]
async fn what_has_no_column_is_in_the_map() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let database = Database::open(directory.path()).await?;
    ingest(&database, "js-sdk").await?;
    let sql = "SELECT attributes['s'] AS s, attributes['arr'] AS arr, attributes['i'] AS i, \
        attributes['nan'] AS nan, attr(attributes, 's') AS text, events[1]['name'] AS event FROM spans";
    let expected = "\
+-----+-----------+---+------+------+-------+
| s   | arr       | i | nan  | text | event |
+-----+-----------+---+------+------+-------+
| \"x\" | [\"a\",\"b\"] | 7 | null | x    | e     |
+-----+-----------+---+------+------+-------+";
    assert_eq!(answer(&database, sql).await?, expected);
    database.flush().await?;
    assert_eq!(answer(&database, sql).await?, expected, "flushed");
    Ok(())
}

// breaks when a promoted column is not filled from its attribute at ingest
#[tokio::test]
async fn a_promoted_attribute_fills_its_column() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let database = Database::open(directory.path()).await?;
    answer(&database, "ALTER TABLE spans ADD COLUMN answer BIGINT FROM ATTRIBUTE 'big'").await?;
    ingest(&database, "js-sdk").await?;
    let shown = answer(&database, "SELECT answer FROM spans").await?;
    assert!(shown.contains("| 1099511627776 |"), "{shown}");
    Ok(())
}

/// A chat whose prompt and answer have a megabyte each.
fn large_chat(n: usize) -> Vec<u8> {
    let [prompt, answer] = ["p", "a"].map(|text| format!("{n} {}", text.repeat(1 << 20)));
    let body = serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "bot"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": format!("{:032x}", n + 1), "spanId": format!("{:016x}", n + 1), "name": "chat",
            "startTimeUnixNano": (1_785_585_600_000_000_000_u64 + n as u64).to_string(),
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "app.prompt", "value": {"stringValue": prompt}},
            ],
            "events": [{"name": "answer", "timeUnixNano": "1785585600000000001",
                "attributes": [{"key": "app.answer", "value": {"stringValue": answer}}]}],
        }]}],
    }]});
    body.to_string().into_bytes()
}

// breaks when large prompts are lost, cut or given to another span, or when they still lie in the files of spans
#[tokio::test]
async fn large_prompts_lie_beside_the_spans_and_come_back_whole() -> Result<()> {
    const CHATS: usize = 40;
    let directory = tempfile::tempdir()?;
    let database = Database::open(directory.path()).await?;
    for n in 0..CHATS {
        let report = database.ingest_otlp(Signal::Traces, Encoding::Json, &large_chat(n)).await?;
        assert_eq!((report.accepted, report.rejected.len(), report.moved.len()), (1, 0, 0));
    }
    let whole = "SELECT key, event_index, count(*) AS n, count(DISTINCT trace_id) AS traces, min(bytes) AS least, \
        bool_and(length(value) = bytes AND starts_with(value, split_part(s.id, '|', 1) || ' ')) AS whole \
        FROM payloads JOIN (SELECT trace_id, CAST(row_number() OVER (ORDER BY trace_id) - 1 AS TEXT) || '|' AS id FROM spans) s \
        USING (trace_id) GROUP BY key, event_index ORDER BY key";
    let expected = "\
+------------+-------------+----+--------+---------+-------+
| key        | event_index | n  | traces | least   | whole |
+------------+-------------+----+--------+---------+-------+
| app.answer | 0           | 40 | 40     | 1048578 | true  |
| app.prompt |             | 40 | 40     | 1048578 | true  |
+------------+-------------+----+--------+---------+-------+";
    assert_eq!(answer(&database, whole).await?, expected);
    database.flush().await?;
    assert_eq!(answer(&database, whole).await?, expected);
    let sizes = "SELECT sum(bytes) < 200000 AS small FROM driftline.segments WHERE table_name = 'spans'";
    assert!(answer(&database, sizes).await?.contains("true"));
    let left = "SELECT count(*) AS n FROM spans WHERE attr(attributes, 'app.prompt') LIKE '{\"$payload\":{\"bytes\":10485__,\"preview\":\"% ppp%'";
    assert!(answer(&database, left).await?.contains("| 40 "));
    database.close().await?;
    Ok(())
}
