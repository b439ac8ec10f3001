//! Rows that are acknowledged and not flushed.
//!
//! A memtable is a value: inserting makes a new one that shares all batches with the old, so a snapshot is a clone
//! and never changes. Small batches of one shape are joined as they come, each row being copied a logarithmic number
//! of times, so that a thousand appends of one row neither scan slowly nor hold a thousand buffers a column.

use std::sync::Arc;

use arrow::{array::RecordBatch, compute::concat_batches};

use crate::schema::batch_bytes;

/// Batches of this many rows are left as they are.
const JOINED_ROWS_MAX: usize = 8_192;
/// Batches of this many bytes are left as they are: few rows, but large ones, are dear to copy and cheap to scan.
const JOINED_BYTES_MAX: usize = 1 << 20;

/// Unflushed rows of one table in commit order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memtable {
    batches: Vec<Chunk>,
    rows: usize,
    bytes: usize,
    oldest_ns: Option<u64>,
}

#[derive(Debug, Clone)]
struct Chunk {
    batch: Arc<RecordBatch>,
    bytes: usize,
}

impl Memtable {
    /// Adds a batch at the end. `now_ns` is monotonic time: the age of the first batch is the age of the memtable.
    pub(crate) fn insert(&mut self, batch: RecordBatch, now_ns: u64) {
        if batch.num_rows() == 0 {
            return;
        }
        self.rows += batch.num_rows();
        let bytes = batch_bytes(&batch);
        self.bytes += bytes;
        self.oldest_ns.get_or_insert(now_ns);
        self.batches.push(Chunk { batch: Arc::new(batch), bytes });
        while let [.., before, last] = self.batches.as_slice() {
            let Some(joined) = join(before, last) else { break };
            self.bytes = self.bytes - before.bytes - last.bytes + joined.bytes;
            self.batches.truncate(self.batches.len() - 2);
            self.batches.push(joined);
        }
    }

    /// The same without its first rows.
    pub(crate) fn without_first(&self, mut rows: usize) -> Self {
        let mut rest = Self { oldest_ns: self.oldest_ns, ..Self::default() };
        for chunk in &self.batches {
            let skipped = rows.min(chunk.batch.num_rows());
            rows -= skipped;
            let chunk = match chunk.batch.num_rows() - skipped {
                0 => continue,
                _ if skipped == 0 => chunk.clone(),
                left => {
                    let batch = chunk.batch.slice(skipped, left);
                    let bytes = batch_bytes(&batch);
                    Chunk { batch: Arc::new(batch), bytes }
                }
            };
            rest.rows += chunk.batch.num_rows();
            rest.bytes += chunk.bytes;
            rest.batches.push(chunk);
        }
        rest
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Monotonic time of the first insert.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.oldest_ns
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.batches.iter().map(|chunk| chunk.batch.as_ref())
    }
}

/// Joins two neighbours of one shape when the later is at least half as large as the earlier, like the digits of a
/// binary counter.
fn join(before: &Chunk, last: &Chunk) -> Option<Chunk> {
    let rows = before.batch.num_rows() + last.batch.num_rows();
    if rows > JOINED_ROWS_MAX || before.bytes + last.bytes > JOINED_BYTES_MAX {
        return None;
    }
    if last.batch.num_rows() * 2 < before.batch.num_rows() {
        return None;
    }
    if !Arc::ptr_eq(before.batch.schema_ref(), last.batch.schema_ref())
        && before.batch.schema_ref() != last.batch.schema_ref()
    {
        return None;
    }
    // text beyond 2 GiB cannot be joined: the two stay apart
    let batch =
        concat_batches(before.batch.schema_ref(), [before.batch.as_ref(), last.batch.as_ref()]).ok()?;
    let bytes = batch_bytes(&batch);
    Some(Chunk { batch: Arc::new(batch), bytes })
}

#[cfg(test)]
mod tests;
