//! The scalar functions through SQL.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;

use super::{assert_close, doubles, query, session};

async fn text(session: &SessionContext, sql: &str) -> Option<String> {
    let result = query(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let column = result.column(0).as_string::<i32>();
    column.is_valid(0).then(|| column.value(0).to_string())
}

// breaks when: a JSON value comes back quoted, escaped, or not as it is written
#[tokio::test]
async fn attr_reads_json_values() {
    let session = session(1);
    let map = r#"MAP {'s': '"x y"', 'e': '"a\"b\u00e9"', 'n': '3', 'f': '1.50', 'l': '["a",1]', 'z': 'null', 'raw': 'plain', 'q': '"a"b"', 'empty': '""'}"#;
    for (key, expected) in [
        ("s", Some("x y")),
        ("e", Some("a\"b\u{e9}")),
        ("n", Some("3")),
        ("f", Some("1.50")),
        ("l", Some("[\"a\",1]")),
        ("z", None),
        ("raw", Some("plain")),
        ("q", Some("\"a\"b\"")),
        ("empty", Some("")),
        ("absent", None),
    ] {
        assert_eq!(
            text(&session, &format!("SELECT attr({map}, '{key}')")).await.as_deref(),
            expected,
            "{key}"
        );
        // a key that differs a row
        let sql = format!("SELECT attr({map}, k) FROM (VALUES ('{key}')) AS t (k)");
        assert_eq!(text(&session, &sql).await.as_deref(), expected, "{key} as a column");
    }
    assert_eq!(text(&session, "SELECT attr(NULL, 'a')").await, None);
    assert_eq!(text(&session, &format!("SELECT attr({map}, NULL)")).await, None);
}

// breaks when: constant and per-row centroids are read differently, or a misfit gives a number
#[tokio::test]
async fn novelty_is_the_distance_to_the_nearest_centroid() {
    let session = session(1);
    for (call, expected) in [
        ("novelty([3.0, 4.0], [[0.0, 0.0], [100.0, 0.0]])", Some(5.0)),
        ("novelty([3, 4], [[0, 0], [3, 3]])", Some(1.0)),
        ("novelty(arrow_cast([3.0, 4.0], 'FixedSizeList(2 x Float32)'), [[0.0, 0.0]])", Some(5.0)),
        ("novelty(arrow_cast([3.0, 4.0], 'LargeList(Float64)'), [[0.0, 0.0]])", Some(5.0)),
        ("novelty([3.0], [[0.0, 0.0]])", None),
        ("novelty([3.0, NULL], [[0.0, 0.0]])", None),
        ("novelty(NULL, [[0.0, 0.0]])", None),
        ("novelty([3.0], NULL)", None),
        ("novelty([3.0], [])", None),
    ] {
        assert_eq!(doubles(&session, &format!("SELECT {call}")).await, [expected], "{call}");
    }
    let sql = "SELECT novelty(e, c) FROM (VALUES ([1.0], [[0.0]]), ([1.0], [[0.0], [1.5]]), (NULL, [[0.0]])) AS t (e, c)";
    assert_eq!(doubles(&session, sql).await, [Some(1.0), Some(0.5), None]);
    let sql = "SELECT novelty(e, [[0.0], [9.0]]) FROM (VALUES ([1.0]), ([7.0]), (NULL)) AS t (e)";
    assert_eq!(doubles(&session, sql).await, [Some(1.0), Some(2.0), None]);
}

// breaks when: the bounds are swapped, NULL becomes a number, or a constant is read differently from a column
#[tokio::test]
async fn wilson_intervals() {
    let session = session(1);
    let sql = "SELECT w['lower'], w['upper'] FROM (SELECT i, wilson_interval(s, n) AS w FROM \
               (VALUES (1, 184, 200), (2, NULL, 5), (3, 0, 0), (4, 156, 200)) AS t (i, s, n)) ORDER BY i";
    let rows = query(&session, sql).await.unwrap();
    let bounds = |column: usize| rows.column(column).as_primitive::<Float64Type>();
    let golden = [(0.874010511732856, 0.9501594141102401), (0.7176120008170632, 0.8318346164116674)];
    for (row, (lower, upper)) in [0, 3].into_iter().zip(golden) {
        assert_close(bounds(0).value(row), lower, "lower");
        assert_close(bounds(1).value(row), upper, "upper");
    }
    assert!([1, 2].iter().all(|&row| bounds(0).is_null(row) && bounds(1).is_null(row)));
    for (call, expected) in [
        ("wilson_interval(156, 200)['upper']", Some(0.8318346164116674)),
        ("wilson_interval(156, 200, 1e-9)['lower']", Some(0.78)),
        ("wilson_interval(0, 0)['lower']", None),
        ("wilson_interval(1, 5, NULL)['upper']", None),
    ] {
        match (doubles(&session, &format!("SELECT {call}")).await[0], expected) {
            (Some(ours), Some(theirs)) => assert_close(ours, theirs, call),
            (ours, theirs) => assert_eq!(ours, theirs, "{call}"),
        }
    }
    let null = query(&session, "SELECT wilson_interval(NULL, 5)").await.unwrap();
    assert!(null.column(0).is_null(0), "the whole is NULL");
}
