//! The columns of one unit, decoded when they are first asked for: from the cache, from the segment, from a batch of the memtable,
//! from the attributes of a row that is older than its column, or NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use datafusion::error::Result as DfResult;
use driftline_storage::SegmentReader;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::cache::{CacheKey, ColumnCache};
use super::layout::Layout;
use super::metrics::ScanMetrics;
use crate::error::external;

/// Where the rows of a unit lie.
pub(super) enum Place<'a> {
    Memory(&'a RecordBatch),
    RowGroup { reader: &'a SegmentReader, segment: &'a Arc<str>, row_group: usize },
}

/// The columns of one unit.
pub(super) struct Columns<'a> {
    place: Place<'a>,
    layout: &'a Layout,
    cache: &'a ColumnCache,
    metrics: &'a ScanMetrics,
    rows: usize,
    ready: Vec<Option<ArrayRef>>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(
        place: Place<'a>,
        layout: &'a Layout,
        cache: &'a ColumnCache,
        metrics: &'a ScanMetrics,
    ) -> Self {
        let rows = match &place {
            Place::Memory(batch) => batch.num_rows(),
            Place::RowGroup { reader, row_group, .. } => reader.row_group_rows(*row_group),
        };
        Self { place, layout, cache, metrics, rows, ready: vec![None; layout.len()] }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns at these positions of the table, decoding what is not there yet.
    pub(super) async fn get(&mut self, wanted: &[usize]) -> DfResult<Vec<ArrayRef>> {
        let missing: Vec<usize> =
            wanted.iter().copied().filter(|index| self.ready[*index].is_none()).collect();
        if !missing.is_empty() {
            self.load(&missing).await?;
        }
        Ok(wanted
            .iter()
            .map(|index| Arc::clone(self.ready[*index].as_ref().expect("loaded above")))
            .collect())
    }

    async fn load(&mut self, missing: &[usize]) -> DfResult<()> {
        let mut unknown = vec![];
        for &index in missing {
            match self.cached(index) {
                Some(array) => self.ready[index] = Some(array),
                None => unknown.push(index),
            }
        }
        let stored = self.read(&unknown).await?;
        let mut unfilled = vec![];
        for (index, array) in unknown.into_iter().zip(stored) {
            let from_file = array.is_some();
            let array = self.in_sql_type(index, array)?;
            let complete = self.layout.column(index).from_attribute.is_none() || array.null_count() == 0;
            self.ready[index] = Some(array);
            match complete {
                true if from_file => self.remember(index),
                true => {}
                false => unfilled.push(index),
            }
        }
        self.fill_from_attributes(unfilled).await
    }

    /// Reads columns as they are stored; `None` for those that this unit does not have.
    async fn read(&self, indices: &[usize]) -> DfResult<Vec<Option<ArrayRef>>> {
        let ids: Vec<u32> = indices.iter().map(|index| self.layout.column(*index).id).collect();
        match &self.place {
            Place::Memory(batch) => Ok(ids.iter().map(|id| column_of(batch, *id)).collect()),
            Place::RowGroup { .. } if ids.is_empty() => Ok(vec![]),
            Place::RowGroup { reader, row_group, .. } => {
                self.metrics.cache_misses.add(ids.len());
                self.metrics.bytes_scanned.add(chunk_bytes(reader, *row_group, &ids));
                reader.read_columns(*row_group, &ids).await.map_err(external)
            }
        }
    }

    fn in_sql_type(&self, index: usize, array: Option<ArrayRef>) -> DfResult<ArrayRef> {
        let data_type = &self.layout.column(index).data_type;
        match array {
            None => Ok(new_null_array(data_type, self.rows)),
            Some(array) if array.data_type() == data_type => Ok(array),
            Some(array) => Ok(cast(&array, data_type)?),
        }
    }

    /// Gives rows without a value the one that lies in their attributes.
    async fn fill_from_attributes(&mut self, unfilled: Vec<usize>) -> DfResult<()> {
        let Some(attributes) = self.layout.attributes().filter(|_| !unfilled.is_empty()) else {
            return Ok(());
        };
        if self.ready[attributes].is_none() {
            let array = match self.cached(attributes) {
                Some(array) => array,
                None => {
                    let stored = self.read(&[attributes]).await?.pop().flatten();
                    self.in_sql_type(attributes, stored)?
                }
            };
            self.ready[attributes] = Some(array);
            self.remember(attributes);
        }
        for index in unfilled {
            let known = self.ready[index].take().expect("read above");
            let source = self.ready[attributes].as_ref().expect("read above");
            self.ready[index] = Some(self.layout.fill(index, known, source)?);
            self.remember(index);
        }
        Ok(())
    }

    fn cached(&self, index: usize) -> Option<ArrayRef> {
        let found = self.cache.get(&self.key(index)?)?;
        self.metrics.cache_hits.add(1);
        Some(found)
    }

    fn remember(&self, index: usize) {
        if let (Some(key), Some(array)) = (self.key(index), &self.ready[index]) {
            self.cache.insert(key, array);
        }
    }

    fn key(&self, index: usize) -> Option<CacheKey> {
        match &self.place {
            Place::Memory(_) => None,
            Place::RowGroup { segment, row_group, .. } => Some(CacheKey {
                segment: Arc::clone(segment),
                row_group: *row_group as u32,
                column: self.layout.column(index).id,
            }),
        }
    }
}

/// The column of a batch whose field carries this id.
fn column_of(batch: &RecordBatch, id: u32) -> Option<ArrayRef> {
    let position = batch.schema_ref().fields().iter().position(|field| {
        field.metadata().get(PARQUET_FIELD_ID_META_KEY).and_then(|text| text.parse().ok()) == Some(id)
    })?;
    Some(Arc::clone(batch.column(position)))
}

/// The bytes of these columns in the file.
fn chunk_bytes(reader: &SegmentReader, row_group: usize, ids: &[u32]) -> usize {
    let metadata = reader.parquet_metadata();
    let descriptor = metadata.file_metadata().schema_descr();
    let roots: Vec<usize> = ids.iter().filter_map(|id| reader.column_root(*id)).collect();
    metadata
        .row_group(row_group)
        .columns()
        .iter()
        .enumerate()
        .filter(|(leaf, _)| roots.contains(&descriptor.get_column_root_idx(*leaf)))
        .map(|(_, chunk)| usize::try_from(chunk.compressed_size()).unwrap_or(0))
        .sum()
}
