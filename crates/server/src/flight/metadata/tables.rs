//! Tables and views, with the schema that a `SELECT *` sends if that is asked for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::CommandGetTables;
use tonic::Status;

use super::{CATALOG, SCHEMA, catalog_condition, quoted, texts};
use crate::encode::Layout;
use crate::error::arrow_status;
use crate::flight::schema_bytes;
use crate::service::Call;

pub(super) const TABLE: &str = "TABLE";
pub(super) const VIEW: &str = "VIEW";
pub(super) const SYSTEM_TABLE: &str = "SYSTEM TABLE";

/// What Grafana's builder asks for, in lower case beside "BASE TABLE": whatever can be queried, views too, because people chart views.
const ANYTHING: &str = "table";

pub(super) fn schema(include_schema: bool) -> SchemaRef {
    let mut fields = vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("table_type", DataType::Utf8, false),
    ];
    if include_schema {
        fields.push(Field::new("table_schema", DataType::Binary, false));
    }
    Arc::new(Schema::new(fields))
}

struct Found {
    schema: String,
    name: String,
    kind: &'static str,
}

pub(super) async fn rows(call: &Call, query: CommandGetTables) -> Result<RecordBatch, Status> {
    let mut found = find(call, &query).await?;
    found.retain(|table| is_wanted(table, &query.table_types));
    let mut schemas = vec![];
    if query.include_schema {
        for table in &found {
            schemas.push(sent_schema(call, table).await?);
        }
    }
    let text = |texts: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(texts)) };
    let mut columns = vec![
        text(vec![CATALOG; found.len()]),
        text(found.iter().map(|table| table.schema.as_str()).collect()),
        text(found.iter().map(|table| table.name.as_str()).collect()),
        text(found.iter().map(|table| table.kind).collect()),
    ];
    if query.include_schema {
        columns.push(Arc::new(BinaryArray::from_iter_values(schemas)));
    }
    RecordBatch::try_new(schema(query.include_schema), columns).map_err(arrow_status)
}

/// Patterns are of LIKE. A table whose name is the pattern itself comes first: `_` stands for any character in a pattern, and clients
/// that mean a name do not escape it, and read the first row.
async fn find(call: &Call, query: &CommandGetTables) -> Result<Vec<Found>, Status> {
    let mut sql = "SELECT table_schema, table_name, table_type FROM information_schema.tables".to_owned();
    sql += &format!(" WHERE {}", catalog_condition(query.catalog.as_deref()));
    if let Some(pattern) = &query.db_schema_filter_pattern {
        sql += &format!(" AND table_schema LIKE {}", quoted(pattern));
    }
    if let Some(pattern) = &query.table_name_filter_pattern {
        sql += &format!(" AND table_name LIKE {}", quoted(pattern));
    }
    if let Some(alias) = &call.service.settings.schema_alias {
        sql += &format!(" AND table_schema <> {}", quoted(alias));
    }
    sql += " ORDER BY ";
    if let Some(pattern) = &query.table_name_filter_pattern {
        sql += &format!("table_name = {0} DESC, table_schema = '{SCHEMA}' DESC, ", quoted(pattern));
    }
    let columns = texts(call, sql + "table_schema, table_name").await?;
    let [schemas, names, kinds] = columns.as_slice() else { return Ok(vec![]) };
    let rows = 0..names.len();
    let found = rows.map(|row| Found {
        schema: schemas.value(row).to_owned(),
        name: names.value(row).to_owned(),
        kind: match (schemas.value(row), kinds.value(row)) {
            (SCHEMA, "VIEW") => VIEW,
            (SCHEMA, _) => TABLE,
            _ => SYSTEM_TABLE,
        },
    });
    Ok(found.collect())
}

fn is_wanted(table: &Found, types: &[String]) -> bool {
    types.is_empty()
        || types.iter().any(|wanted| match wanted.to_ascii_uppercase().as_str() {
            _ if wanted == ANYTHING => table.schema == SCHEMA,
            TABLE | "BASE TABLE" => table.kind == TABLE,
            wanted => table.kind == wanted,
        })
}

/// The schema of all columns as they are sent. A view that cannot be planned any more has none, and hides no other table.
async fn sent_schema(call: &Call, table: &Found) -> Result<Vec<u8>, Status> {
    let name = table.name.replace('"', "\"\"");
    let sql = format!("SELECT * FROM \"{}\".\"{name}\"", table.schema);
    let session = call.session.clone();
    let planned = call.plan(async move { Ok(session.prepare(&sql).await.map(|planned| planned.schema())) });
    let planned = planned.await?.unwrap_or_else(|error| {
        tracing::warn!(table = table.name, %error, "the columns cannot be told");
        Arc::new(Schema::empty())
    });
    Ok(schema_bytes(Layout::new(&planned, call.types).schema())?.to_vec())
}
