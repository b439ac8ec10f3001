//! The write path: from a caller's batch to an acknowledged row, in protocol order.

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::{
    batches::BatchId,
    error::{Error, ErrorKind, Result},
    flush,
    storage::{Core, Storage},
    wal::{CommittedGroup, Durability, Entry, Position, Record},
};

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Rows that were added.
    pub rows: u64,
    /// The position of the rows in the log.
    pub position: Position,
}

impl Storage {
    /// Appends rows to a table. When the call returns they are as durable as asked for, and every snapshot from then on
    /// has them. Columns that the batch lacks are NULL.
    ///
    /// # Errors
    /// `NotFound` for an unknown table; `Invalid` for an unknown column, another type, a missing value in a NOT NULL
    /// column, or a batch too large for one log record (load it in bulk instead); `ResourceExhausted` for a full disk;
    /// `Closed` after [`close`](Self::close). An error does not always mean that the rows are gone: after a failed
    /// write of the log it is unknown until the storage is opened again.
    pub async fn append(&self, table: &str, batch: RecordBatch, durability: Durability) -> Result<Appended> {
        self.append_all(vec![(table.to_owned(), batch)], durability).await
    }

    /// Appends rows to several tables: all of them or none, also after a crash.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn append_all(
        &self,
        batches: Vec<(String, RecordBatch)>,
        durability: Durability,
    ) -> Result<Appended> {
        self.append_record(None, &batches, durability).await
    }

    pub(crate) async fn append_record(
        &self,
        batch_id: Option<BatchId>,
        batches: &[(String, RecordBatch)],
        durability: Durability,
    ) -> Result<Appended> {
        // 1. check the batches against the schemas and bring them into their types and column ids
        self.core.check_writable()?;
        let state = self.core.state();
        let mut record = Record { batch_id, entries: Vec::with_capacity(batches.len()) };
        let mut rows = 0;
        for (name, batch) in batches.iter().filter(|(_, batch)| batch.num_rows() > 0) {
            let table = state.table(name)?;
            let batch = table.schema().conform(batch).map_err(|error| of_table(name, error))?;
            rows += batch.num_rows() as u64;
            record.entries.push(Entry { table_id: table.id(), batch });
        }
        if record.entries.is_empty() {
            return Ok(Appended { rows, position: state.last() });
        }
        drop(state);
        // 2. wait while memory is full of rows that are not flushed
        self.core.wait_for_room().await?;
        // 3. the log writes and syncs the record, delivers it to memory, and only then acknowledges it
        let position = self.core.wal()?.append(record, durability).await?;
        Ok(Appended { rows, position })
    }
}

impl Core {
    /// Takes a group of records that the log has made durable: inserts them into the memtables and publishes them, in
    /// the order of the log, before their callers are acknowledged.
    pub(crate) fn deliver(&self, group: CommittedGroup) {
        let now_ns = self.clock.monotonic_ns();
        self.batches.deliver(&group);
        let full = self.publish(|state| {
            let next = state.delivered(group, now_ns);
            let full = next.active_bytes() as u64 >= self.options.memtable_bytes.as_u64();
            (next, full)
        });
        if full {
            // when the queue is full the flusher has work already and looks again afterwards
            self.flusher.try_send(flush::Message::Full).ok();
        }
    }

    /// Waits until the rows in memory are fewer than twice the limit at which a flush starts.
    async fn wait_for_room(self: &Arc<Self>) -> Result<()> {
        let bytes_max = 2 * self.options.memtable_bytes.as_u64();
        loop {
            let flushed = self.flushed.notified();
            if (self.state().memory_bytes() as u64) < bytes_max {
                return Ok(());
            }
            self.check_open()?;
            if let Some(cause) = self.flush_error() {
                self.flusher.try_send(flush::Message::Full).ok();
                let rows: usize = self.state().tables().map(|table| table.memory_rows()).sum();
                let message = format!("{rows} rows in memory cannot be flushed: {}", cause.message());
                return Err(Error::new(ErrorKind::ResourceExhausted, message).with_source(cause));
            }
            self.flusher.try_send(flush::Message::Full).ok();
            flushed.await;
        }
    }
}

fn of_table(name: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("table {name:?}: {}", error.message()))
}
