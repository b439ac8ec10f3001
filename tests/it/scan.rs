//! Property: the answer of a scan is that of a naive loop over all rows, whatever the batch size, the partitions, the points where
//! rows were flushed, whether the cache is warm, what was deleted and compacted, and whether there is an index or an id filter.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use driftline::Database;
use driftline_tests::display_rows;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// 2026-01-01T00:00:00Z
const START_NS: i64 = 1_767_225_600_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;
/// Hours that rows lie in: ten days, so that a table with bloom filters has id filters.
const HOURS: i64 = 240;

#[derive(Clone, Debug)]
struct Row {
    hour: i64,
    key: Option<u8>,
    number: Option<i64>,
    value: Option<f64>,
    flag: Option<bool>,
}

impl Row {
    fn key_text(&self) -> Option<String> {
        self.key.map(|key| format!("k{key}"))
    }
}

#[derive(Clone, Debug)]
enum Condition {
    HourAtLeast(i64),
    HourBetween(i64, i64),
    HourIs(i64),
    KeyIs(u8),
    KeyIn(Vec<u8>),
    KeyIsNot(u8),
    KeyIsNull(bool),
    NumberBelow(i64),
    NumberIs(i64),
    ValueAbove(f64),
    Flag(bool),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    fn sql(&self) -> String {
        let time = |hour: &i64| format!("to_timestamp_nanos({})", START_NS + hour * HOUR_NS);
        match self {
            Self::HourAtLeast(hour) => format!("time >= {}", time(hour)),
            Self::HourBetween(from, to) => format!("time BETWEEN {} AND {}", time(from), time(to)),
            Self::HourIs(hour) => format!("{} = time", time(hour)),
            Self::KeyIs(key) => format!("key = 'k{key}'"),
            Self::KeyIn(keys) => {
                let keys: Vec<String> = keys.iter().map(|key| format!("'k{key}'")).collect();
                format!("key IN ({})", keys.join(", "))
            }
            Self::KeyIsNot(key) => format!("key <> 'k{key}'"),
            Self::KeyIsNull(true) => "key IS NULL".to_owned(),
            Self::KeyIsNull(false) => "key IS NOT NULL".to_owned(),
            Self::NumberBelow(number) => format!("number < {number}"),
            Self::NumberIs(number) => format!("number = {number}"),
            Self::ValueAbove(value) => format!("value > {value:?}"),
            Self::Flag(true) => "flag".to_owned(),
            Self::Flag(false) => "NOT flag".to_owned(),
            Self::Or(a, b) => format!("({} OR {})", a.sql(), b.sql()),
            Self::Not(inner) => format!("NOT ({})", inner.sql()),
        }
    }

    /// Three-valued, as SQL has it.
    fn holds(&self, row: &Row) -> Option<bool> {
        match self {
            Self::HourAtLeast(hour) => Some(row.hour >= *hour),
            Self::HourBetween(from, to) => Some((from..=to).contains(&&row.hour)),
            Self::HourIs(hour) => Some(row.hour == *hour),
            Self::KeyIs(key) => row.key.map(|own| own == *key),
            Self::KeyIn(keys) => row.key.map(|own| keys.contains(&own)),
            Self::KeyIsNot(key) => row.key.map(|own| own != *key),
            Self::KeyIsNull(null) => Some(row.key.is_none() == *null),
            Self::NumberBelow(number) => row.number.map(|own| own < *number),
            Self::NumberIs(number) => row.number.map(|own| own == *number),
            // NaN is above every number, as in PostgreSQL
            Self::ValueAbove(value) => row.value.map(|own| own.is_nan() || own > *value),
            Self::Flag(flag) => row.flag.map(|own| own == *flag),
            Self::Or(a, b) => match (a.holds(row), b.holds(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.holds(row).map(|held| !held),
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let value = prop_oneof![4 => (-8_i32..8).prop_map(|n| Some(f64::from(n) / 2.0)), 1 => Just(Some(f64::NAN)), 1 => Just(None)];
    (
        0_i64..HOURS,
        proptest::option::weighted(0.8, 0_u8..6),
        proptest::option::weighted(0.8, -5_i64..5),
        value,
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(hour, key, number, value, flag)| Row { hour, key, number, value, flag })
}

fn condition() -> impl Strategy<Value = Condition> {
    let plain = prop_oneof![
        (0_i64..HOURS).prop_map(Condition::HourAtLeast),
        (0_i64..HOURS, 0_i64..HOURS).prop_map(|(a, b)| Condition::HourBetween(a.min(b), a.max(b))),
        (0_i64..HOURS).prop_map(Condition::HourIs),
        (0_u8..7).prop_map(Condition::KeyIs),
        proptest::collection::vec(0_u8..7, 1..4).prop_map(Condition::KeyIn),
        (0_u8..7).prop_map(Condition::KeyIsNot),
        any::<bool>().prop_map(Condition::KeyIsNull),
        (-5_i64..6).prop_map(Condition::NumberBelow),
        (-5_i64..6).prop_map(Condition::NumberIs),
        (-8_i32..16).prop_map(|n| Condition::ValueAbove(f64::from(n) / 2.0)),
        any::<bool>().prop_map(Condition::Flag),
    ];
    plain.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Condition::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| Condition::Not(Box::new(a))),
        ]
    })
}

