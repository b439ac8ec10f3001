//! Attribute columns: what a flush promotes, and that no answer shows whether and when it did.

use std::path::Path;

use anyhow::Result;
use driftline::otel::{Mapper, Tables};
use driftline::storage::StorageOptions;
use driftline::{Database, Durability, Encoding, Signal};
use driftline_tests::display_rows;
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z
const START_NS: i64 = 1_767_225_600_000_000_000;

async fn open(path: &Path, promote: bool) -> Result<Database> {
    let storage = StorageOptions { promote_attributes: promote, ..StorageOptions::default() };
    Ok(Database::builder(path).storage(storage).target_partitions(2).open().await?)
}

async fn text(database: &Database, sql: &str) -> Result<String> {
    let mut rows = vec![];
    for batch in database.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows.join("\n"))
}

/// A request of spans: the resource's attributes, and those of every span.
fn request(first: i64, resource: &Value, spans: &[Vec<(&str, Value)>]) -> Vec<u8> {
    let key_values = |entries: &[(&str, Value)]| -> Vec<Value> {
        entries.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
    };
    let spans: Vec<Value> = (first..)
        .zip(spans)
        .map(|(number, attributes)| {
            json!({
                "traceId": format!("{:032x}", number + 1),
                "spanId": format!("{:016x}", number + 1),
                "name": "work",
                "startTimeUnixNano": (START_NS + number * 1_000_000_000).to_string(),
                "endTimeUnixNano": (START_NS + number * 1_000_000_000 + 5).to_string(),
                "attributes": key_values(attributes),
            })
        })
        .collect();
    let resource: Vec<Value> = resource.as_array().cloned().unwrap_or_default();
    let body =
        json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": spans}]}]});
    body.to_string().into_bytes()
}

async fn ingest(database: &Database, body: &[u8]) -> Result<()> {
    let report = database.ingest_otlp(Signal::Traces, Encoding::Json, body).await?;
    assert!(report.rejected.is_empty(), "{report:?}");
    Ok(())
}

/// 200 spans from `first` on: every second has an intent, every third a score.
fn intents(first: i64) -> Vec<u8> {
    let spans: Vec<Vec<(&str, Value)>> = (first..first + 200)
        .map(|number| {
            let mut attributes = vec![("other", json!({"intValue": number.to_string()}))];
            if number % 2 == 0 {
                let intent = if number % 4 == 0 { "refund" } else { "order \"now\"" };
                attributes.push(("app.intent", json!({"stringValue": intent})));
            }
            if number % 3 == 0 {
                attributes.push(("app.score", json!({"doubleValue": number as f64 / 8.0})));
            }
            attributes
        })
        .collect();
    request(first, &json!([]), &spans)
}

/// Questions about attributes that know nothing of columns.
const QUESTIONS: [&str; 10] = [
    "SELECT attr(attributes, 'app.intent') AS v, count(*), sum(duration_ns) FROM spans GROUP BY 1 ORDER BY 1",
    "SELECT count(*), min(time), max(attr(attributes, 'app.score')) FROM spans WHERE attr(attributes, 'app.intent') = 'refund'",
    "SELECT span_id FROM spans WHERE attr(attributes, 'app.intent') IS NULL ORDER BY time",
    "SELECT sum(CAST(attr(attributes, 'app.score') AS DOUBLE)) FROM spans WHERE attr(attributes, 'app.score') LIKE '%.5'",
    "SELECT count(*) FROM (SELECT attributes AS a, time FROM spans ORDER BY time LIMIT 250) WHERE attr(a, 'app.intent') = 'refund'",
    "SELECT attributes['app.intent'], attributes['nothing'] FROM spans ORDER BY time",
    "SELECT attributes, cardinality(attributes) FROM spans ORDER BY time",
    "SELECT a.span_id, attr(a.attributes, 'app.intent'), attr(b.attributes, 'app.score') FROM spans a \
     JOIN spans b ON attr(a.attributes, 'other') = attr(b.attributes, 'other') ORDER BY a.time",
    "SELECT DISTINCT attr(attributes, 'app.intent') || '!' AS v FROM spans ORDER BY v NULLS FIRST",
    "SELECT attr(attributes, key), count(*) FROM spans, (VALUES ('app.intent'), ('app.score')) AS k (key) \
     GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
];

