//! The k-way merge: rows of sorted inputs in one order, in bounded memory.
//!
//! A heap of inputs says which one has the next row. How many rows it gives before another input is due is found by doubling and
//! bisecting, so that inputs which hardly overlap are copied in long slices. Of equal keys the earlier input comes first: the
//! order of commits stays.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch},
    compute::{SortOptions, interleave_record_batch},
    datatypes::SchemaRef,
    row::{RowConverter, Rows, SortField},
};

use super::input::Input;
use crate::{
    attributes::{Keys, Note},
    error::{Error, ErrorKind, Result},
    schema::{TableSchema, column_id},
};

/// A merge under way.
pub(super) struct Merge {
    schema: Arc<TableSchema>,
    file: SchemaRef,
    converter: RowConverter,
    /// Where the sort key lies in the file.
    sort: Vec<usize>,
    heads: Vec<Head>,
    /// Positions in `heads` of inputs that have rows, the one with the next row first.
    heap: Vec<usize>,
    keys: Keys,
    batch_rows: usize,
}

/// An input and the batch that it is at.
struct Head {
    input: Input,
    batch: RecordBatch,
    keys: Rows,
    at: usize,
}

impl Merge {
    /// Begins a merge of inputs, the oldest first, into rows with the columns of `file`.
    pub(super) async fn begin(schema: Arc<TableSchema>, file: SchemaRef, inputs: Vec<Input>) -> Result<Self> {
        let position = |id: &u32| file.fields().iter().position(|field| column_id(field) == Some(*id));
        let sort: Vec<usize> = schema.sort_key().iter().filter_map(position).collect();
        let options = SortOptions { descending: false, nulls_first: true };
        let fields = sort
            .iter()
            .map(|index| SortField::new_with_options(file.field(*index).data_type().clone(), options));
        let converter = RowConverter::new(fields.collect()).map_err(incomparable)?;
        let batch_rows = inputs.iter().map(Input::batch_rows).min().unwrap_or(1);
        let (heads, heap, keys) = (Vec::with_capacity(inputs.len()), Vec::new(), Keys::default());
        let mut merge = Self { schema, file, converter, sort, heads, heap, keys, batch_rows };
        for mut input in inputs {
            input.note().into_iter().for_each(|note| merge.keys.add_all(note));
            let Some(batch) = input.next(&merge.schema, &merge.file, &mut merge.keys).await? else {
                continue;
            };
            let keys = merge.keys_of(&batch)?;
            merge.heads.push(Head { input, batch, keys, at: 0 });
            merge.heap.push(merge.heads.len() - 1);
        }
        for root in (0..merge.heap.len() / 2).rev() {
            merge.sift_down(root);
        }
        Ok(merge)
    }

    /// The next rows; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut sources: Vec<RecordBatch> = Vec::new();
        let mut source_of: Vec<Option<usize>> = vec![None; self.heads.len()];
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(self.batch_rows);
        while let Some(&first) = self.heap.first().filter(|_| picks.len() < self.batch_rows) {
            let source = *source_of[first].get_or_insert_with(|| {
                sources.push(self.heads[first].batch.clone());
                sources.len() - 1
            });
            let run = self.run(first, self.batch_rows - picks.len());
            picks.extend(run.clone().map(|row| (source, row)));
            self.heads[first].at = run.end;
            if run.end == self.heads[first].batch.num_rows() {
                source_of[first] = None;
                self.advance(first).await?;
            }
            self.sift_down(0);
        }
        let Some(&(_, start)) = picks.first() else { return Ok(None) };
        if let [one] = sources.as_slice() {
            return Ok(Some(one.slice(start, picks.len())));
        }
        let sources: Vec<&RecordBatch> = sources.iter().collect();
        let merged = interleave_record_batch(&sources, &picks).map_err(|error| {
            Error::new(ErrorKind::ResourceExhausted, "rows are too large to merge").with_source(error)
        })?;
        Ok(Some(merged))
    }

    /// What the rows so far say of their attributes.
    pub(super) fn note(&mut self) -> Option<Note> {
        self.keys.note(&self.schema)
    }

    /// Loads the next batch of an input, or takes it, which is the first, out of the heap.
    async fn advance(&mut self, first: usize) -> Result<()> {
        let head = &mut self.heads[first];
        match head.input.next(&self.schema, &self.file, &mut self.keys).await? {
            Some(batch) => {
                let keys = self.keys_of(&batch)?;
                let head = &mut self.heads[first];
                (head.batch, head.keys, head.at) = (batch, keys, 0);
            }
            None => {
                self.heap.swap_remove(0);
            }
        }
        Ok(())
    }

    fn keys_of(&self, batch: &RecordBatch) -> Result<Rows> {
        let columns: Vec<ArrayRef> = self.sort.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        self.converter.convert_columns(&columns).map_err(incomparable)
    }

    /// The rows of the first input that come before any of another one, at most so many, at least one.
    fn run(&self, first: usize, rows_max: usize) -> Range<usize> {
        let head = &self.heads[first];
        let end = head.batch.num_rows().min(head.at + rows_max);
        let rivals = self.heap.get(1).into_iter().chain(self.heap.get(2)).copied();
        let Some(rival) = rivals.min_by(|a, b| self.compare(*a, *b)) else { return head.at..end };
        let limit = self.heads[rival].keys.row(self.heads[rival].at);
        let is_before = |row: usize| match head.keys.row(row).cmp(&limit) {
            Ordering::Less => true,
            Ordering::Equal => first < rival,
            Ordering::Greater => false,
        };
        // the first row is before: that is what makes it the first
        let (mut before, mut step) = (head.at, 1);
        while before + step < end && is_before(before + step) {
            before += step;
            step *= 2;
        }
        let mut after = end.min(before + step);
        while before + 1 < after {
            let middle = before.midpoint(after);
            match is_before(middle) {
                true => before = middle,
                false => after = middle,
            }
        }
        head.at..before + 1
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let row = |head: usize| self.heads[head].keys.row(self.heads[head].at);
        row(a).cmp(&row(b)).then(a.cmp(&b))
    }

    fn sift_down(&mut self, mut root: usize) {
        loop {
            let children = (2 * root + 1..2 * root + 3).filter(|child| *child < self.heap.len());
            let Some(least) = children.min_by(|a, b| self.compare(self.heap[*a], self.heap[*b])) else {
                return;
            };
            if self.compare(self.heap[root], self.heap[least]) == Ordering::Less {
                return;
            }
            self.heap.swap(root, least);
            root = least;
        }
    }
}

fn incomparable(error: arrow::error::ArrowError) -> Error {
    Error::internal("cannot compare the sort key").with_source(error)
}
