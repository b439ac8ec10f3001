//! Batches as messages, none larger than a client takes.
//!
//! A batch is encoded and measured; one that is too large is cut in two by rows and each half encoded again. What a column weighs
//! in memory says too little: a slice weighs what its parent does, and rows can differ a thousandfold.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_flight::{FlightData, SchemaAsIpc};
use driftline::{Error, ErrorKind, Result};
use prost::Message;

use super::Layout;

/// Bytes of a message, at most: clients of gRPC written in Go take 4 MiB by default.
pub(crate) const MESSAGE_BYTES_MAX: usize = 7 << 19;

/// Turns the batches of one answer into messages.
pub(crate) struct Encoder {
    layout: Layout,
    message_bytes_max: usize,
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    options: IpcWriteOptions,
    context: IpcWriteContext,
}

impl Encoder {
    pub(crate) fn new(layout: Layout, message_bytes_max: usize) -> Self {
        Self {
            layout,
            message_bytes_max,
            generator: IpcDataGenerator::default(),
            dictionaries: DictionaryTracker::new(true),
            options: IpcWriteOptions::default(),
            context: IpcWriteContext::default(),
        }
    }

    /// The message that comes first.
    pub(crate) fn schema_message(&self) -> FlightData {
        SchemaAsIpc::new(self.layout.schema(), &self.options).into()
    }

    /// The messages of a batch, in order; none for a batch without rows.
    ///
    /// # Errors
    /// `ResourceExhausted` for a single row that is larger than a message may be, `Invalid` for a value that cannot be sent.
    pub(crate) fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<FlightData>> {
        let batch = self.layout.convert(batch)?;
        let mut messages = vec![];
        if batch.num_rows() == 0 {
            return Ok(messages);
        }
        let parts = weight(&batch).div_ceil(self.message_bytes_max).max(1);
        let rows = batch.num_rows().div_ceil(parts);
        for start in (0..batch.num_rows()).step_by(rows) {
            let length = rows.min(batch.num_rows() - start);
            self.encode_or_split(batch.slice(start, length), &mut messages)?;
        }
        Ok(messages)
    }

    fn encode_or_split(&mut self, batch: RecordBatch, messages: &mut Vec<FlightData>) -> Result<()> {
        let (_, encoded) =
            self.generator.encode(&batch, &mut self.dictionaries, &self.options, &mut self.context)?;
        let message = FlightData::from(encoded);
        let bytes = message.encoded_len();
        match batch.num_rows() {
            _ if bytes <= self.message_bytes_max => messages.push(message),
            0 | 1 => return Err(self.too_large(&batch, bytes)),
            rows => {
                self.encode_or_split(batch.slice(0, rows / 2), messages)?;
                self.encode_or_split(batch.slice(rows / 2, rows - rows / 2), messages)?;
            }
        }
        Ok(())
    }

    fn too_large(&self, row: &RecordBatch, bytes: usize) -> Error {
        let columns = row.schema();
        let weights =
            row.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
        let heaviest = columns.fields().iter().zip(weights).max_by_key(|(_, weight)| *weight);
        let name = heaviest.map_or("", |(field, _)| field.name());
        Error::new(
            ErrorKind::ResourceExhausted,
            format!(
                "a row of the answer takes {bytes} bytes, most of them in column \"{name}\"; a message holds {} (select less of it: left(\"{name}\", 1000))",
                self.message_bytes_max
            ),
        )
    }
}

/// What the rows of a batch weigh, shared buffers counted by what is used of them.
fn weight(batch: &RecordBatch) -> usize {
    let weights = batch.columns().iter().map(|column| {
        let data = Arc::clone(column).to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
    });
    weights.sum()
}

#[cfg(test)]
mod tests;
