//! What need not be read again: columns in the cache, and text in codes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::filter;
use datafusion::error::Result as DfResult;

use super::super::cache::{CacheKey, Form};
use super::super::coded;
use super::{Columns, Kind, Mask, Place};
use crate::error::external;

impl Columns<'_> {
    /// A column of text in codes; `None` where it is not stored so, lies decoded in memory, or few pages have what is wanted of it.
    pub(in crate::scan) async fn coded(&mut self, index: usize) -> DfResult<Option<ArrayRef>> {
        if self.coded.get(index).is_some() || self.ready.get(index).is_some() {
            return Ok(self.coded.get(index).cloned());
        }
        let Some(array) = self.whole_coded(index).await? else { return Ok(None) };
        let array = self.only_selected(array)?;
        self.coded.set(index, Arc::clone(&array));
        Ok(Some(array))
    }

    /// All rows of a column of text in codes, from the cache or the segment.
    async fn whole_coded(&self, index: usize) -> DfResult<Option<ArrayRef>> {
        let Place::RowGroup { reader, row_group, .. } = &self.place else { return Ok(None) };
        let row_group = *row_group;
        let column = self.layout.column(index);
        let is_whole = match &column.kind {
            Kind::Stored => true,
            Kind::FromAttribute(key) => reader.is_complete(column.id) || !reader.may_have_attribute(key),
            _ => false,
        };
        if !is_whole || !reader.is_coded(column.id) {
            return Ok(None);
        }
        if self.is_cached(index, &Form::Codes) {
            return Ok(self.recall(index, Form::Codes));
        }
        // each piece of a row group would read all of the column again
        let codes = reader.row_group_rows(row_group) * size_of::<i32>();
        if self.place.piece().is_some() && !self.cache.takes(codes) {
            return Ok(None);
        }
        let wanted = self.selected.as_ref().and_then(|_| self.wanted());
        let bytes = reader.bytes_to_read(row_group, &[column.id], None);
        if self.is_cached(index, &Form::Values)
            || reader.bytes_to_read(row_group, &[column.id], wanted.as_ref()) < bytes
        {
            return Ok(None);
        }
        self.metrics.cache_misses.add(1);
        self.metrics.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
        let read = reader.read_coded(row_group, column.id).await.map_err(external)?;
        let array = read.map(|array| coded::narrow(&array)).transpose()?;
        if let (Some(array), Some(key)) = (&array, self.key(index, Form::Codes)) {
            self.cache.insert(key, array);
        }
        Ok(array)
    }

    /// A column that need not be read.
    pub(super) fn cached(&self, index: usize) -> DfResult<Option<ArrayRef>> {
        if let Some(coded) = self.coded.get(index) {
            return self.in_sql_type(index, Some(Arc::clone(coded))).map(Some);
        }
        if let Some(few) = self.few().and_then(|few| self.key(index, few))
            && let Some(array) = self.cache.find(&few)
        {
            self.metrics.cache_hits.add(1);
            return Ok(Some(array));
        }
        let has_codes = !self.is_cached(index, &Form::Values) && self.is_cached(index, &Form::Codes);
        let form = if has_codes { Form::Codes } else { Form::Values };
        let Some(array) = self.recall(index, form) else { return Ok(None) };
        let array = self.only_selected(array)?;
        self.in_sql_type(index, Some(array)).map(Some)
    }

    /// The form of the rows that are left, where they are few, of a whole row group.
    fn few(&self) -> Option<Form> {
        let selected = self.selected.as_ref().filter(|_| self.place.piece().is_none());
        selected.and_then(Mask::few).map(|few| Form::Rows(Arc::clone(few)))
    }

    fn is_cached(&self, index: usize, form: &Form) -> bool {
        self.key(index, form.clone()).is_some_and(|key| self.cache.contains(&key))
    }

    fn recall(&self, index: usize, form: Form) -> Option<ArrayRef> {
        let found = self.cache.get(&self.key(index, form)?)?;
        self.metrics.cache_hits.add(1);
        Some(found)
    }

    fn only_selected(&self, array: ArrayRef) -> DfResult<ArrayRef> {
        let array = match self.place.piece() {
            Some(piece) => array.slice(piece.start, piece.len()),
            None => array,
        };
        Ok(match &self.selected {
            Some(selected) => filter(&array, &selected.bits())?,
            None => array,
        })
    }

    pub(super) fn remember(&self, index: usize) {
        if let Some(array) = self.ready.get(index) {
            self.keep(index, array);
        }
    }

    /// Puts a column into the cache: all rows of its row group, or the few that were asked for.
    pub(super) fn keep(&self, index: usize, array: &ArrayRef) {
        if self.place.piece().is_some() {
            return;
        }
        let (form, is_few) = match (&self.selected, self.few()) {
            (None, _) => (Form::Values, false),
            (Some(_), Some(few)) => (few, true),
            (Some(_), None) => return,
        };
        let Some(key) = self.key(index, form) else { return };
        match array.as_string_view_opt() {
            // a view would hold the page that it points into
            Some(texts) if is_few => self.cache.insert(key, &(Arc::new(texts.gc()) as ArrayRef)),
            _ => self.cache.insert(key, array),
        }
    }

    fn key(&self, index: usize, form: Form) -> Option<CacheKey> {
        match &self.place {
            Place::Memory(_) => None,
            Place::RowGroup { segment, row_group, .. } => Some(CacheKey {
                segment: Arc::clone(segment),
                row_group: *row_group as u32,
                column: self.layout.column(index).id,
                form,
            }),
        }
    }
}
