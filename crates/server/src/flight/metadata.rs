//! What there is: catalogs, schemas, tables, kinds of tables, keys and types. The ticket of such a command is the command itself.
//!
//! There is one catalog. A command that names no catalog means all: most clients name none. The schemas of these answers are compared
//! strictly by clients in Go, so they leave exactly as the protocol says.

mod keys;
mod tables;
mod xdbc;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::FlightData;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{Command, CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes};
use futures::TryStreamExt;
use tonic::{Response, Status};

use super::{Answers, answer, sql_info, unsupported};
use crate::error::{arrow_status, status};
use crate::service::Call;

/// The one catalog.
pub(super) const CATALOG: &str = "driftline";

/// The schema of tables and views.
pub(super) const SCHEMA: &str = "public";

/// The columns that a command answers.
pub(super) fn schema(command: &Command, verb: &str) -> Result<SchemaRef, Status> {
    Ok(match command {
        Command::CommandGetCatalogs(_) => catalogs_schema(),
        Command::CommandGetDbSchemas(_) => schemas_schema(),
        Command::CommandGetTables(query) => tables::schema(query.include_schema),
        Command::CommandGetTableTypes(_) => table_types_schema(),
        Command::CommandGetSqlInfo(_) => Arc::new(SqlInfoDataBuilder::schema().clone()),
        Command::CommandGetPrimaryKeys(_) => keys::primary_schema(),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => keys::foreign_schema(),
        Command::CommandGetXdbcTypeInfo(_) => xdbc::schema(),
        other => return Err(unsupported(other, verb)),
    })
}

/// Answers a command.
pub(super) async fn answer(call: &Call, command: Command) -> Result<Response<Answers<FlightData>>, Status> {
    let rows = match command {
        Command::CommandGetCatalogs(query) => catalogs(query)?,
        Command::CommandGetDbSchemas(query) => schemas(call, query).await?,
        Command::CommandGetTables(query) => tables::rows(call, query).await?,
        Command::CommandGetTableTypes(query) => table_types(query)?,
        Command::CommandGetSqlInfo(query) => sql_info::rows(call, query).await?,
        Command::CommandGetXdbcTypeInfo(query) => xdbc::rows(query)?,
        // there are no keys
        other => RecordBatch::new_empty(schema(&other, "fetched")?),
    };
    answer::batch(call, &rows)
}

/// Runs a query of our own for the texts of its columns.
pub(super) async fn texts(call: &Call, sql: String) -> Result<Vec<StringArray>, Status> {
    let session = call.session.clone();
    let batch = call.run(async move {
        let stream = session.sql(&sql).await.map_err(status)?;
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(status)?;
        arrow::compute::concat_batches(&schema, &batches).map_err(arrow_status)
    });
    let columns = batch.await?.columns().to_vec();
    let text = |column: ArrayRef| {
        let text = arrow::compute::cast(&column, &DataType::Utf8).map_err(arrow_status)?;
        Ok(text.as_string::<i32>().clone())
    };
    columns.into_iter().map(text).collect()
}

/// A text in SQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn catalogs_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("catalog_name", DataType::Utf8, false)]))
}

fn catalogs(_: CommandGetCatalogs) -> Result<RecordBatch, Status> {
    let names: ArrayRef = Arc::new(StringArray::from(vec![CATALOG]));
    RecordBatch::try_new(catalogs_schema(), vec![names]).map_err(arrow_status)
}

fn table_types_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]))
}

fn table_types(_: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let names: ArrayRef =
        Arc::new(StringArray::from(vec![tables::SYSTEM_TABLE, tables::TABLE, tables::VIEW]));
    RecordBatch::try_new(table_types_schema(), vec![names]).map_err(arrow_status)
}

fn schemas_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, false),
    ]))
}

async fn schemas(call: &Call, query: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let mut sql = "SELECT DISTINCT schema_name FROM (SELECT schema_name FROM information_schema.schemata \
                   UNION SELECT 'information_schema' AS schema_name)"
        .to_owned();
    sql += &format!(" WHERE {}", catalog_condition(query.catalog.as_deref()));
    if let Some(pattern) = &query.db_schema_filter_pattern {
        sql += &format!(" AND schema_name LIKE {}", quoted(pattern));
    }
    if let Some(alias) = &call.service.settings.schema_alias {
        sql += &format!(" AND schema_name <> {}", quoted(alias));
    }
    let columns = texts(call, sql + " ORDER BY schema_name").await?;
    let names = columns.first().cloned().unwrap_or_else(|| StringArray::from(Vec::<&str>::new()));
    let catalogs: ArrayRef = Arc::new(StringArray::from(vec![CATALOG; names.len()]));
    RecordBatch::try_new(schemas_schema(), vec![catalogs, Arc::new(names)]).map_err(arrow_status)
}

/// No catalog means all.
fn catalog_condition(catalog: Option<&str>) -> &'static str {
    match catalog {
        None | Some(CATALOG) => "true",
        Some(_) => "false",
    }
}
