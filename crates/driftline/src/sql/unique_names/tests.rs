use super::super::cursor::Cursor;
use super::*;

fn rewritten(sql: &str) -> String {
    let mut statement = Cursor::new(sql).unwrap().delegate().unwrap();
    let columns = ["a", "b"].map(str::to_owned).into();
    let renamed = rewrite(&mut statement, &columns);
    assert_eq!(renamed, statement.to_string() != sql, "{sql}");
    statement.to_string()
}

/// Breaks when a column that DataFusion takes for another one keeps its name, when the first one of a name loses it, or when a new
/// name is one that the statement uses otherwise.
#[test]
fn later_columns_of_a_name_get_a_number() {
    let cases = [
        ("SELECT 1, 1, 1", r#"SELECT 1, 1 AS "1_1", 1 AS "1_2""#),
        ("SELECT count(*), Count(*) FROM t", r#"SELECT count(*), Count(*) AS "Count(*)_1" FROM t"#),
        (
            "SELECT a, CAST(a AS INT), (a)::TEXT FROM t",
            r#"SELECT a, CAST(a AS INT) AS "a_1", (a)::TEXT AS "a_2" FROM t"#,
        ),
        ("SELECT a + 1, A::INT + 1 FROM t", r#"SELECT a + 1, A::INT + 1 AS "A::INT + 1_1" FROM t"#),
        ("SELECT '1', DATE '1'", r#"SELECT '1', DATE '1' AS "DATE '1'_1""#),
        ("SELECT t.c, c FROM t", r#"SELECT t.c, c AS "c_1" FROM t"#),
        ("SELECT c, x AS c, y AS C FROM t", r#"SELECT c, x AS "c_1", y AS "c_2" FROM t"#),
        ("SELECT *, a, c FROM t", r#"SELECT *, a AS "a_1", c FROM t"#),
        ("SELECT c, c, d AS c_1 FROM t", r#"SELECT c, c AS "c_2", d AS c_1 FROM t"#),
        (
            "SELECT x.c_1 FROM (SELECT c, c FROM t) AS x",
            r#"SELECT x.c_1 FROM (SELECT c, c AS "c_1" FROM t) AS x"#,
        ),
        (
            "WITH w AS (SELECT 1, 1) SELECT * FROM (SELECT 2, 2) AS s UNION ALL SELECT 3, 3",
            r#"WITH w AS (SELECT 1, 1 AS "1_1") SELECT * FROM (SELECT 2, 2 AS "2_1") AS s UNION ALL SELECT 3, 3 AS "3_1""#,
        ),
        ("INSERT INTO t SELECT 1, 1", r#"INSERT INTO t SELECT 1, 1 AS "1_1""#),
        ("SELECT a, b, a + b, a AS c FROM t", "SELECT a, b, a + b, a AS c FROM t"),
    ];
    for (sql, wanted) in cases {
        assert_eq!(rewritten(sql), wanted);
    }
}
