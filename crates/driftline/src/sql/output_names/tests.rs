use crate::Database;

async fn names(database: &Database, sql: &str) -> Vec<String> {
    let stream = database.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    stream.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// Breaks when a column of an answer is called otherwise than it is written, a column or an alias loses its name, or a query fails
/// for its names.
#[tokio::test]
async fn columns_are_called_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).await.unwrap();
    database.sql("CREATE TABLE t (time TIMESTAMP NOT NULL, a BIGINT, \"a + 1\" BIGINT)").await.unwrap();
    let cases: [(&str, &[&str]); 15] = [
        ("SELECT 1", &["1"]),
        ("SELECT 1, 1, 'x'", &["1", "1_1", "'x'"]),
        ("SELECT t.a, CAST(a AS TEXT) AS text, (a)::INT FROM t", &["a", "text", "a_1"]),
        ("SELECT count(*), sum(t.a)+1 FROM t", &["count(*)", "sum(t.a) + 1"]),
        ("SELECT psi(a, time > now(), 'bins=4') FROM t", &["psi(a, time > now(), 'bins=4')"]),
        ("SELECT a + 1, \"a + 1\" FROM t", &["t.a + Int64(1)", "a + 1"]),
        ("SELECT a * 2, *, -a FROM t", &["a * 2", "time", "a", "a + 1", "-a"]),
        (
            "SELECT x.*, x.a * 3, y.*, -y.a FROM t AS x JOIN t AS y USING (time)",
            &["time", "a", "a + 1", "x.a * Int64(3)", "time", "a", "a + 1", "-y.a"],
        ),
        ("SELECT DISTINCT a * 2 FROM t ORDER BY 1 LIMIT 3", &["a * 2"]),
        (
            "SELECT a * 2, max(time) FROM t GROUP BY a * 2 HAVING max(time) > now() ORDER BY 1",
            &["a * 2", "max(time)"],
        ),
        ("(SELECT a * 2 FROM t) UNION ALL SELECT 3", &["a * 2"]),
        ("WITH x AS (SELECT a * 2 AS b FROM t) SELECT b + 1 FROM x", &["b + 1"]),
        ("SELECT unnest([1, 2]), -a FROM t", &["UNNEST(make_array(Int64(1),Int64(2)))", "-a"]),
        ("VALUES (1)", &["column1"]),
        ("EXPLAIN SELECT 1", &["plan_type", "plan"]),
    ];
    for (sql, wanted) in cases {
        assert_eq!(names(&database, sql).await, wanted, "{sql}");
    }
    let statement = database.sql("CREATE TABLE made AS SELECT now() AS time, -a FROM t").await.unwrap();
    statement.collect().await.unwrap();
    assert_eq!(names(&database, "SELECT * FROM made").await, ["time", "-a"]);
}
