//! `psi_ci` through SQL: every golden value, what is counted, and what is refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::prelude::SessionContext;
use serde_json::Value;

use super::golden::{numbers, read};
use super::{assert_close, create, failure, printed, query, session};

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Numbers as they are, texts otherwise.
fn column(value: &Value, integers: bool) -> ArrayRef {
    match &value[0] {
        Value::String(_) => Arc::new(StringArray::from(strings(value))),
        _ if integers => {
            let whole = value.as_array().unwrap().iter().map(|number| number.as_i64().unwrap());
            Arc::new(Int64Array::from_iter_values(whole))
        }
        _ => Arc::new(Float64Array::from(numbers(value))),
    }
}

// breaks when: a draw, the order of clusters, a bin or a quantile is not that of the recipe
#[tokio::test]
async fn every_golden_value() {
    let golden = read("psi_ci_golden.json");
    let golden = golden.as_object().unwrap();
    assert!(golden.len() >= 5, "all sets are there");
    for (name, set) in golden {
        let flags: Vec<bool> =
            set["cur"].as_array().unwrap().iter().map(|flag| flag.as_bool().unwrap()).collect();
        let session = session(2);
        let columns = [
            ("v", column(&set["value"], false)),
            ("cur", Arc::new(BooleanArray::from(flags)) as ArrayRef),
            ("c", column(&set["cluster"], true)),
        ];
        create(&session, &columns, 2, 50);
        for expect in set["expect"].as_array().unwrap() {
            let options = expect["options"].as_str().unwrap();
            let sql = format!("SELECT psi_ci(v, cur, c, '{options}'), psi(v, cur) FROM t");
            let answer = query(&session, &sql).await.unwrap();
            let fields = answer.column(0).as_struct();
            for field in ["psi", "lo", "hi"] {
                let ours = fields.column_by_name(field).unwrap().as_primitive::<Float64Type>().value(0);
                assert_close(ours, expect[field].as_f64().unwrap(), &format!("{name}: {field} of {options}"));
                if field == "psi" && !options.contains("bins") {
                    let psi = answer.column(1).as_primitive::<Float64Type>().value(0);
                    assert_eq!(ours.to_bits(), psi.to_bits(), "{name}: psi is that of psi");
                }
            }
            for field in ["n_clusters_ref", "n_clusters_cur", "n_ref", "n_cur"] {
                let ours = fields.column_by_name(field).unwrap().as_primitive::<Int64Type>().value(0);
                assert_eq!(ours, expect[field].as_i64().unwrap(), "{name}: {field}");
            }
        }
    }
}

fn conversations(session: &SessionContext) {
    let rows = || 0..400i64;
    let mix = |i: i64| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    // the eight turns of a conversation are alike
    let value = |i: i64| (mix(i / 8) % 1000) as f64 + (mix(i) % 50) as f64;
    let columns: [(&str, ArrayRef); 5] = [
        ("i", Arc::new(Int64Array::from_iter_values(rows()))),
        ("v", Arc::new(Float64Array::from_iter_values(rows().map(value)))),
        ("cur", Arc::new(BooleanArray::from_iter(rows().map(|i| Some(i >= 200))))),
        ("c", Arc::new(Int64Array::from_iter_values(rows().map(|i| i / 8)))),
        ("s", Arc::new(StringArray::from_iter_values(rows().map(|i| format!("conversation {}", i / 8))))),
    ];
    create(session, &columns, 1, 64);
}

