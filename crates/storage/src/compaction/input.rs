//! A segment that is read for a merge: batch by batch, without its deleted rows, in the columns of the file that is to be.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch, new_null_array},
    compute::{cast, filter_record_batch},
    datatypes::SchemaRef,
};

use crate::{
    attributes::{self, Keys, Note},
    deletion::DeletionVector,
    error::{Error, Result},
    schema::{TableSchema, column_id},
    segment::{Dictionaries, RowGroupBatches, SegmentMeta, SegmentReader},
    snapshot::Reading,
};

/// Rows of a batch.
pub(super) const BATCH_ROWS_MAX: u64 = 8 * 1024;
/// Bytes of a batch in memory, about: fewer rows where they are large.
const BATCH_BYTES: u64 = 1 << 20;
/// What an input holds beside its row group, as a multiple of a batch: seven and a half were measured.
const BATCHES_OF_AN_INPUT: u64 = 8;

/// One of the segments of a merge.
pub(super) struct Input {
    reader: SegmentReader,
    deletions: Option<Arc<DeletionVector>>,
    /// The columns of the file that the table still has.
    present: Vec<u32>,
    /// Whether attributes have nothing that belongs into a column of the table.
    is_settled: bool,
    batch_rows: usize,
    next_row_group: usize,
    batches: Option<RowGroupBatches>,
    /// The number of the next row.
    row: u32,
}

impl Input {
    pub(super) async fn open(
        reading: &Reading,
        meta: &Arc<SegmentMeta>,
        schema: &TableSchema,
    ) -> Result<Self> {
        let reader = reading.open_segment(meta).await?;
        let deletions = reading.deletions(meta).await?;
        let present = meta.columns.iter().copied().filter(|id| schema.column_by_id(*id).is_some()).collect();
        let is_settled = match reader.note() {
            Some(note) => {
                note.keys.is_some() && attributes::targets(schema).all(|id| note.complete.contains(&id))
            }
            None => false,
        };
        let row_bytes = (meta.raw_bytes / meta.rows.max(1)).max(1);
        let batch_rows = (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS_MAX) as usize;
        Ok(Self {
            reader,
            deletions,
            present,
            is_settled,
            batch_rows,
            next_row_group: 0,
            batches: None,
            row: 0,
        })
    }

    /// The columns that its rows may have values in.
    pub(super) fn columns<'a>(&'a self, schema: &'a TableSchema) -> impl Iterator<Item = u32> + 'a {
        let moved = attributes::targets(schema).filter(|_| !self.is_settled);
        self.present.iter().copied().chain(moved)
    }

    /// What the segment says of dictionaries.
    pub(super) fn learn(&self, dictionaries: &mut Dictionaries) {
        dictionaries.add(&self.reader);
    }

    /// What the segment says of its attributes, if that holds for the columns that the table now has.
    pub(super) fn note(&self) -> Option<&Note> {
        self.reader.note().filter(|_| self.is_settled)
    }

    /// Rows of a batch.
    pub(super) fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// Bytes that it holds in memory while it is read, about: a row group as it lies in the file, and a batch of it, in the types of the file
    /// and of the table, with decoders for each column.
    pub(super) fn memory_bytes(meta: &SegmentMeta) -> u64 {
        meta.bytes / u64::from(meta.row_groups.max(1)) + BATCHES_OF_AN_INPUT * BATCH_BYTES
    }

    /// The next rows, in the columns of `file`. `keys` learns which attributes they keep in their map.
    pub(super) async fn next(
        &mut self,
        schema: &TableSchema,
        file: &SchemaRef,
        keys: &mut Keys,
    ) -> Result<Option<RecordBatch>> {
        loop {
            let Some(batches) = &mut self.batches else {
                if self.next_row_group == self.reader.row_groups() {
                    return Ok(None);
                }
                let batches = self.reader.read_batches(self.next_row_group, &self.present, self.batch_rows);
                self.batches = Some(batches.await?);
                self.next_row_group += 1;
                continue;
            };
            let Some(batch) = batches.next()? else {
                self.batches = None;
                continue;
            };
            let start = self.row;
            self.row += batch.num_rows() as u32;
            let batch = self.live(batch, start)?;
            if batch.num_rows() > 0 {
                return self
                    .settled(schema, batch, keys)
                    .and_then(|batch| in_columns(&batch, file))
                    .map(Some);
            }
        }
    }

    fn live(&self, batch: RecordBatch, start: u32) -> Result<RecordBatch> {
        let rows = start..start + batch.num_rows() as u32;
        match self.deletions.as_ref().and_then(|deletions| deletions.live(rows)) {
            Some(live) => filter_record_batch(&batch, &BooleanArray::new(live, None))
                .map_err(|error| Error::internal("cannot leave out deleted rows").with_source(error)),
            None => Ok(batch),
        }
    }

    fn settled(&self, schema: &TableSchema, batch: RecordBatch, keys: &mut Keys) -> Result<RecordBatch> {
        if self.is_settled {
            return Ok(batch);
        }
        let batch = in_table_types(&batch, schema)?;
        let (mut settled, note) = attributes::settle(schema, vec![batch])?;
        note.iter().for_each(|note| keys.add_all(note));
        settled.pop().ok_or_else(|| Error::internal("a batch was lost"))
    }
}

/// The columns of a batch in the types in which the table keeps them.
fn in_table_types(batch: &RecordBatch, schema: &TableSchema) -> Result<RecordBatch> {
    let ids = batch.schema_ref().fields().iter().map(|field| column_id(field));
    let indices: Vec<usize> = ids.filter_map(|id| schema.index_of(id?)).collect();
    let file = schema.arrow().project(&indices).map(Arc::new).map_err(misfit)?;
    in_columns(batch, &file)
}

/// The columns of a batch as a file has them: NULL where the batch lacks one.
fn in_columns(batch: &RecordBatch, file: &SchemaRef) -> Result<RecordBatch> {
    let fields = batch.schema_ref().fields();
    let columns = file.fields().iter().map(|field| {
        match fields.iter().position(|known| column_id(known) == column_id(field)) {
            Some(position) => cast(batch.column(position), field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>().map_err(misfit)?;
    RecordBatch::try_new(Arc::clone(file), columns).map_err(misfit)
}

fn misfit(error: arrow::error::ArrowError) -> Error {
    Error::internal("a segment does not fit its table").with_source(error)
}
