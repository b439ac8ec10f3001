//! The columns of one unit, decoded when they are first asked for: from the cache, from the segment, from a batch of the memtable,
//! from the attributes of a row that is older than its column, or NULL.

mod arrays;
mod held;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanBufferBuilder, RecordBatch, StringViewArray, UInt32Array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter};
use arrow::datatypes::DataType;
use datafusion::error::Result as DfResult;
use driftline_storage::{SegmentReader, write_json};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use self::arrays::Arrays;
use super::attributes;
use super::cache::ColumnCache;
use super::layout::{Kind, Layout};
use super::mask::Mask;
use super::metrics::ScanMetrics;
use crate::error::external;

/// Where no more than one row of so many is left, the others are not decoded.
pub(super) const SELECTED_SHARE: usize = 16;

/// Where the rows of a unit lie.
pub(super) enum Place<'a> {
    Memory(&'a RecordBatch),
    RowGroup {
        reader: &'a SegmentReader,
        segment: &'a Arc<str>,
        row_group: usize,
        piece: Option<Range<usize>>,
    },
}

impl Place<'_> {
    /// Which rows of a row group they are, where they are not all.
    fn piece(&self) -> Option<&Range<usize>> {
        match self {
            Self::RowGroup { piece, .. } => piece.as_ref(),
            Self::Memory(_) => None,
        }
    }
}

