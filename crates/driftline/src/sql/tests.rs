use super::*;
use crate::catalog::{BUILT_IN_TABLES, built_in_views};

/// Breaks when a file of sql/schema no longer parses.
#[test]
fn every_built_in_table_and_view_parses() {
    for ddl in BUILT_IN_TABLES {
        let spec = CreateTable::parse_ddl(ddl).unwrap();
        assert!(spec.columns.iter().any(|column| column.name == "time" && !column.nullable), "{}", spec.name);
    }
    assert!(!built_in_views().is_empty());
}

/// Breaks when a type is read as another, or its name cannot be read back.
#[test]
fn types_come_back_as_they_were_written() {
    let types = [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT UNSIGNED",
        "INTEGER",
        "BIGINT UNSIGNED",
        "REAL",
        "DOUBLE",
        "TEXT",
        "BINARY",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP(3)",
        "DECIMAL(10, 2)",
        "TEXT[]",
        "REAL[16]",
        "BIGINT[][]",
        "STRUCT<a TEXT, b BIGINT[]>",
        "MAP<TEXT, STRUCT<x DOUBLE>>",
        "STRUCT<time TIMESTAMP, attributes MAP<TEXT, TEXT>>[]",
    ];
    for wanted in types {
        let parsed = data_type::parse(&mut Cursor::new(wanted).unwrap()).unwrap();
        assert_eq!(data_type::name(&parsed), wanted);
    }
}

/// Breaks when an alternative spelling gets another type.
#[test]
fn spellings_of_types() {
    for (given, wanted) in [
        ("int", "INTEGER"),
        ("double precision", "DOUBLE"),
        ("varchar(10)", "TEXT"),
        ("timestamp with time zone", "TIMESTAMP"),
        ("timestamptz", "TIMESTAMP"),
        ("numeric", "DECIMAL(38, 10)"),
        ("list<text>", "TEXT[]"),
    ] {
        let parsed = data_type::parse(&mut Cursor::new(given).unwrap()).unwrap();
        assert_eq!(data_type::name(&parsed), wanted, "{given}");
    }
}

/// Breaks when a statement goes to the wrong parser.
#[test]
fn the_first_words_choose_the_statement() {
    let verb = |sql: &str| match Statement::parse(sql).unwrap() {
        Statement::CreateTable(_) => "create table",
        Statement::CreateView(_) => "create view",
        Statement::CreateBaseline(_) => "create baseline",
        Statement::CreateSlo(_) => "create slo",
        Statement::CreateAlert(_) => "create alert",
        Statement::Drop(_) => "drop",
        Statement::AlterTable(_) => "alter",
        Statement::Insert(_) => "insert",
        Statement::Delete(_) => "delete",
        Statement::Show(_) => "show",
        Statement::Flush(_) => "flush",
        Statement::Compact(_) => "compact",
        Statement::CancelQuery(_) => "cancel query",
        Statement::Explain(_) => "explain",
        Statement::Query(_) => "query",
    };
    for (sql, wanted) in [
        ("cancel query '01ABC'", "cancel query"),
        ("-- a comment\nCREATE TABLE t (time TIMESTAMP NOT NULL)", "create table"),
        ("create or replace view v as select 1;", "create view"),
        ("create or replace baseline b as select 1 as x", "create baseline"),
        ("CREATE BASELINE b AS WITH x AS (SELECT 1 AS y) SELECT y FROM x GROUP BY y", "create baseline"),
        ("DROP VIEW v", "drop"),
        ("drop baseline if exists b", "drop"),
        ("create or replace slo s on t good when x objective 0.9 window '1 day'", "create slo"),
        ("drop slo s", "drop"),
        ("create or replace alert a on slo s", "create alert"),
        ("CREATE ALERT a AS SELECT 1 AS value", "create alert"),
        ("show alerts", "show"),
        ("SHOW SLOS", "show"),
        ("SHOW BASELINES", "show"),
        ("DESC BASELINE b", "show"),
        ("alter table t add c text from attribute 'a.b'", "alter"),
        ("INSERT INTO t VALUES (1)", "insert"),
        ("delete from t as x where x.a = 1", "delete"),
        ("show tables", "show"),
        ("DESC t", "show"),
        ("FLUSH", "flush"),
        ("compact table t where day > '2026-01-01' purge", "compact"),
        ("EXPLAIN ANALYZE SELECT 1", "explain"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "query"),
        ("SHOW ALL", "query"),
        ("CREATE EXTERNAL TABLE e STORED AS PARQUET LOCATION 'x'", "query"),
        ("COPY (SELECT 1) TO 'x.parquet'", "query"),
    ] {
        assert_eq!(verb(sql), wanted, "{sql}");
    }
}
