//! Ingest: batches into a table that exists, or one that is made for them. All rows become visible, or none.
//!
//! Who says "create" gets table and rows together, or neither. Who says "create or append" shares the table with others who say so at
//! the same time: then the table comes first, and stays if the rows are refused.
//!
//! Few rows go through the log. Many become a bulk load, in bounded memory.

mod conversion;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{CommandStatementIngest, DoPutUpdateResult, TableExistsOption, TableNotExistOption};
use driftline::{BulkLoad, Error, ErrorKind, Session};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use prost::Message;
use tonic::Status;

use super::metadata::{CATALOG, SCHEMA};
use super::prepared::decoding;
use crate::error::{arrow_status, status};
use crate::service::{Call, refuse_transaction};

/// Bytes of rows that go through the log as one entry; more become a bulk load.
const ENTRY_BYTES_MAX: usize = 16 << 20;

pub(super) async fn run(
    call: &Call,
    ingest: CommandStatementIngest,
    messages: BoxStream<'static, Result<FlightData, Status>>,
) -> Result<Vec<u8>, Status> {
    refuse_transaction(ingest.transaction_id.as_ref())?;
    check_place(&ingest)?;
    let batches = Batches(FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from)));
    let (session, storage) = (call.session.clone(), call.service.database.storage().clone());
    let work = async move {
        let exists = storage.snapshot().table(&ingest.table).is_some();
        let target = target(&session, &ingest, exists).await?;
        match target {
            Target::Existing(load) => append(&session, &ingest.table, load, None, batches).await,
            Target::New => create(&session, &ingest.table, batches).await,
            Target::NewOrExisting => create_or_append(&session, &ingest.table, batches).await,
        }
    };
    let rows = call.load(work).await?;
    let record_count = i64::try_from(rows).unwrap_or(i64::MAX);
    call.service.metrics.wrote(record_count);
    Ok(DoPutUpdateResult { record_count }.encode_to_vec())
}

/// Where the rows go.
enum Target {
    /// A table that this caller may write, through a load that is dropped where rows are few.
    Existing(BulkLoad),
    New,
    /// A table that was not there, and may be there by the time it is made: others load at the same time.
    NewOrExisting,
}

/// Refuses what no table can be for.
fn check_place(ingest: &CommandStatementIngest) -> Result<(), Status> {
    if ingest.temporary {
        return Err(Status::invalid_argument("temporary tables are not supported"));
    }
    let elsewhere =
        ingest.catalog.as_deref().is_some_and(|catalog| !catalog.is_empty() && catalog != CATALOG)
            || ingest.schema.as_deref().is_some_and(|schema| !schema.is_empty() && schema != SCHEMA);
    if elsewhere {
        return Err(Status::invalid_argument(format!(
            "rows can only be written into tables of the schema {SCHEMA} of the catalog {CATALOG}"
        )));
    }
    Ok(())
}

async fn target(session: &Session, ingest: &CommandStatementIngest, exists: bool) -> Result<Target, Status> {
    let table = &ingest.table;
    let definition = ingest.table_definition_options.unwrap_or_default();
    let appends =
        matches!(definition.if_exists(), TableExistsOption::Append | TableExistsOption::Unspecified);
    if !exists && definition.if_not_exist() == TableNotExistOption::Create {
        return Ok(if appends { Target::NewOrExisting } else { Target::New });
    }
    // what the caller may not do is said before whether there is such a table
    let load = load_into(session, table).await?;
    match definition.if_exists() {
        TableExistsOption::Fail => Err(Status::already_exists(format!("table \"{table}\" exists already"))),
        TableExistsOption::Replace => Err(Status::unimplemented(format!(
            "the rows of table \"{table}\" cannot be replaced: drop it first, or append"
        ))),
        TableExistsOption::Append | TableExistsOption::Unspecified => Ok(Target::Existing(load)),
    }
}

/// A load into a table that exists and that this caller may write.
async fn load_into(session: &Session, table: &str) -> Result<BulkLoad, Status> {
    let missing = match session.bulk_load(table) {
        Err(error) if error.kind() == ErrorKind::NotFound => error,
        known => return known.map_err(status),
    };
    // what can be read under this name, and is no table, is a view
    match session.prepare(&format!("SELECT * FROM {}", conversion::quoted(table))).await {
        Ok(_) => Err(Status::invalid_argument(format!(
            "\"{table}\" is a view: rows can only be written into tables"
        ))),
        Err(_) => Err(status(missing)),
    }
}

/// Batches of a client, decoded.
struct Batches(FlightRecordBatchStream);

impl Batches {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Status> {
        self.0.try_next().await.map_err(decoding)
    }

    /// The first batch, if there is one, and the columns of all.
    async fn begin(&mut self) -> Result<(SchemaRef, Option<RecordBatch>), Status> {
        let first = self.next().await?;
        let schema = self.0.schema().cloned();
        let missing = || Status::invalid_argument("a table cannot be made without a schema or a batch");
        Ok((schema.ok_or_else(missing)?, first))
    }
}

async fn append(
    session: &Session,
    table: &str,
    load: BulkLoad,
    first: Option<RecordBatch>,
    mut batches: Batches,
) -> Result<u64, Status> {
    let schema = load.schema().arrow().clone();
    let mut held: Vec<RecordBatch> = vec![];
    let mut bytes = 0;
    let mut next = first;
    if next.is_none() {
        next = batches.next().await?;
    }
    while let Some(batch) = next {
        let batch = conversion::into_table(&batch, &schema)?;
        bytes += batch.get_array_memory_size();
        held.push(batch);
        if bytes > ENTRY_BYTES_MAX {
            return load_all(load, held, batches).await;
        }
        next = batches.next().await?;
    }
    let Some(first) = held.first() else { return Ok(0) };
    let entry = concat_batches(&first.schema(), &held).map_err(arrow_status)?;
    match entry.num_rows() {
        0 => Ok(0),
        _ => session.append(table, entry).await.map_err(status),
    }
}

/// Makes the table and its rows visible together.
async fn create(session: &Session, table: &str, mut batches: Batches) -> Result<u64, Status> {
    let (schema, first) = batches.begin().await?;
    let declaration = conversion::declaration(table, &schema)?;
    let load = session.bulk_create(&declaration).map_err(status)?;
    let table = load.schema().arrow().clone();
    let first = first.map(|first| conversion::into_table(&first, &table)).transpose()?;
    load_all(load, Vec::from_iter(first), batches).await
}

/// Makes the table before its rows, so that of several loaders each finds it, whoever made it. Rows that are refused leave it empty.
async fn create_or_append(session: &Session, table: &str, mut batches: Batches) -> Result<u64, Status> {
    let (schema, first) = batches.begin().await?;
    let declaration = conversion::declaration(table, &schema)?;
    let created = async { Ok::<_, Error>(session.bulk_create(&declaration)?.commit().await?) };
    match created.await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(status(error)),
    }
    let load = load_into(session, table).await?;
    append(session, table, load, first, batches).await
}

async fn load_all(mut load: BulkLoad, held: Vec<RecordBatch>, mut batches: Batches) -> Result<u64, Status> {
    let storage = |error: driftline::storage::Error| status(error.into());
    let schema = load.schema().arrow().clone();
    for batch in held {
        load.push(batch).await.map_err(storage)?;
    }
    while let Some(batch) = batches.next().await? {
        load.push(conversion::into_table(&batch, &schema)?).await.map_err(storage)?;
    }
    Ok(load.commit().await.map_err(storage)?.rows)
}
