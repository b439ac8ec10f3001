use super::super::cursor::Cursor;
use super::*;
use crate::{Database, ErrorKind};

/// A chain of `links` links, behind a head.
fn chain(head: &str, link: &str, links: usize) -> String {
    format!("{head}{}", link.repeat(links))
}

/// Statements as deep as `links`, each in another way.
fn chains(links: usize) -> Vec<String> {
    vec![
        chain("SELECT 1", " + 1", links),
        chain("SELECT 1", "::int", links),
        chain("SELECT 1", " IS NULL", links),
        chain("SELECT 'a'", " || 'a'", links),
        chain("SELECT 'a'", " = 'a'", links),
        chain("SELECT now()", " AT TIME ZONE 'UTC'", links),
        chain("SELECT 1 WHERE 1 = 1", " OR 1 = 2", links / 2),
        chain("SELECT count(*) FROM t WHERE n = 1", " AND n > -1", links / 3),
        chain("SELECT count(*) FROM t WHERE name LIKE '%a%'", " OR name LIKE '%b%'", links / 2 - 1),
        chain("SELECT 1", " UNION ALL SELECT 1", links / 4),
        chain("SELECT 1", " EXCEPT SELECT 2", links / 4),
        chain("SELECT count(*) FROM (SELECT 1 AS a)", " CROSS JOIN (SELECT 1 AS a)", links / 4),
        chain("SELECT [1]", "[1]", 1),
    ]
}

/// Breaks when a deep statement that is allowed ends the process.
#[tokio::test]
async fn the_deepest_statements_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).await.unwrap();
    database.sql("CREATE TABLE t (time TIMESTAMP NOT NULL, name TEXT, n BIGINT)").await.unwrap();
    database.sql("INSERT INTO t VALUES ('2026-01-01', 'b', 3)").await.unwrap();
    for sql in chains(NESTING_MAX - 10) {
        let begin = &sql[..sql.len().min(40)];
        match database.sql(&sql).await {
            Ok(stream) => drop(stream.collect().await.unwrap_or_else(|error| panic!("{begin}: {error}"))),
            // some make no sense, and the planner says so
            Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{begin}: {error}"),
        }
    }
}

/// Breaks when a statement is built that is too deep to be taken apart again.
#[tokio::test]
async fn deeper_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).await.unwrap();
    let refused = [
        chain("", "EXPLAIN ", 5_000) + "SELECT 1",
        format!("SELECT CAST(1 AS {}INT{})", "ARRAY<".repeat(3_000), ">".repeat(3_000)),
        chain("SELECT 1 FROM t", ", t", 2_000),
        chain("SELECT 1 FROM t", " JOIN t ON true", 2_000),
        chain("SELECT a", "[1]", 2_000),
        chain("SELECT 1 + CASE WHEN true THEN 1", " + 1", 2_000) + " END",
        chain("SELECT f((1", " + 1", 2_000) + ") + 2)",
        "SELECT ".to_owned() + &"NOT ".repeat(100_000) + "true",
    ];
    let endless = chains(300_000).into_iter().filter(|sql| sql.len() > 100_000);
    for sql in endless.chain(refused) {
        let error = database.sql(&sql).await.map(|_| ()).expect_err(&sql[..40]);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(
            error.to_string().starts_with("the statement nests more than 500 deep at line 1, column "),
            "{error}"
        );
    }
}

/// Breaks when a long statement that is flat is taken for a deep one.
#[test]
fn lists_are_not_deep() {
    let list = |item: &str| vec![item; 2_000].join(", ");
    for sql in [
        format!("SELECT a FROM t WHERE a + 1 IN ({})", list("1 + 1")),
        format!("SELECT {} FROM t", list("a + 1")),
        format!("INSERT INTO t VALUES {}", list("('2026-01-01' , -1)")),
        format!("SELECT CASE {} END FROM t", "WHEN a = 1 THEN b + 1 ".repeat(2_000)),
        format!("SELECT f({}) FROM t GROUP BY {}", list("a || b"), list("a + 1")),
        format!("SELECT a IS NOT DISTINCT FROM b, {} FROM t", list("a IS DISTINCT FROM b")),
        format!("SELECT {} FROM t", list("(SELECT max(a) FROM t AS t1, t AS t2)")),
    ] {
        assert!(Cursor::new(&sql).is_ok(), "{}", &sql[..40]);
    }
}

/// Breaks when a few hundred bytes keep the planner busy for minutes.
#[tokio::test]
async fn plans_that_double_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).await.unwrap();
    let with = |queries: usize, query: fn(usize) -> String| {
        let queries: Vec<String> = (1..=queries).map(|at| format!("a{at} AS ({})", query(at - 1))).collect();
        format!("WITH a0 AS (SELECT 1 AS x), {} SELECT count(*) FROM a{}", queries.join(", "), queries.len())
    };
    let doubled = with(40, |before| format!("SELECT x FROM a{before} UNION ALL SELECT x FROM a{before}"));
    let error = database.sql(&doubled).await.map(|_| ()).unwrap_err();
    assert!(
        error.to_string().starts_with("the statement reads 1099511627776 relations and the limit is 4096"),
        "{error}"
    );
    let endless = with(20_000, |before| format!("SELECT x FROM a{before}"));
    let error = database.sql(&endless).await.map(|_| ()).unwrap_err();
    assert!(
        error.to_string().starts_with("a statement has at most 500 queries in WITH at line 1"),
        "{error}"
    );
    let twice = with(8, |before| format!("SELECT x FROM a{before} UNION ALL SELECT x FROM a{before}"));
    assert!(database.sql(&twice).await.is_ok());
}