#[derive(Clone, Debug)]
struct Case {
    /// Appended one after the other; true: flushed after it.
    appends: Vec<(Vec<Row>, bool)>,
    queries: Vec<Vec<Condition>>,
    batch_rows: usize,
    partitions: usize,
    /// Bytes that a partition decodes at a time.
    scan_bytes: usize,
    sort: &'static str,
    /// `WITH` options of the table: what has a bloom filter has no index.
    bloom: &'static str,
    /// Rows of one kind, so that others are rare.
    filler: usize,
    deleted: Vec<Condition>,
}

fn case() -> impl Strategy<Value = Case> {
    (
        proptest::collection::vec((proptest::collection::vec(row(), 1..60), any::<bool>()), 1..6),
        proptest::collection::vec(proptest::collection::vec(condition(), 0..3), 1..6),
        prop_oneof![Just(1_usize), Just(3), Just(16), Just(8192)],
        (1_usize..5, prop_oneof![Just(1_usize), Just(usize::MAX)]),
        prop_oneof![Just("time"), Just("key, time")],
        prop_oneof![Just(""), Just(", bloom = 'key, number'")],
        prop_oneof![2 => Just(5_000_usize), 1 => Just(0)],
        proptest::collection::vec(condition(), 1..3),
    )
        .prop_map(
            |(appends, queries, batch_rows, (partitions, scan_bytes), sort, bloom, filler, deleted)| Case {
                appends,
                queries,
                batch_rows,
                partitions,
                scan_bytes,
                sort,
                bloom,
                filler,
                deleted,
            },
        )
}

fn batch(rows: &[Row], first_id: i64) -> Result<RecordBatch> {
    let times = rows.iter().map(|row| START_NS + row.hour * HOUR_NS);
    let columns: [(&str, ArrayRef); 6] = [
        ("time", Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))),
        ("id", Arc::new(Int64Array::from_iter_values(first_id..first_id + rows.len() as i64))),
        ("key", Arc::new(StringArray::from_iter(rows.iter().map(Row::key_text)))),
        ("number", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.number)))),
        ("value", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.value)))),
        ("flag", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.flag)))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

async fn texts(database: &Database, sql: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = vec![];
    for batch in database.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?);
    }
    Ok(rows)
}

/// The rows of one kind.
fn filler(rows: usize) -> Vec<Row> {
    let row = |number: usize| Row {
        hour: number as i64 % HOURS,
        key: Some(0),
        number: Some(4),
        value: Some(1.0),
        flag: Some(true),
    };
    (0..rows).map(row).collect()
}

