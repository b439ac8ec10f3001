//! Telemetry of real clients, from the body to the answer: ingest, then SQL.

use std::path::{Path, PathBuf};

use anyhow::Result;
use arrow::util::pretty::pretty_format_batches;
use driftline::{Database, Encoding, Signal, otel::detect};
use futures::TryStreamExt;

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