async fn answers(database: &Database) -> Result<Vec<String>> {
    let mut answers = vec![];
    for question in QUESTIONS {
        answers.push(text(database, question).await.map_err(|error| error.context(question))?);
    }
    Ok(answers)
}

/// Breaks when an answer shows that an attribute was promoted, when the mapper does not learn of it, or when a column lacks rows from before.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_shows_a_promotion() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("on");
    let (on, off) = (open(&path, true).await?, open(&dir.path().join("off"), false).await?);
    for database in [&on, &off] {
        ingest(database, &intents(0)).await?;
    }
    let before = answers(&on).await?;
    assert_eq!(before, answers(&off).await?);

    for database in [&on, &off] {
        database.flush().await?;
    }
    let columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'spans' \
        AND column_name IN ('app_intent', 'app_score', 'other') ORDER BY 1";
    assert_eq!(text(&on, columns).await?, "app_intent\napp_score\nother");
    assert_eq!(text(&off, columns).await?, "");
    let described = text(&on, "DESCRIBE spans").await?;
    assert!(described.contains("app_intent TEXT true app.intent"), "{described}");
    assert!(described.contains("app_score DOUBLE true app.score"), "{described}");
    assert_eq!(before, answers(&on).await?, "after the promotion");
    assert_eq!(before, answers(&off).await?, "flushed without promotion");
    let plan = text(&on, &format!("EXPLAIN {}", QUESTIONS[0])).await?;
    let scan = plan.lines().find(|line| line.contains("DataSourceExec")).unwrap_or_default();
    assert!(scan.contains("duration_ns") && !scan.contains("attributes"), "one attribute is read: {plan}");

    for database in [&on, &off] {
        ingest(database, &intents(200)).await?;
    }
    let snapshot = on.storage().snapshot();
    let spans = snapshot.table("spans").expect("built in");
    let in_memory = spans.memory()[0].schema();
    assert!(in_memory.field_with_name("app_intent").is_ok(), "the mapper fills the new column: {in_memory}");
    let after = answers(&off).await?;
    assert_eq!(after, answers(&on).await?, "newer rows in memory");
    on.flush().await?;
    assert_eq!(after, answers(&on).await?, "newer rows flushed");
    on.close().await?;
    let on = open(&path, true).await?;
    assert_eq!(after, answers(&on).await?, "reopened");

    off.sql("ALTER TABLE spans ADD COLUMN app_intent TEXT FROM ATTRIBUTE 'app.intent'").await?;
    for (column, attribute) in [
        ("SELECT app_intent AS v, count(*) FROM spans GROUP BY 1 ORDER BY 1", QUESTIONS[0]),
        ("SELECT span_id FROM spans WHERE app_intent IS NULL ORDER BY time", QUESTIONS[2]),
        ("SELECT count(*) FROM spans WHERE app_intent = 'refund'", QUESTIONS[1]),
    ] {
        let expected = text(&off, column).await?;
        assert_eq!(expected, text(&on, column).await?, "{column}");
        let lines = text(&on, attribute).await?.lines().count();
        assert_eq!(lines, expected.lines().count(), "{column} and {attribute}");
    }

    ingest(&on, &request(400, &json!([]), &[vec![("app.intent", json!({"intValue": "7"}))]])).await?;
    let contradiction = "SELECT app_intent IS NULL, attr(attributes, 'app.intent') FROM spans WHERE span_id = '0000000000000191'";
    for _ in 0..2 {
        assert_eq!(text(&on, contradiction).await?, "true 7");
        on.flush().await?;
    }
    let counted = "SELECT detail, count FROM driftline.ingest_stats WHERE outcome = 'moved'";
    assert_eq!(text(&on, counted).await?, "app_intent 1");

    let refused = on.sql("ALTER TABLE spans ADD COLUMN mine TEXT FROM ATTRIBUTE 'app.intent'").await;
    let refused = refused.map(drop).expect_err("the attribute has a column").to_string();
    assert!(refused.contains("attribute \"app.intent\" has the column \"app_intent\" already"), "{refused}");
    Ok(())
}