async fn check(case: &Case) -> Result<()> {
    let dir = tempfile::tempdir()?;
    // no more of a small batch size than a test can bear
    let batch_rows = if case.filler > 0 { case.batch_rows.max(16) } else { case.batch_rows };
    let database = Database::builder(dir.path().join("db"))
        .batch_rows(batch_rows)
        .target_partitions(case.partitions)
        .scan_limit(case.scan_bytes)
        .open()
        .await?;
    database
        .sql(&format!(
            "CREATE TABLE t (time TIMESTAMP NOT NULL, id BIGINT, key TEXT, number BIGINT, value DOUBLE, flag BOOLEAN) \
             WITH (sort = '{}'{})",
            case.sort, case.bloom
        ))
        .await?;
    let mut rows: Vec<(usize, Row)> = vec![];
    let filler = [(filler(case.filler), true)];
    for (appended, flush) in filler.iter().filter(|(rows, _)| !rows.is_empty()).chain(&case.appends) {
        database.append("t", batch(appended, rows.len() as i64)?).await?;
        rows.extend((rows.len()..).zip(appended.iter().cloned()).collect::<Vec<_>>());
        if *flush {
            database.flush().await?;
        }
    }
    let run = async |sql: String| texts(&database, &sql).await;
    let passes = |conditions: &[Condition], row: &Row| conditions.iter().all(|c| c.holds(row) == Some(true));
    answers(&database, case, &rows).await?;
    run("COMPACT t".to_owned()).await?;
    answers(&database, case, &rows).await?;
    let deleted = run(format!("DELETE FROM t{}", filter(&case.deleted))).await?;
    let before = rows.len();
    rows.retain(|(_, row)| !passes(&case.deleted, row));
    anyhow::ensure!(
        deleted == [[(before - rows.len()).to_string()]],
        "{deleted:?} rows of {before} are deleted"
    );
    answers(&database, case, &rows).await?;
    run("COMPACT t PURGE".to_owned()).await?;
    answers(&database, case, &rows).await?;
    database.close().await?;
    Ok(())
}

fn filter(conditions: &[Condition]) -> String {
    match conditions.is_empty() {
        true => String::new(),
        false => {
            format!(" WHERE {}", conditions.iter().map(Condition::sql).collect::<Vec<_>>().join(" AND "))
        }
    }
}

/// Asks every query of the case, twice.
async fn answers(database: &Database, case: &Case, rows: &[(usize, Row)]) -> Result<()> {
    for conditions in case.queries.iter().chain(&case.queries) {
        let filter = filter(conditions);
        let wanted: Vec<(usize, &Row)> = rows
            .iter()
            .filter(|(_, row)| conditions.iter().all(|condition| condition.holds(row) == Some(true)))
            .map(|(id, row)| (*id, row))
            .collect();

        let found = texts(database, &format!("SELECT id FROM t{filter} ORDER BY id")).await?;
        let ids: Vec<Vec<String>> = wanted.iter().map(|(id, _)| vec![id.to_string()]).collect();
        anyhow::ensure!(found == ids, "rows of{filter}: {found:?}, not {ids:?}");

        let found = texts(database, &format!("SELECT count(*), count(key) FROM t{filter}")).await?;
        let keys = wanted.iter().filter(|(_, row)| row.key.is_some()).count();
        let counts = vec![vec![wanted.len().to_string(), keys.to_string()]];
        anyhow::ensure!(found == counts, "counts of{filter}: {found:?}, not {counts:?}");

        for (order, newest) in [("time DESC, id DESC", true), ("time, id", false)] {
            let found =
                texts(database, &format!("SELECT id FROM t{filter} ORDER BY {order} LIMIT 5")).await?;
            let mut sorted: Vec<(i64, usize)> = wanted.iter().map(|(id, row)| (row.hour, *id)).collect();
            sorted.sort_unstable();
            if newest {
                sorted.reverse();
            }
            let top: Vec<Vec<String>> = sorted.iter().take(5).map(|(_, id)| vec![id.to_string()]).collect();
            anyhow::ensure!(found == top, "top of{filter} by {order}: {found:?}, not {top:?}");
        }

        let found = texts(database, &format!("SELECT time FROM t{filter} ORDER BY time")).await?;
        anyhow::ensure!(found.len() == wanted.len() && found.is_sorted(), "times of{filter}: {found:?}");
        let found = texts(database, &format!("SELECT id FROM t{filter} LIMIT 4")).await?;
        anyhow::ensure!(found.len() == wanted.len().min(4), "limit of{filter}: {found:?}");
    }
    Ok(())
}

/// Breaks when pruning, pushing down, sharing of work, slicing, limits, the cache, a deletion, a compaction, an index or an id filter change an answer.
#[test]
fn a_scan_answers_like_a_naive_filter() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut runner = TestRunner::new(Config {
        cases: 10,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&case(), |case| {
        runtime.block_on(check(&case)).map_err(|error| TestCaseError::fail(error.to_string()))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
