//! The order of rows in segments: by partition, then by the sort key with nulls first, then as they were committed.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, new_null_array},
    compute::{SortOptions, interleave},
    datatypes::{DataType, Schema, TimestampNanosecondType},
    row::{RowConverter, Rows, SortField},
};

use crate::{
    error::{Error, ErrorKind, Result},
    partition::PartitionKey,
    schema::{Column, TIME_COLUMN, TableSchema, batch_bytes, column_id},
    segment::{ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_BY_TIME, ROW_GROUP_ROWS_MAX, ROW_GROUP_ROWS_MIN},
};

/// Rows of many batches with different columns, and the order in which they go into segments.
pub(crate) struct Ordered<'a> {
    schema: &'a TableSchema,
    batches: Vec<Source>,
    /// (batch, row) of every row, in order.
    order: Vec<(u32, u32)>,
    partitions: Vec<(PartitionKey, Range<usize>)>,
    prefix: Option<Vec<Rows>>,
    bytes_per_row: usize,
}

/// A batch and where in it each column of the schema lies.
struct Source {
    batch: RecordBatch,
    positions: Vec<Option<usize>>,
}

impl<'a> Ordered<'a> {
    /// Orders the rows of batches as [`TableSchema::conform`] makes them; columns that the schema no longer has are
    /// left out.
    pub(crate) fn new(schema: &'a TableSchema, batches: Vec<RecordBatch>) -> Result<Self> {
        let sources: Vec<Source> = batches.into_iter().map(|batch| Source::new(schema, batch)).collect();
        let keys = sources.iter().map(|source| source.partition_keys(schema)).collect::<Result<Vec<_>>>()?;
        let sort: Vec<&Column> = schema.sort_key().iter().filter_map(|id| schema.column_by_id(*id)).collect();
        let rows = comparable(&sources, schema, Some(&keys), &sort)?;
        let mut order: Vec<(u32, u32)> = Vec::with_capacity(sources.iter().map(|s| s.batch.num_rows()).sum());
        for (batch, source) in (0..).zip(&sources) {
            order.extend((0..source.batch.num_rows() as u32).map(|row| (batch, row)));
        }
        // stable: rows with equal keys keep the order of their commit, and runs that are sorted already stay cheap
        order.sort_by(|a, b| rows[a.0 as usize].row(a.1 as usize).cmp(&rows[b.0 as usize].row(b.1 as usize)));
        drop(rows);
        let partition = |&(batch, row): &(u32, u32)| PartitionKey(keys[batch as usize].value(row as usize));
        let mut partitions: Vec<(PartitionKey, Range<usize>)> = Vec::new();
        for chunk in order.chunk_by(|a, b| partition(a) == partition(b)) {
            let start = partitions.last().map_or(0, |(_, range)| range.end);
            partitions.push((partition(&chunk[0]), start..start + chunk.len()));
        }
        let prefix = match sort.first() {
            Some(column) if column.name != TIME_COLUMN => {
                Some(comparable(&sources, schema, None, &sort[..1])?)
            }
            _ => None,
        };
        let bytes: usize = sources.iter().map(|source| batch_bytes(&source.batch)).sum();
        let bytes_per_row = bytes.div_ceil(order.len().max(1)).max(1);
        Ok(Self { schema, batches: sources, order, partitions, prefix, bytes_per_row })
    }

    /// The partitions that have rows, in the order of time.
    pub(crate) fn partitions(&self) -> &[(PartitionKey, Range<usize>)] {
        &self.partitions
    }