/// Breaks when rows that were mapped before a promotion cannot be appended after it, or land elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn rows_mapped_before_a_promotion_land_after_it() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = open(dir.path(), true).await?;
    let schema = |name: &str| {
        let snapshot = database.storage().snapshot();
        std::sync::Arc::clone(snapshot.table(name).expect("built in").schema().arrow())
    };
    let tables = Tables {
        spans: schema("spans"),
        metrics: schema("metrics"),
        logs: schema("logs"),
        payloads: schema("payloads"),
    };
    let late = Mapper::new(tables)?.decode(Signal::Traces, Encoding::Json, &intents(200))?;
    ingest(&database, &intents(0)).await?;
    database.flush().await?;
    for (table, batch) in late.batches {
        database.append_with(table, batch, Durability::Durable).await?;
    }
    let counts = "SELECT count(app_intent), count(attr(attributes, 'app.intent')), sum(app_score) FROM spans";
    let expected = text(&database, counts).await?;
    assert!(expected.starts_with("200 200 "), "{expected}");
    database.flush().await?;
    assert_eq!(expected, text(&database, counts).await?, "flushed");
    Ok(())
}

/// Breaks when segments without a value are read all the same, or ones with a value in the attributes are left out.
#[tokio::test(flavor = "multi_thread")]
async fn segments_without_the_value_are_not_read() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = open(dir.path(), true).await?;
    ingest(&database, &intents(0)).await?;
    database.flush().await?;
    let spans: Vec<Vec<(&str, Value)>> = vec![vec![("app.intent", json!({"stringValue": "zzz"}))]; 3];
    ingest(&database, &request(200, &json!([]), &spans)).await?;
    database.flush().await?;
    for condition in ["app_intent = 'zzz'", "attr(attributes, 'app.intent') = 'zzz'"] {
        let count = format!("SELECT count(*) FROM spans WHERE {condition}");
        assert_eq!(text(&database, &count).await?, "3", "{condition}");
        let plan = text(&database, &format!("EXPLAIN ANALYZE {count}")).await?;
        assert!(plan.contains("row_groups_pruned_statistics=1"), "{condition}: {plan}");
    }
    let never = "SELECT count(*) FROM spans WHERE attr(attributes, 'never') = 'x'";
    let plan = text(&database, &format!("EXPLAIN ANALYZE {never}")).await?;
    assert!(plan.contains("row_groups_pruned_statistics=2"), "{plan}");
    Ok(())
}

/// Breaks when a client that puts values into keys makes columns, or hides an attribute that is common.
#[tokio::test(flavor = "multi_thread")]
async fn random_keys_make_no_columns() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = open(dir.path(), true).await?;
    let width = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'spans'";
    let before: i64 = text(&database, width).await?.parse()?;
    let keys: Vec<String> = (0..3_000).map(|number| format!("user.{number}.seen")).collect();
    let spans: Vec<Vec<(&str, Value)>> = keys
        .iter()
        .map(|key| vec![(key.as_str(), json!({"boolValue": true})), ("tenant", json!({"stringValue": "a"}))])
        .collect();
    ingest(&database, &request(0, &json!([]), &spans)).await?;
    database.flush().await?;
    assert_eq!(text(&database, width).await?, (before + 1).to_string());
    assert_eq!(text(&database, "SELECT tenant, count(*) FROM spans GROUP BY 1").await?, "a 3000");
    let one = "SELECT count(*) FROM spans WHERE attr(attributes, 'user.77.seen') = 'true'";
    assert_eq!(text(&database, one).await?, "1");
    Ok(())
}

const KEYS: [&str; 10] =
    ["app.intent", "app_intent", "n", "score", "flag", "tags", "name", "resource.zone", "mixed", "Größe"];

