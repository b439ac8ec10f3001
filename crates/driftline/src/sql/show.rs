//! `SHOW TABLES`, `SHOW FUNCTIONS`, `SHOW BASELINES`, `SHOW SLOS`, `SHOW COLUMNS FROM name`, `DESCRIBE name`, `DESCRIBE BASELINE name`,
//! `DESCRIBE SLO name`, `SHOW ALERTS`, `DESCRIBE ALERT name`

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringViewArray};
use arrow::datatypes::FieldRef;
use datafusion::common::TableReference;

use super::cursor::Cursor;
use super::{data_type, describe_alert, describe_baseline, describe_slo, query};
use crate::catalog::SYSTEM_SCHEMA;
use crate::context::QueryContext;
use crate::error::Result;
use crate::stream::QueryStream;

/// A parsed `SHOW` or `DESCRIBE`.
#[derive(Debug)]
pub(crate) enum Show {
    Tables,
    Functions,
    Baselines,
    Baseline(String),
    Slos,
    Slo(String),
    Alerts,
    Alert(String),
    Columns(TableReference),
}

impl Show {
    /// Parses the statements of this file and leaves every other `SHOW` to DataFusion.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>> {
        let show = if cursor.accept(&["SHOW", "TABLES"]) {
            Self::Tables
        } else if cursor.accept(&["SHOW", "FUNCTIONS"]) {
            Self::Functions
        } else if cursor.accept(&["SHOW", "BASELINES"]) {
            Self::Baselines
        } else if cursor.accept(&["DESCRIBE", "BASELINE"]) || cursor.accept(&["DESC", "BASELINE"]) {
            Self::Baseline(cursor.identifier("the name of a baseline")?)
        } else if cursor.accept(&["SHOW", "SLOS"]) {
            Self::Slos
        } else if cursor.accept(&["DESCRIBE", "SLO"]) || cursor.accept(&["DESC", "SLO"]) {
            Self::Slo(cursor.identifier("the name of an SLO")?)
        } else if cursor.accept(&["SHOW", "ALERTS"]) {
            Self::Alerts
        } else if cursor.accept(&["DESCRIBE", "ALERT"]) || cursor.accept(&["DESC", "ALERT"]) {
            Self::Alert(cursor.identifier("the name of an alert")?)
        } else if cursor.accept(&["SHOW", "COLUMNS"]) {
            if !cursor.accept(&["IN"]) {
                cursor.expect(&["FROM"])?;
            }
            Self::Columns(parse_reference(cursor)?)
        } else if cursor.accept(&["DESCRIBE"]) || cursor.accept(&["DESC"]) {
            cursor.accept(&["TABLE"]);
            Self::Columns(parse_reference(cursor)?)
        } else {
            return Ok(None);
        };
        cursor.end()?;
        Ok(Some(show))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        match self {
            Self::Tables => {
                query::run_sql(
                    "SELECT name, kind, rows, bytes, min_time, max_time FROM driftline.tables ORDER BY name",
                    context,
                )
                .await
            }
            Self::Functions => {
                query::run_sql(
                    "SELECT name, kind, signature, description FROM driftline.functions ORDER BY name, kind",
                    context,
                )
                .await
            }
            Self::Baselines => {
                let sql = "SELECT name, columns, keys, rows, created_at, query FROM driftline.baselines ORDER BY name";
                query::run_sql(sql, context).await
            }
            Self::Slos => {
                let sql = "SELECT slo, group_key, state, sli, objective, budget_remaining, burn_rate_1h, reason \
                           FROM driftline.slo_status ORDER BY slo, group_key";
                query::run_sql(sql, context).await
            }
            Self::Alerts => {
                let sql = "SELECT alert, state, labels, value, active_at, health, error FROM driftline.alerts ORDER BY alert, labels";
                query::run_sql(sql, context).await
            }
            Self::Alert(name) => describe_alert::run(&name, context),
            Self::Slo(name) => describe_slo::run(&name, context),
            Self::Baseline(name) => describe_baseline::run(&name, context).await,
            Self::Columns(table) => describe(table, context).await,
        }
    }
}

fn parse_reference(cursor: &mut Cursor<'_>) -> Result<TableReference> {
    let mut parts = vec![cursor.identifier("the name of a table or view")?];
    while cursor.accept_symbol(&datafusion::sql::sqlparser::tokenizer::Token::Period) {
        parts.push(cursor.identifier("the name of a table or view")?);
    }
    Ok(match <[String; 2]>::try_from(parts.clone()) {
        Ok([schema, table]) => TableReference::partial(schema, table),
        Err(_) => TableReference::bare(parts.pop().unwrap_or_default()),
    })
}

async fn describe(table: TableReference, context: &QueryContext) -> Result<QueryStream> {
    let provider = context.relation(&table).await?;
    let schema = provider.schema();
    let fields = || schema.fields().iter();
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(fields().map(|field| field.name())));
    let types: ArrayRef =
        Arc::new(StringViewArray::from_iter_values(fields().map(|field| data_type::name(field.data_type()))));
    let nullable: ArrayRef =
        Arc::new(BooleanArray::from_iter(fields().map(|field| Some(field.is_nullable()))));
    let stored = context.snapshot().table(table.table()).filter(|_| table.schema() != Some(SYSTEM_SCHEMA));
    let attribute = |field: &FieldRef| {
        stored.and_then(|stored| stored.schema().column(field.name())?.from_attribute.as_deref())
    };
    let attributes: ArrayRef = Arc::new(StringViewArray::from_iter(fields().map(attribute)));
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter_with_nullable([
        ("column_name", names, false),
        ("data_type", types, false),
        ("is_nullable", nullable, false),
        ("from_attribute", attributes, true),
    ])?))
}