async fn row(session: &SessionContext, sql: &str) -> String {
    printed(&query(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")), " | ").remove(0)
}

// breaks when: rows are drawn one by one though they come in conversations
#[tokio::test]
async fn intervals_of_conversations_are_wider() {
    let session = session(1);
    conversations(&session);
    let width = |cluster: &str| {
        let sql =
            format!("SELECT d['hi'] - d['lo'] FROM (SELECT psi_ci(v, cur, {cluster}, 'bins=4') AS d FROM t)");
        let session = session.clone();
        async move { super::doubles(&session, &sql).await[0].unwrap() }
    };
    let (of_conversations, of_rows) = (width("c").await, width("i").await);
    assert!(of_conversations > 2.0 * of_rows, "{of_conversations} {of_rows}");
}

// breaks when: a row is lost uncounted, counts on both ways out, or an interval is made of a single cluster
#[tokio::test]
async fn rows_are_counted_where_they_end() {
    let session = session(2);
    conversations(&session);
    let odd = "CASE i % 10 WHEN 1 THEN NULL WHEN 3 THEN 'NaN'::DOUBLE WHEN 5 THEN '-inf'::DOUBLE ELSE v END";
    let missing = "CASE WHEN i % 4 = 3 THEN NULL ELSE s END";
    // of 200 rows a side 50 have no cluster; 30 of the others are odd
    let sql = format!(
        "SELECT d['n_ref'], d['n_cur'], d['n_excluded_ref'], d['n_excluded_cur'], d['n_unclustered_ref'], d['n_unclustered_cur'], \
         d['n_clusters_ref'], d['level'], d['resamples'] \
         FROM (SELECT psi_ci({odd}, cur, {missing}, 'resamples=100, level=0.5') AS d FROM t)"
    );
    assert_eq!(row(&session, &sql).await, "120 | 120 | 30 | 30 | 50 | 50 | 25 | 0.5 | 100");
    for (sql, expected) in [
        ("SELECT psi_ci(v, cur, c) IS NULL FROM t WHERE cur", "true"),
        ("SELECT psi_ci(v, cur, c) IS NULL FROM t WHERE false", "true"),
        ("SELECT psi_ci(v, cur, NULL) IS NULL FROM t", "true"),
        ("SELECT psi_ci(NULL, cur, c) IS NULL FROM t", "true"),
        ("SELECT psi_ci(v, NULL, c) IS NULL FROM t", "true"),
        // one cluster of either side: a number, and no interval
        (
            "SELECT d['psi'] > 0, d['lo'], d['hi'], d['n_clusters_cur'] FROM (SELECT psi_ci(v, cur, c) AS d FROM t WHERE i < 208)",
            "true | NULL | NULL | 1",
        ),
        ("SELECT d['lo'], d['hi'] FROM (SELECT psi_ci(1.0, cur, c) AS d FROM t)", "0.0 | 0.0"),
        // ids of any integer type are the same clusters, and texts in another order are not
        (
            "SELECT psi_ci(v, cur, c) = psi_ci(v, cur, tiny) AND psi_ci(v, cur, c) = psi_ci(v, cur, big) FROM (SELECT *, CAST(c AS TINYINT) AS tiny, CAST(c AS BIGINT UNSIGNED) AS big FROM t)",
            "true",
        ),
        (
            "SELECT psi_ci(v, cur, s) = psi_ci(v, cur, arrow_cast(s, 'Dictionary(Int32, Utf8)')) FROM t",
            "true",
        ),
        ("SELECT psi_ci(v, cur, -9223372036854775807 - 1 + c) = psi_ci(v, cur, c) FROM t", "true"),
        // values of other kinds
        ("SELECT psi_ci(v > 500, cur, c)['psi'] = psi(v > 500, cur) FROM t", "true"),
        ("SELECT psi_ci(CAST(i % 7 AS TEXT), cur, c)['psi'] = psi(CAST(i % 7 AS TEXT), cur) FROM t", "true"),
        ("SELECT psi_ci(i, cur, c)['psi'] = psi(i, cur) FROM t", "true"),
        (
            "SELECT psi_ci(CASE WHEN i % 50 = 0 THEN 1e308 WHEN i % 50 = 1 THEN -1e308 WHEN i % 50 = 2 THEN 5e-324 ELSE 0.0 END, cur, c)['hi'] >= 0 FROM t",
            "true",
        ),
    ] {
        assert_eq!(row(&session, sql).await, expected, "{sql}");
    }
}

// breaks when: a mistake passes, or a message loses the value or what is allowed
#[tokio::test]
async fn mistakes_are_named() {
    let session = session(1);
    conversations(&session);
    for (call, message) in [
        ("psi_ci(v, cur)", "psi_ci: takes (value, is_current, cluster [, options]), got 2 arguments"),
        ("psi_ci(v, cur, v)", "psi_ci: cluster must be TEXT or an integer, such as the id of a conversation"),
        ("psi_ci(v, cur, now())", "or of a user, got Timestamp"),
        (
            "psi_ci(v, 1, c)",
            "psi_ci: is_current must be BOOLEAN (false = reference, true = current, NULL = neither), got Int64",
        ),
        ("psi_ci(now(), cur, c)", "psi_ci: cannot compare values of type Timestamp"),
        (
            "psi_ci(v, baseline('b'), c)",
            "psi_ci: it draws clusters of the reference anew, which a baseline does not keep",
        ),
        ("psi_ci(v, cur, c, 5)", "psi_ci: the options must be one text literal, got Int64"),
        (
            "psi_ci(v, cur, c, 'resample=5')",
            "psi_ci: unknown option 'resample' (did you mean 'resamples'? known: bins, eps, resamples, level, seed, interval)",
        ),
        (
            "psi_ci(v, cur, c, 'resamples=5')",
            "option 'resamples' must be a whole number from 100 to 100000, got '5'",
        ),
        ("psi_ci(v, cur, c, 'level=95')", "option 'level' must lie in (0, 1), got '95'"),
        ("psi_ci(v, cur, c, 'seed=-1') OVER ()", "option 'seed' must be a whole number"),
        (
            "psi_ci(v, cur, c, 'interval=bca')",
            "option 'interval' must be one of percentile, basic, got 'bca'",
        ),
        (
            "psi_ci(s, cur, c, 'bins=5')",
            "psi_ci: option 'bins' is for numbers: text and boolean values are categories",
        ),
        ("psi_ci(DISTINCT v, cur, c)", "DISTINCT changes the distribution"),
    ] {
        let text = failure(&session, &format!("SELECT {call} FROM t")).await;
        assert!(text.contains(message), "{call}: {text}");
    }
    // an answer that would take hours
    let sql = "SELECT psi_ci(1.0, i % 2 = 0, 100 * i + j, 'resamples=100000') \
               FROM (SELECT unnest(generate_series(1, 202)) AS i), (SELECT unnest(generate_series(0, 99)) AS j)";
    let text = failure(&session, sql).await;
    let expected = "psi_ci: 100000 resamples of 20200 clusters over 3 bins are more than 2000000000 steps: ask for fewer";
    assert!(text.contains(expected), "{text}");
}