fn value(random: &mut ChaCha8Rng, key: &str) -> Value {
    let texts = ["", "a", "41", "41.0", "true", "null", "q\"uote\\ \n\u{1}", "ünï"];
    let doubles = [0.0, -0.0, 41.0, 0.1, 1e16, 1e-7, 1e300, f64::MAX];
    let integers = [0, 1, 41, -7, i64::MAX, i64::MIN, 9_007_199_254_740_993];
    let kind = match key {
        // mostly of one type, sometimes a contradiction
        "app.intent" | "app_intent" | "name" | "resource.zone" if random.random_ratio(9, 10) => 0,
        "n" => *[1, 1, 1, 1, 1, 1, 0, 3, 5].choose(random).expect("not empty"),
        "score" if random.random_ratio(9, 10) => random.random_range(1..3),
        "flag" if random.random_ratio(9, 10) => 3,
        "tags" => 4,
        _ => random.random_range(0..7),
    };
    match kind {
        0 => json!({"stringValue": texts.choose(random)}),
        1 => json!({"intValue": integers.choose(random).expect("not empty").to_string()}),
        2 if random.random_ratio(1, 20) => json!({"doubleValue": "NaN"}),
        2 => json!({"doubleValue": doubles.choose(random)}),
        3 => json!({"boolValue": random.random_bool(0.5)}),
        4 => json!({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}),
        5 => json!({}),
        _ => json!({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": true}}]}}),
    }
}

fn body(random: &mut ChaCha8Rng, first: i64) -> Vec<u8> {
    let rows = random.random_range(1..300);
    let mut spans = vec![];
    for _ in 0..rows {
        let mut attributes = vec![];
        for key in KEYS {
            for _ in 0..[0, 1, 1, 1, 1, 1, 1, 1, 1, 2][random.random_range(0..10)] {
                let present = key != "name" && key != "mixed" || random.random_bool(0.3);
                let present = present && (key != "resource.zone" || random.random_bool(0.1));
                if present {
                    attributes.push((key, value(random, key)));
                }
            }
        }
        spans.push(attributes);
    }
    let mut resource = vec![];
    if random.random_bool(0.8) {
        let kind = if random.random_bool(0.9) { "app.intent" } else { "mixed" };
        resource.push(json!({"key": "zone", "value": value(random, kind)}));
        resource.push(json!({"key": "cores", "value": value(random, "score")}));
    }
    request(first, &Value::Array(resource), &spans)
}

/// Breaks when any attribute, of any type and in any company, is another one after it moved into a column, or a column depends on when it was made.
#[tokio::test(flavor = "multi_thread")]
async fn columns_and_attributes_agree_whatever_happens() -> Result<()> {
    for seed in 0..6 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("on");
        let mut on = open(&path, true).await?;
        let off = open(&dir.path().join("off"), false).await?;
        let mut rows = 0;
        for step in 0..6 {
            let body = body(&mut random, rows);
            ingest(&on, &body).await?;
            ingest(&off, &body).await?;
            rows = text(&off, "SELECT count(*) FROM spans").await?.parse()?;
            match random.random_range(0..4) {
                0 => {}
                1 | 2 => drop(on.flush().await?),
                _ => {
                    on.close().await?;
                    drop(on);
                    on = open(&path, random.random_bool(0.8)).await?;
                }
            }
            let mut questions = vec!["SELECT span_id, attributes FROM spans ORDER BY time".to_owned()];
            for key in KEYS.into_iter().chain(["resource.cores", "resource..zone", "n#2", "none"]) {
                questions.push(format!(
                    "SELECT attr(attributes, '{key}') AS v, count(*), min(time) FROM spans GROUP BY 1 ORDER BY 1"
                ));
                questions.push(format!(
                    "SELECT span_id, attributes['{key}'] FROM spans WHERE attr(attributes, '{key}') IN ('a', '41', '41.0', 'true') \
                     OR attr(attributes, '{key}') IS NULL ORDER BY time"
                ));
            }
            for question in &questions {
                let (ours, theirs) = (text(&on, question).await?, text(&off, question).await?);
                assert_eq!(ours, theirs, "seed {seed}, step {step}: {question}");
            }
        }
        on.flush().await?;
        let made = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'spans' ORDER BY 1";
        let before = text(&off, made).await?;
        let described = text(&on, "DESCRIBE spans").await?;
        let promoted: Vec<Vec<&str>> = described
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(|words| words.len() == 4 && words[3] != "NULL")
            .collect();
        assert!(promoted.len() >= 4, "seed {seed}: {promoted:?}");
        for column in &promoted {
            let (name, ty, key) = (column[0], column[1], column[3]);
            assert!(!before.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} is built in");
            off.sql(&format!("ALTER TABLE spans ADD COLUMN {name} {ty} FROM ATTRIBUTE '{key}'")).await?;
            for question in [
                format!("SELECT span_id, {name} FROM spans ORDER BY time"),
                format!("SELECT {name}, count(*) FROM spans WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1"),
                format!(
                    "SELECT min({name}), max({name}), count({name}) FROM spans WHERE time > '2026-01-01T00:01:00Z'"
                ),
            ] {
                let (ours, theirs) = (text(&on, &question).await?, text(&off, &question).await?);
                assert_eq!(ours, theirs, "seed {seed}: {question}");
            }
        }
    }
    Ok(())
}