    /// The columns that have a value in any row of a range.
    pub(crate) fn columns(&self, range: Range<usize>) -> Vec<&'a Column> {
        let columns = self.schema.columns().iter().enumerate();
        columns.filter(|(index, _)| self.has_value(*index, range.clone())).map(|(_, column)| column).collect()
    }

    /// Cuts a range into row groups: between the smallest and the largest size where the first column of the sort
    /// key changes, so that a row group holds few keys and is skipped whole.
    pub(crate) fn row_groups(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let by_bytes = (ROW_GROUP_BYTES_MAX / self.bytes_per_row).max(1);
        let most =
            if self.prefix.is_some() { ROW_GROUP_ROWS_MAX } else { ROW_GROUP_ROWS_BY_TIME }.min(by_bytes);
        let least = ROW_GROUP_ROWS_MIN.min(most);
        let mut groups = Vec::new();
        let mut start = range.start;
        while range.end - start > most {
            let change = (start + least..=start + most).find(|&at| self.prefix_changes(at));
            let end = change.unwrap_or(start + most);
            groups.push(start..end);
            start = end;
        }
        groups.push(start..range.end);
        groups
    }

    /// Gathers the rows of a range in order.
    pub(crate) fn gather(&self, range: Range<usize>, columns: &[&Column]) -> Result<RecordBatch> {
        let order = &self.order[range];
        let whole: Vec<(usize, usize)> =
            order.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
        let mut fields = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for column in columns {
            let index = self.schema.index_of(column.id).expect("the column is one of this schema");
            fields.push(Arc::clone(&self.schema.arrow().fields()[index]));
            arrays.push(self.gather_column(index, &whole)?);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| Error::internal("cannot gather sorted rows").with_source(error))
    }

    fn gather_column(&self, index: usize, order: &[(usize, usize)]) -> Result<ArrayRef> {
        let ty = self.schema.arrow().field(index).data_type();
        // one NULL stands for every row of a batch without the column
        let null = new_null_array(ty, 1);
        let arrays: Vec<&dyn Array> = self
            .batches
            .iter()
            .map(|source| source.array(index).map_or(null.as_ref(), AsRef::as_ref))
            .collect();
        let gathered = if self.batches.iter().all(|source| source.positions[index].is_some()) {
            interleave(&arrays, order)
        } else {
            let missing = |batch: usize| self.batches[batch].positions[index].is_none();
            let order: Vec<(usize, usize)> =
                order.iter().map(|&(batch, row)| (batch, if missing(batch) { 0 } else { row })).collect();
            interleave(&arrays, &order)
        };
        gathered.map_err(|error| {
            let message = format!("column {:?} is too large to sort", self.schema.columns()[index].name);
            Error::new(ErrorKind::ResourceExhausted, message).with_source(error)
        })
    }

    fn has_value(&self, index: usize, range: Range<usize>) -> bool {
        self.order[range].iter().any(|&(batch, row)| {
            self.batches[batch as usize].array(index).is_some_and(|array| array.is_valid(row as usize))
        })
    }

    fn prefix_changes(&self, at: usize) -> bool {
        let Some(prefix) = &self.prefix else { return false };
        let row = |(batch, row): (u32, u32)| prefix[batch as usize].row(row as usize);
        row(self.order[at - 1]) != row(self.order[at])
    }
}

impl Source {
    fn new(schema: &TableSchema, batch: RecordBatch) -> Self {
        let mut positions = vec![None; schema.columns().len()];
        for (position, field) in batch.schema().fields().iter().enumerate() {
            if let Some(index) = column_id(field).and_then(|id| schema.index_of(id)) {
                positions[index] = Some(position);
            }
        }
        Self { batch, positions }
    }

    fn array(&self, index: usize) -> Option<&ArrayRef> {
        self.positions[index].map(|position| self.batch.column(position))
    }

    fn partition_keys(&self, schema: &TableSchema) -> Result<Int32Array> {
        let times = times(&self.batch, schema)?;
        let partitioning = schema.partitioning();
        Ok(times.iter().map(|time| Some(PartitionKey::of(*time, partitioning).0)).collect())
    }
}

/// Returns the times of the rows of a batch as [`TableSchema::conform`] makes it.
pub(crate) fn times<'a>(batch: &'a RecordBatch, schema: &TableSchema) -> Result<&'a [i64]> {
    let id = schema.time_column().id;
    let position = batch.schema().fields().iter().position(|field| column_id(field) == Some(id));
    let array =
        position.and_then(|position| batch.column(position).as_primitive_opt::<TimestampNanosecondType>());
    match array {
        Some(array) => Ok(array.values()),
        None => Err(Error::internal("a batch without times")),
    }
}

/// Brings the partition and the sort key of every row into bytes that compare as the rows do.
fn comparable(
    sources: &[Source],
    schema: &TableSchema,
    partitions: Option<&[Int32Array]>,
    sort: &[&Column],
) -> Result<Vec<Rows>> {
    let nulls_first = SortOptions { descending: false, nulls_first: true };
    let mut fields: Vec<SortField> =
        partitions.iter().map(|_| SortField::new_with_options(DataType::Int32, nulls_first)).collect();
    fields.extend(sort.iter().map(|column| SortField::new_with_options(column.ty.to_arrow(), nulls_first)));
    let failed = |error| Error::internal("cannot compare the sort key").with_source(error);
    let converter = RowConverter::new(fields).map_err(failed)?;
    let convert = |(number, source): (usize, &Source)| {
        let mut key: Vec<ArrayRef> =
            partitions.iter().map(|keys| Arc::new(keys[number].clone()) as ArrayRef).collect();
        for column in sort {
            let index = schema.index_of(column.id).expect("the sort key is part of the schema");
            let array = source.array(index).cloned();
            key.push(array.unwrap_or_else(|| new_null_array(&column.ty.to_arrow(), source.batch.num_rows())));
        }
        converter.convert_columns(&key).map_err(failed)
    };
    sources.iter().enumerate().map(convert).collect()
}

#[cfg(test)]
mod tests;
