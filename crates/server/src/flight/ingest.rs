//! Ingest: batches into a table that exists, or one that is made for them. All rows become visible, or none.
//!
//! Few rows go through the log. Many become a bulk load, in bounded memory.

mod conversion;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{CommandStatementIngest, DoPutUpdateResult, TableExistsOption, TableNotExistOption};
use driftline::{BulkLoad, Session};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use tonic::Status;

use super::metadata::{CATALOG, SCHEMA};
use super::prepared::decoding;
use crate::error::{arrow_status, status};
use crate::service::{Call, refuse_transaction};

/// Bytes of rows that go through the log as one entry; more become a bulk load.
const ENTRY_BYTES_MAX: usize = 16 << 20;

/// Batches of a client, decoded.
type Batches = BoxStream<'static, Result<RecordBatch, Status>>;

pub(super) async fn run(
    call: &Call,
    ingest: CommandStatementIngest,
    messages: BoxStream<'static, Result<FlightData, Status>>,
) -> Result<Vec<u8>, Status> {
    refuse_transaction(ingest.transaction_id.as_ref())?;
    let target = target(call, &ingest)?;
    let batches = FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
    let batches = batches.map_err(decoding).boxed();
    let (session, table) = (call.session.clone(), ingest.table);
    let work = async move {
        match target {
            Target::Existing(load) => append(&session, &table, load, batches).await,
            Target::New => create(&session, &table, batches).await,
        }
    };
    let rows = call.compute(work).await?;
    call.service.metrics.ingested(rows);
    let record_count = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(DoPutUpdateResult { record_count }.encode_to_vec())
}

/// Where the rows go.
enum Target {
    /// A table that this caller may write, through a load that is dropped where rows are few.
    Existing(BulkLoad),
    New,
}

fn target(call: &Call, ingest: &CommandStatementIngest) -> Result<Target, Status> {
    let table = &ingest.table;
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
    let exists = call.service.database.storage().snapshot().table(table).is_some();
    let definition = ingest.table_definition_options.unwrap_or_default();
    if !exists && definition.if_not_exist() == TableNotExistOption::Create {
        return Ok(Target::New);
    }
    // what the caller may not do is said before whether there is such a table
    let load = call.session.bulk_load(table).map_err(status)?;
    match definition.if_exists() {
        TableExistsOption::Fail => Err(Status::already_exists(format!("table \"{table}\" exists already"))),
        TableExistsOption::Replace => Err(Status::unimplemented(format!(
            "the rows of table \"{table}\" cannot be replaced: drop it first, or append"
        ))),
        TableExistsOption::Append | TableExistsOption::Unspecified => Ok(Target::Existing(load)),
    }
}

async fn append(session: &Session, table: &str, load: BulkLoad, mut batches: Batches) -> Result<u64, Status> {
    let schema = load.schema().arrow().clone();
    let mut held: Vec<RecordBatch> = vec![];
    let mut bytes = 0;
    while let Some(batch) = batches.try_next().await? {
        let batch = conversion::into_table(&batch, &schema)?;
        bytes += batch.get_array_memory_size();
        held.push(batch);
        if bytes > ENTRY_BYTES_MAX {
            return load_all(load, held, batches).await;
        }
    }
    let Some(first) = held.first() else { return Ok(0) };
    let entry = concat_batches(&first.schema(), &held).map_err(arrow_status)?;
    match entry.num_rows() {
        0 => Ok(0),
        _ => session.append(table, entry).await.map_err(status),
    }
}

async fn create(session: &Session, table: &str, mut batches: Batches) -> Result<u64, Status> {
    let first = batches.try_next().await?;
    let first = first.ok_or_else(|| Status::invalid_argument("a table cannot be made without a batch"))?;
    let declaration = conversion::declaration(table, &first.schema())?;
    let load = session.bulk_create(&declaration).map_err(status)?;
    let first = conversion::into_table(&first, load.schema().arrow())?;
    load_all(load, vec![first], batches).await
}

async fn load_all(mut load: BulkLoad, held: Vec<RecordBatch>, mut batches: Batches) -> Result<u64, Status> {
    let storage = |error: driftline::storage::Error| status(error.into());
    let schema = load.schema().arrow().clone();
    for batch in held {
        load.push(batch).await.map_err(storage)?;
    }
    while let Some(batch) = batches.try_next().await? {
        load.push(conversion::into_table(&batch, &schema)?).await.map_err(storage)?;
    }
    Ok(load.commit().await.map_err(storage)?.rows)
}
