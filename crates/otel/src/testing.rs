//! For tests, fuzzers and benchmarks: the tables as `sql/schema` declares them, read just far enough for the mapping, since there is no SQL
//! engine in this crate.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{
    columns::{list_of, map_of_text, struct_of},
    mapper::Tables,
};

const SPANS: &str = include_str!("../../../sql/schema/spans.sql");
const METRICS: &str = include_str!("../../../sql/schema/metrics.sql");
const LOGS: &str = include_str!("../../../sql/schema/logs.sql");
const PAYLOADS: &str = include_str!("../../../sql/schema/payloads.sql");

/// The tables that take telemetry.
///
/// # Panics
/// On a declaration of `sql/schema` in a form that this reader does not know.
pub fn tables() -> Tables {
    Tables { spans: table(SPANS), metrics: table(METRICS), logs: table(LOGS), payloads: table(PAYLOADS) }
}

/// One column a line, four spaces in front.
fn table(ddl: &str) -> SchemaRef {
    let columns = ddl.lines().filter_map(|line| line.strip_prefix("    "));
    let fields = columns.map(|column| {
        let column = column.trim_end_matches(',');
        let (column, nullable) = match column.strip_suffix(" NOT NULL") {
            Some(column) => (column, false),
            None => (column, true),
        };
        let (name, ty) = column.split_once(' ').expect("a column has a name and a type");
        Field::new(name, data_type(ty), nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn data_type(sql: &str) -> DataType {
    if let Some(item) = sql.strip_suffix("[]") {
        return list_of(data_type(item));
    }
    if let Some(fields) = sql.strip_prefix("STRUCT<").and_then(|rest| rest.strip_suffix('>')) {
        let fields = split(fields).map(|field| field.split_once(' ').expect("a field has a name and a type"));
        return struct_of(&fields.map(|(name, ty)| (name, data_type(ty))).collect::<Vec<_>>());
    }
    match sql {
        // another spelling of UTC than the mapping uses itself: the table decides
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())),
        "TEXT" => DataType::Utf8,
        "BIGINT" => DataType::Int64,
        "INTEGER" => DataType::Int32,
        "DOUBLE" => DataType::Float64,
        "BOOLEAN" => DataType::Boolean,
        "MAP<TEXT, TEXT>" => map_of_text(),
        other => panic!("unexpected type in sql/schema: {other:?}"),
    }
}

/// The parts between commas that stand in no angle brackets.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    list.split(move |c| {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
}
