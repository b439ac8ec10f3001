use super::super::cursor::Cursor;
use super::*;

fn rewritten(sql: &str) -> String {
    let mut statement = Cursor::new(sql).unwrap().delegate().unwrap();
    rewrite(&mut statement, |name| ["avg", "min", "count"].contains(&name));
    statement.to_string()
}

/// Breaks when an alias that hides a column loses against it, or when one that must not be touched is.
#[test]
fn aliases_that_hide_a_column_become_their_expression() {
    let cases = [
        ("SELECT f(time) AS time FROM t GROUP BY time", "SELECT f(time) AS time FROM t GROUP BY f(time)"),
        ("SELECT f(time) AS Time FROM t GROUP BY TIME", "SELECT f(time) AS Time FROM t GROUP BY f(time)"),
        (
            "SELECT f(a) AS a, b FROM t GROUP BY ROLLUP (a, b)",
            "SELECT f(a) AS a, b FROM t GROUP BY ROLLUP (f(a), b)",
        ),
        (
            "SELECT * FROM (SELECT f(a) AS a FROM t GROUP BY (a)) AS s",
            "SELECT * FROM (SELECT f(a) AS a FROM t GROUP BY (f(a))) AS s",
        ),
        // the bare column, an aggregate, a window and a qualified name stay
        ("SELECT time AS time FROM t GROUP BY time", "SELECT time AS time FROM t GROUP BY time"),
        ("SELECT t.time AS time FROM t GROUP BY time", "SELECT t.time AS time FROM t GROUP BY time"),
        ("SELECT min(time) AS time FROM t GROUP BY time", "SELECT min(time) AS time FROM t GROUP BY time"),
        ("SELECT f(time) AS time FROM t GROUP BY t.time", "SELECT f(time) AS time FROM t GROUP BY t.time"),
    ];
    for (sql, wanted) in cases {
        assert_eq!(rewritten(sql), wanted);
    }
}
