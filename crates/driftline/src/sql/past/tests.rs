use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::*;

fn marked(sql: &str) -> Result<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap();
    Ok(mark(tokens)?.iter().map(|token| token.token.to_string()).collect())
}

// breaks when a clause is taken for something else, or takes words along that follow it
#[test]
fn the_clause_moves_into_the_schema() {
    for (sql, expected) in [
        ("SELECT 1 FROM t", "SELECT 1 FROM t"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF '2026-08-01'", "SELECT * FROM \"as of '2026-08-01'\".t"),
        (
            "select * from public . T for system_time as of timestamp '2026-08-01' as x where a",
            "select * from \"as of TIMESTAMP '2026-08-01'\".T as x where a",
        ),
        (
            "SELECT * FROM a FOR SYSTEM_TIME AS OF now() - INTERVAL '5 minutes', b JOIN \"C\"FOR SYSTEM_TIME AS OF '2'USING (x)",
            "SELECT * FROM \"as of now() - INTERVAL '5 minutes'\".a, b JOIN \"as of '2'\".\"C\"USING (x)",
        ),
        ("SELECT 'FOR SYSTEM_TIME AS OF' FROM t", "SELECT 'FOR SYSTEM_TIME AS OF' FROM t"),
        ("SELECT \"system_time\" FROM t FOR UPDATE", "SELECT \"system_time\" FROM t FOR UPDATE"),
    ] {
        assert_eq!(marked(sql).unwrap(), expected, "{sql}");
    }
}

// breaks when a wrong place or time is read over
#[test]
fn what_has_no_past_is_refused() {
    for (sql, sentence) in [
        (
            "SELECT * FROM driftline.tables FOR SYSTEM_TIME AS OF '2026-08-01'",
            "follows the name of a table or view",
        ),
        ("SELECT * FROM (SELECT 1) FOR SYSTEM_TIME AS OF '2026-08-01'", "at line 1, column 26"),
        ("SELECT * FROM 'a.csv' FOR SYSTEM_TIME AS OF '2026-08-01'", "follows the name of a table or view"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF time", "takes a constant time, got time"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF $1", "takes a constant time, got $1"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF (SELECT 1)", "takes a constant time"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF", "xpected"),
    ] {
        let error = marked(sql).unwrap_err().to_string();
        assert!(error.contains(sentence), "{sql}: {error}");
    }
}
