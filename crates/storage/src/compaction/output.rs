//! What a merge writes: row groups cut anew, and segments of a good size, each stored while it is made.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, RecordBatch},
    compute::kernels::cmp::distinct,
};
use object_store::{ObjectStoreExt, WriteMultipart, path::Path};

use super::Job;
use crate::{
    attributes::Note,
    error::{Error, Result},
    schema::{Column, TIME_COLUMN, batch_bytes},
    segment::{
        Dictionaries, Name, ROW_GROUP_ROWS_BY_TIME, ROW_GROUP_ROWS_MAX, ROW_GROUP_ROWS_MIN, SegmentMeta,
        SegmentWriter,
    },
};

/// Bytes of a part of an upload.
const PART_BYTES: usize = 8 << 20;
/// Parts of an upload that are under way at the same time.
const PARTS_AT_ONCE: usize = 1;

/// The segments that a merge writes.
pub(super) struct Output<'a> {
    job: &'a Job,
    partition: &'a str,
    columns: Vec<&'a Column>,
    dictionaries: Dictionaries,
    /// Where the column lies at whose changes row groups are cut; `None` where rows are in the order of time alone.
    prefix: Option<usize>,
    rows_max: usize,
    open: Option<Open<'a>>,
    done: Vec<Arc<SegmentMeta>>,
}

/// The segment under way.
struct Open<'a> {
    writer: SegmentWriter<'a>,
    upload: WriteMultipart,
    group_rows: usize,
    group_bytes: usize,
    /// The last value of the prefix, alone.
    last: Option<ArrayRef>,
}

impl<'a> Output<'a> {
    pub(super) fn new(
        job: &'a Job,
        partition: &'a str,
        columns: Vec<&'a Column>,
        dictionaries: Dictionaries,
    ) -> Self {
        let schema = &job.record.schema;
        let first = schema.sort_key().first().copied();
        let prefix = columns.iter().position(|column| Some(column.id) == first && column.name != TIME_COLUMN);
        let rows_max = if prefix.is_some() { ROW_GROUP_ROWS_MAX } else { ROW_GROUP_ROWS_BY_TIME };
        Self { job, partition, columns, dictionaries, prefix, rows_max, open: None, done: Vec::new() }
    }

    /// Adds rows, which follow those before. `note` is what all rows so far say of their attributes.
    pub(super) async fn write(
        &mut self,
        batch: RecordBatch,
        mut note: impl FnMut() -> Option<Note> + Send,
    ) -> Result<()> {
        let mut rest = batch;
        while rest.num_rows() > 0 {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.begin().await?,
            };
            let (rows, ends) = self.cut(&open, &rest)?;
            if rows > 0 {
                let part = rest.slice(0, rows);
                open.writer.write(&part)?;
                open.group_rows += rows;
                open.group_bytes += batch_bytes(&part);
                open.last = self.prefix.map(|prefix| part.column(prefix).slice(rows - 1, 1));
                rest = rest.slice(rows, rest.num_rows() - rows);
            }
            if ends || open.group_bytes >= self.job.memory.row_group {
                open.end_row_group().await?;
                if open.writer.bytes() >= self.job.target_bytes {
                    self.done.push(open.finish(note().as_ref()).await?);
                    continue;
                }
            }
            self.open = Some(open);
        }
        Ok(())
    }

    /// Ends the last segment.
    pub(super) async fn finish(mut self, note: Option<&Note>) -> Result<Vec<Arc<SegmentMeta>>> {
        if let Some(mut open) = self.open.take() {
            open.end_row_group().await?;
            self.done.push(open.finish(note).await?);
        }
        Ok(self.done)
    }

    async fn begin(&mut self) -> Result<Open<'a>> {
        let name = Name {
            table: &self.job.record.name,
            partition: self.partition,
            id: self.job.ids.next_id(),
            created_at: self.job.clock.now_ns(),
        };
        let schema = &self.job.record.schema;
        let writer = SegmentWriter::new(schema, &self.columns, self.rows_max, &self.dictionaries, name)?
            .with_index(&self.job.filtered, self.job.memory.index);
        let path = Path::from(writer.path());
        let upload = self.job.reading.store.put_multipart(&path).await;
        let upload = upload.map_err(|error| Error::object(format_args!("write {path}"), error))?;
        let upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        Ok(Open { writer, upload, group_rows: 0, group_bytes: 0, last: None })
    }

    /// How many rows of a batch go into the row group under way, and whether it ends behind them.
    fn cut(&self, open: &Open<'_>, batch: &RecordBatch) -> Result<(usize, bool)> {
        let rows = batch.num_rows();
        let room = self.rows_max - open.group_rows;
        if let Some(prefix) = self.prefix
            && open.group_rows + rows >= ROW_GROUP_ROWS_MIN
        {
            let values = batch.column(prefix);
            let from = ROW_GROUP_ROWS_MIN.saturating_sub(open.group_rows);
            let found = match &open.last {
                Some(last) if from == 0 && change(last, &values.slice(0, 1), 0)?.is_some() => Some(0),
                _ => {
                    let at = change(&values.slice(0, rows - 1), &values.slice(1, rows - 1), from.max(1) - 1)?;
                    at.map(|at| at + 1)
                }
            };
            if let Some(at) = found.filter(|at| *at <= room) {
                return Ok((at, true));
            }
        }
        Ok(if rows >= room { (room, true) } else { (rows, false) })
    }
}

/// The first position, from one on, at which two columns differ.
fn change(a: &ArrayRef, b: &ArrayRef, from: usize) -> Result<Option<usize>> {
    let differ =
        distinct(a, b).map_err(|error| Error::internal("cannot compare the sort key").with_source(error))?;
    Ok((from..differ.len()).find(|at| differ.value(*at)))
}

impl Open<'_> {
    async fn end_row_group(&mut self) -> Result<()> {
        if self.group_rows > 0 {
            let bytes = self.writer.end_row_group()?;
            (self.group_rows, self.group_bytes) = (0, 0);
            self.upload(&bytes).await?;
        }
        Ok(())
    }

    async fn upload(&mut self, bytes: &[u8]) -> Result<()> {
        let path = self.writer.path();
        let ready = self.upload.wait_for_capacity(PARTS_AT_ONCE).await;
        ready.map_err(|error| Error::object(format_args!("write {path}"), error))?;
        self.upload.write(bytes);
        Ok(())
    }

    async fn finish(self, note: Option<&Note>) -> Result<Arc<SegmentMeta>> {
        let Self { writer, mut upload, .. } = self;
        let (meta, tail) = writer.finish(note)?;
        upload.write(&tail);
        let stored = upload.finish().await;
        stored.map_err(|error| Error::object(format_args!("write {}", meta.path), error))?;
        Ok(Arc::new(meta))
    }
}
