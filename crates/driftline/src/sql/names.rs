//! Which names relations may have: where they come from in a statement, which are reserved, what to say when one is taken.

use datafusion::sql::sqlparser::tokenizer::Token;
use driftline_storage::ErrorKind;

use super::cursor::Cursor;
use crate::catalog::{PUBLIC_SCHEMA, SYSTEM_SCHEMA};
use crate::error::{Error, Result};

/// The column that keeps the attributes which have no column of their own.
pub(crate) const ATTRIBUTES: &str = "attributes";

/// Names that the program itself gives, now or in a version to come.
const BUILT_IN: [&str; 10] = [
    "spans",
    "metrics",
    "logs",
    "payloads",
    "llm_calls",
    "evaluations",
    "feedback",
    "traces",
    "alert_log",
    "alert_deliveries",
];

/// Tables that only the evaluation of alerts writes.
const KEPT_BY_ALERTS: [&str; 2] = ["alert_log", "alert_deliveries"];

/// Names that would hide a schema.
const SCHEMAS: [&str; 3] = ["driftline", "information_schema", "public"];

/// Parses the name of a relation of ours; `public.name` is the same as `name`.
pub(super) fn parse(cursor: &mut Cursor<'_>, what: &str) -> Result<String> {
    let name = cursor.identifier(what)?;
    if !cursor.accept_symbol(&Token::Period) {
        return Ok(name);
    }
    match name.as_str() {
        PUBLIC_SCHEMA => cursor.identifier(what),
        SYSTEM_SCHEMA | "information_schema" => {
            Err(Error::invalid(format!("schema \"{name}\" cannot be changed")))
        }
        other => {
            Err(Error::new(ErrorKind::NotFound, format!("schema \"{other}\" does not exist: use public")))
        }
    }
}

/// Whether the program itself brings this table or view along.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// Refuses rows for the tables that alerts keep for themselves.
pub(crate) fn check_takes_rows(table: &str) -> Result<()> {
    match KEPT_BY_ALERTS.contains(&table) {
        true => {
            Err(Error::new(ErrorKind::PermissionDenied, format!("\"{table}\" is written by alerts alone")))
        }
        false => Ok(()),
    }
}

/// Whether alerts keep this table for themselves.
pub(super) fn is_kept_by_alerts(table: &str) -> bool {
    KEPT_BY_ALERTS.contains(&table)
}

/// Refuses reserved names.
pub(super) fn check_free(name: &str) -> Result<()> {
    if is_built_in(name) || SCHEMAS.contains(&name) {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("the name \"{name}\" is reserved for driftline itself"),
        ));
    }
    Ok(())
}

/// The error for a name that a table or view has already.
pub(super) fn taken(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("\"{name}\" exists already"))
}

/// A name as SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
