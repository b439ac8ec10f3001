//! What the server can do, as `SqlInfo`.
//!
//! Grafana's editor reads an answer to everything by position: row 17 must be the keywords, and the four lists of functions follow. So
//! exactly 17 entries have a number below that of the keywords, and nothing may be put between them.

use arrow::array::RecordBatch;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity, SqlSupportedGroupBy,
    SqlSupportedTransaction,
};
use driftline::Role;
use tonic::Status;

use super::metadata::texts;
use crate::error::status;
use crate::service::Call;

/// Words of our SQL beyond SQL-92.
const KEYWORDS: [&str; 20] = [
    "ANALYZE",
    "ATTRIBUTE",
    "BASELINE",
    "DESCRIBE",
    "EXPLAIN",
    "FILTER",
    "FLUSH",
    "ILIKE",
    "LATERAL",
    "LIMIT",
    "OFFSET",
    "OVER",
    "PARTITION",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "RETENTION",
    "SHOW",
    "TABLES",
    "WINDOW",
];

/// Parts of the names of functions of dates and times.
const OF_TIMES: [&str; 8] = ["date", "time", "now", "today", "unixtime", "extract", "epoch", "to_local"];

/// Parts of the names of functions of texts.
const OF_TEXTS: [&str; 30] = [
    "ascii",
    "btrim",
    "char",
    "chr",
    "concat",
    "contains",
    "decode",
    "encode",
    "ends_with",
    "initcap",
    "left",
    "length",
    "levenshtein",
    "lower",
    "lpad",
    "ltrim",
    "overlay",
    "pad",
    "regexp",
    "repeat",
    "replace",
    "reverse",
    "right",
    "split",
    "starts_with",
    "string",
    "strpos",
    "substr",
    "trim",
    "upper",
];

/// Names of functions of the session.
const OF_SYSTEM: [&str; 4] = ["version", "arrow_typeof", "arrow_cast", "uuid"];

pub(super) async fn rows(call: &Call, query: CommandGetSqlInfo) -> Result<RecordBatch, Status> {
    let sql = "SELECT DISTINCT name FROM driftline.functions ORDER BY name".to_owned();
    let names = texts(call, sql).await?;
    let names: Vec<&str> = names.first().map(|names| names.iter().flatten().collect()).unwrap_or_default();
    let wire = |error: arrow_flight::error::FlightError| {
        status(driftline::Error::new(driftline::ErrorKind::Internal, error.to_string()))
    };
    let all = info(&names, call.role).build().map_err(wire)?;
    all.record_batch(query.info).map_err(wire)
}

fn info(functions: &[&str], role: Role) -> SqlInfoDataBuilder {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Driftline");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    info.append(SqlInfo::FlightSqlServerReadOnly, role == Role::Read);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::FlightSqlServerBulkIngestion, true);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, false);
    info.append(SqlInfo::SqlDdlTable, role == Role::Admin);
    let lower_case = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32;
    info.append(SqlInfo::SqlIdentifierCase, lower_case);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    let as_written = SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i32;
    info.append(SqlInfo::SqlQuotedIdentifierCase, as_written);
    info.append(SqlInfo::SqlAllTablesAreSelectable, true);
    info.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    append_words(&mut info, functions);
    info.append(SqlInfo::SqlSearchStringEscape, "\\");
    info.append(SqlInfo::SqlExtraNameCharacters, "");
    info.append(SqlInfo::SqlSupportsColumnAliasing, true);
    info.append(SqlInfo::SqlNullPlusNullIsNull, true);
    info.append(SqlInfo::SqlSupportsTableCorrelationNames, true);
    info.append(SqlInfo::SqlSupportsDifferentTableCorrelationNames, false);
    info.append(SqlInfo::SqlSupportsExpressionsInOrderBy, true);
    info.append(SqlInfo::SqlSupportsOrderByUnrelated, true);
    let group_by = 1 << SqlSupportedGroupBy::SqlGroupByUnrelated as i32;
    info.append(
        SqlInfo::SqlSupportedGroupBy,
        group_by | 1 << SqlSupportedGroupBy::SqlGroupByBeyondSelect as i32,
    );
    info.append(SqlInfo::SqlSupportsLikeEscapeClause, true);
    info.append(SqlInfo::SqlSupportsNonNullableColumns, true);
    info
}

/// The keywords, and the functions by what they are of.
fn append_words(info: &mut SqlInfoDataBuilder, functions: &[&str]) {
    let (mut numbers, mut strings, mut system, mut times) = (vec![], vec![], vec![], vec![]);
    for name in functions {
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let list = match name {
            _ if OF_SYSTEM.contains(name) => &mut system,
            _ if has(&OF_TIMES) => &mut times,
            _ if has(&OF_TEXTS) => &mut strings,
            _ => &mut numbers,
        };
        list.push((*name).to_owned());
    }
    info.append(SqlInfo::SqlKeywords, KEYWORDS.as_slice());
    info.append(SqlInfo::SqlNumericFunctions, numbers);
    info.append(SqlInfo::SqlStringFunctions, strings);
    info.append(SqlInfo::SqlSystemFunctions, system);
    info.append(SqlInfo::SqlDatetimeFunctions, times);
}

#[cfg(test)]
mod tests;
