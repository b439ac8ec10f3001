//! From whole row groups to batches of the session's size: surviving rows are gathered, and every batch owns its memory.
//!
//! A slice would be free, but operators that keep batches (sorts, joins) count the whole row group for each slice and run out of
//! their memory limit. Where the operator above keeps nothing, slices are given out as they are, unless they are so small that a batch
//! costs more than its rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result as DfResult;

/// A slice has one of so many rows of a batch at least; smaller ones are gathered.
const SLICE_SHARE: usize = 8;

/// The columns of one unit and which of its rows survive (all, where there is no mask).
pub(super) struct Loaded {
    pub(super) arrays: Vec<ArrayRef>,
    pub(super) mask: Option<BooleanArray>,
    pub(super) rows: usize,
}

/// Cuts units into batches.
pub(super) struct Emitter {
    schema: SchemaRef,
    batch_rows: usize,
    coalescer: Option<BatchCoalescer>,
    slices: bool,
    /// Whether the rows of a unit leave before the next one is read: whoever takes them may learn from them what to leave out.
    eager: bool,
    current: Option<RecordBatch>,
    mask: Option<BooleanArray>,
    offset: usize,
}

impl Emitter {
    pub(super) fn new(schema: SchemaRef, batch_rows: usize, slices: bool, eager: bool) -> Self {
        let coalescer =
            (!schema.fields().is_empty()).then(|| BatchCoalescer::new(Arc::clone(&schema), batch_rows));
        Self { schema, batch_rows, coalescer, slices, eager, current: None, mask: None, offset: 0 }
    }

    /// Takes the next unit; the one before it has been given out.
    pub(super) fn push(&mut self, loaded: Loaded) -> DfResult<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(loaded.rows));
        self.current =
            Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), loaded.arrays, &options)?);
        self.mask = loaded.mask;
        self.offset = 0;
        Ok(())
    }

    /// The next batch; `None` when another unit is needed.
    pub(super) fn next(&mut self) -> DfResult<Option<RecordBatch>> {
        let Some(coalescer) = &mut self.coalescer else {
            return self.next_count();
        };
        loop {
            if let Some(batch) = coalescer.next_completed_batch() {
                return Ok(Some(batch));
            }
            let Some(current) = &self.current else { return Ok(None) };
            let length = self.batch_rows.min(current.num_rows() - self.offset);
            if length == 0 {
                self.current = None;
                return if self.eager { self.finish() } else { Ok(None) };
            }
            let is_slice = self.slices && self.mask.is_none() && length * SLICE_SHARE >= self.batch_rows;
            if is_slice && !coalescer.is_empty() {
                // what was gathered before it goes first
                coalescer.finish_buffered_batch()?;
                continue;
            }
            let slice = current.slice(self.offset, length);
            let mask = self.mask.as_ref().map(|mask| mask.slice(self.offset, length));
            self.offset += length;
            match mask {
                None if is_slice => return Ok(Some(slice)),
                None => coalescer.push_batch(slice)?,
                Some(mask) if !mask.has_true() => {}
                Some(mask) => coalescer.push_batch_with_filter(slice, &mask)?,
            }
        }
    }

    /// The last, smaller batch, when there is no other unit.
    pub(super) fn finish(&mut self) -> DfResult<Option<RecordBatch>> {
        let Some(coalescer) = &mut self.coalescer else { return Ok(None) };
        coalescer.finish_buffered_batch()?;
        Ok(coalescer.next_completed_batch())
    }

    /// Without columns only the number of surviving rows matters.
    fn next_count(&mut self) -> DfResult<Option<RecordBatch>> {
        let Some(current) = self.current.take() else { return Ok(None) };
        let rows = self.mask.take().map_or(current.num_rows(), |mask| mask.true_count());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), vec![], &options)?))
    }
}