/// The columns of one unit.
pub(super) struct Columns<'a> {
    place: Place<'a>,
    layout: &'a Layout,
    cache: &'a ColumnCache,
    metrics: &'a ScanMetrics,
    rows: usize,
    /// Which rows of the unit they have; all, where there is none.
    selected: Option<Mask>,
    ready: Arrays,
    /// Text in codes.
    coded: Arrays,
    stored_attributes: Option<ArrayRef>,
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
            Place::RowGroup { piece: Some(piece), .. } => piece.len(),
            Place::RowGroup { reader, row_group, .. } => reader.row_group_rows(*row_group),
        };
        let (ready, coded) = (Arrays::default(), Arrays::default());
        Self { place, layout, cache, metrics, rows, selected: None, ready, coded, stored_attributes: None }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Goes on with some rows alone, where that is worth it: of columns that are not decoded yet only these are. Returns whether it does.
    pub(super) fn select(&mut self, mask: &Mask) -> DfResult<bool> {
        let is_worth =
            mask.count() * SELECTED_SHARE <= self.rows && matches!(self.place, Place::RowGroup { .. });
        if !is_worth || self.selected.is_some() {
            return Ok(false);
        }
        for array in self.ready.iter_mut().chain(self.coded.iter_mut()).chain(&mut self.stored_attributes) {
            *array = filter(array, &mask.bits())?;
        }
        self.rows = mask.count();
        self.selected = Some(mask.clone());
        Ok(true)
    }

    /// The columns at these positions of the table, decoding what is not there yet.
    pub(super) async fn get(&mut self, wanted: &[usize]) -> DfResult<Vec<ArrayRef>> {
        let missing: Vec<usize> =
            wanted.iter().copied().filter(|index| self.ready.get(*index).is_none()).collect();
        if !missing.is_empty() {
            self.load(&missing).await?;
        }
        Ok(wanted.iter().map(|index| Arc::clone(self.ready.get(*index).expect("loaded above"))).collect())
    }

    async fn load(&mut self, missing: &[usize]) -> DfResult<()> {
        let layout = self.layout;
        let is_stored =
            |index: &usize| matches!(layout.column(*index).kind, Kind::Stored | Kind::FromAttribute(_));
        let (stored, derived): (Vec<usize>, Vec<usize>) = missing.iter().copied().partition(is_stored);
        self.load_stored(&stored).await?;
        for index in derived {
            let array = match &layout.column(index).kind {
                Kind::Attribute(key) => self.attribute(key).await?,
                Kind::Segment => self.segment(),
                Kind::Row => self.row_numbers(),
                _ => self.whole_attributes().await?,
            };
            self.ready.set(index, array);
        }
        Ok(())
    }

    /// Loads columns that the unit may have as they are.
    async fn load_stored(&mut self, missing: &[usize]) -> DfResult<()> {
        let mut unknown = vec![];
        for &index in missing {
            match self.cached(index)? {
                Some(array) => self.ready.set(index, array),
                None => unknown.push(index),
            }
        }
        let stored = self.read(&unknown).await?;
        let mut unfilled = vec![];
        for (index, array) in unknown.into_iter().zip(stored) {
            let from_file = array.is_some();
            let array = self.in_sql_type(index, array)?;
            let complete = self.is_complete(index, &array);
            self.ready.set(index, array);
            match complete {
                true if from_file => self.remember(index),
                true => {}
                false => unfilled.push(index),
            }
        }
        self.fill_from_attributes(unfilled).await
    }

    /// Whether the attributes have nothing for the rows without a value.
    fn is_complete(&self, index: usize, array: &ArrayRef) -> bool {
        let column = self.layout.column(index);
        match (&column.kind, &self.place) {
            (Kind::FromAttribute(_), _) if array.null_count() == 0 => true,
            (Kind::FromAttribute(key), Place::RowGroup { reader, .. }) => {
                reader.is_complete(column.id) || !reader.may_have_attribute(key)
            }
            (Kind::FromAttribute(_), Place::Memory(_)) => false,
            _ => true,
        }
    }

    /// The segment of every row.
    fn segment(&self) -> ArrayRef {
        match &self.place {
            Place::Memory(_) => new_null_array(&DataType::Utf8View, self.rows),
            Place::RowGroup { segment, .. } => {
                Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(segment.as_ref(), self.rows)))
            }
        }
    }

    /// The number of every row in its segment.
    fn row_numbers(&self) -> ArrayRef {
        match &self.place {
            Place::Memory(_) => new_null_array(&DataType::UInt32, self.rows),
            Place::RowGroup { reader, row_group, piece, .. } => {
                let before = piece.as_ref().map_or(0, |piece| piece.start as u32);
                let start = reader.row_group_start(*row_group) + before;
                Arc::new(match &self.selected {
                    Some(selected) => {
                        let selected = selected.bits();
                        let rows = selected.values().set_indices_u32();
                        UInt32Array::from_iter_values(rows.map(|row| start + row))
                    }
                    None => UInt32Array::from_iter_values(start..start + self.rows as u32),
                })
            }
        }
    }

    /// One attribute as text.
    async fn attribute(&mut self, key: &str) -> DfResult<ArrayRef> {
        let column = self.layout.attribute_columns().find(|(_, known)| *known == key).map(|(index, _)| index);
        let column = column.filter(|index| self.has_column(*index));
        let in_map = match &self.place {
            Place::Memory(_) => true,
            Place::RowGroup { reader, .. } => reader.may_have_attribute(key),
        };
        let map = if in_map { self.stored_attributes().await? } else { None };
        let column = match column {
            Some(index) => self.get_stored(index).await?,
            None => None,
        };
        Ok(attributes::one(self.rows, key, map.as_ref(), column.as_ref()))
    }

    /// The map of all attributes.
    async fn whole_attributes(&mut self) -> DfResult<ArrayRef> {
        let layout = self.layout;
        let index = layout.attributes().expect("only a column of attributes is loaded so");
        let stored = match self.stored_attributes().await? {
            Some(stored) => stored,
            None => new_null_array(&layout.column(index).data_type, self.rows),
        };
        if !layout.sorted() {
            return Ok(stored);
        }
        let mut columns = vec![];
        for (index, key) in layout.attribute_columns() {
            if self.has_column(index)
                && let Some(array) = self.get_stored(index).await?
            {
                columns.push((key, array));
            }
        }
        columns.retain(|(_, array)| (0..array.len()).any(|row| write_json(&mut String::new(), array, row)));
        attributes::whole(&stored, &columns)
    }

    async fn get_stored(&mut self, index: usize) -> DfResult<Option<ArrayRef>> {
        if self.ready.get(index).is_none() {
            self.load_stored(&[index]).await?;
        }
        Ok(self.ready.get(index).cloned())
    }

    /// Whether the unit has a column of its own: without one, all its values come from the attributes.
    fn has_column(&self, index: usize) -> bool {
        let id = self.layout.column(index).id;
        match &self.place {
            Place::Memory(batch) => column_of(batch, id).is_some(),
            Place::RowGroup { reader, .. } => reader.column_root(id).is_some(),
        }
    }

    /// The map of attributes as it was stored; `None` where the table or the unit has none.
    async fn stored_attributes(&mut self) -> DfResult<Option<ArrayRef>> {
        let Some(index) = self.layout.attributes() else { return Ok(None) };
        if self.stored_attributes.is_none() {
            let array = match self.cached(index)? {
                Some(array) => array,
                None => {
                    let Some(stored) = self.read(&[index]).await?.pop().flatten() else { return Ok(None) };
                    let array = self.in_sql_type(index, Some(stored))?;
                    self.keep(index, &array);
                    array
                }
            };
            self.stored_attributes = Some(array);
        }
        Ok(self.stored_attributes.clone())
    }

    /// Reads columns as they are stored; `None` for those that this unit does not have.
    async fn read(&self, indices: &[usize]) -> DfResult<Vec<Option<ArrayRef>>> {
        let ids: Vec<u32> = indices.iter().map(|index| self.layout.column(*index).id).collect();
        match &self.place {
            Place::Memory(batch) => Ok(ids.iter().map(|id| column_of(batch, *id)).collect()),
            Place::RowGroup { .. } if ids.is_empty() => Ok(vec![]),
            Place::RowGroup { reader, row_group, .. } => {
                self.metrics.cache_misses.add(ids.len());
                let wanted = self.wanted();
                let bytes = reader.bytes_to_read(*row_group, &ids, wanted.as_ref());
                self.metrics.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
                let read = match &wanted {
                    Some(selected) => reader.read_selected(*row_group, &ids, selected).await,
                    None => reader.read_columns(*row_group, &ids).await,
                };
                read.map_err(external)
            }
        }
    }

    /// The rows of the row group that are read: a piece of it, and of that those which are left. `None` for all.
    fn wanted(&self) -> Option<BooleanBuffer> {
        let selected = self.selected.as_ref().map(Mask::bits);
        let Place::RowGroup { reader, row_group, piece: Some(piece), .. } = &self.place else {
            return selected.map(|selected| selected.values().clone());
        };
        let all = reader.row_group_rows(*row_group);
        let mut wanted = BooleanBufferBuilder::new(all);
        wanted.append_n(piece.start, false);
        match selected {
            Some(selected) => wanted.append_buffer(selected.values()),
            None => wanted.append_n(piece.len(), true),
        }
        wanted.append_n(all - piece.end, false);
        Some(wanted.finish())
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
        if unfilled.is_empty() {
            return Ok(());
        }
        let Some(source) = self.stored_attributes().await? else { return Ok(()) };
        for index in unfilled {
            let known = Arc::clone(self.ready.get(index).expect("read above"));
            self.ready.set(index, self.layout.fill(index, known, &source)?);
            self.remember(index);
        }
        Ok(())
    }
}

/// The column of a batch whose field carries this id.
fn column_of(batch: &RecordBatch, id: u32) -> Option<ArrayRef> {
    let position = batch.schema_ref().fields().iter().position(|field| {
        field.metadata().get(PARQUET_FIELD_ID_META_KEY).and_then(|text| text.parse().ok()) == Some(id)
    })?;
    Some(Arc::clone(batch.column(position)))
}
