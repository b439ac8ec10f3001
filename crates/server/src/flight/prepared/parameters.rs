//! Parameters as clients send them: batches, whose columns are taken in order, whatever they are called.

use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use driftline::{Prepared, ScalarValue};
use futures::TryStreamExt;
use futures::future::ready;
use futures::stream::BoxStream;
use tonic::Status;

use crate::error::status;

/// Reads rows of parameters, at most so many bytes of them, and how many columns they have: none where none were sent.
pub(super) async fn read(
    messages: BoxStream<'static, Result<FlightData, Status>>,
    bytes_max: usize,
) -> Result<(usize, Vec<RecordBatch>), Status> {
    // the command can come by itself, in a message without any data
    let messages = messages.try_filter(|message| ready(!message.data_header.is_empty()));
    let mut batches = FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
    let mut read: Vec<RecordBatch> = vec![];
    let mut bytes = 0;
    while let Some(batch) = batches.try_next().await.map_err(decoding)? {
        bytes += batch.get_array_memory_size();
        if bytes > bytes_max {
            return Err(Status::resource_exhausted(format!(
                "parameters take at most {bytes_max} bytes: load many rows with an ingest instead"
            )));
        }
        read.push(batch);
    }
    Ok((batches.schema().map_or(0, |schema| schema.fields().len()), read))
}

/// What a stream of a client cannot be read for.
pub(in crate::flight) fn decoding(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => Status::invalid_argument(format!("the batches cannot be read: {other}")),
    }
}

/// The values of every row, by position; one client wraps each in a union, out of which it is taken.
pub(super) fn values(batches: &[RecordBatch]) -> impl Iterator<Item = Result<Vec<ScalarValue>, Status>> {
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    rows.map(|(batch, row)| Prepared::values_of(batch, row).map_err(status))
}
