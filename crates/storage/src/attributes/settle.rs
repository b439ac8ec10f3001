//! Settling: on their way into a segment, values move from the map into the attribute columns of the table.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
        MapArray, RecordBatch, StringBuilder, UInt32Array, new_null_array,
    },
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    compute::take,
    datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type, Schema},
};

use super::{
    AttributeMap, AttributeType, Note, attributes_column,
    json::{self, Fit},
    note::Keys,
};
use crate::{
    error::{Error, Result},
    schema::{Column, TableSchema, column_id},
};

/// No entry, or one behind `DOUBLED` when the row has the key more than once.
const NONE: u32 = u32::MAX;
/// Marks an entry whose key the row has again: the map keeps both.
const DOUBLED: u32 = 1 << 31;

/// An attribute column that values move to.
struct Target<'a> {
    column: &'a Column,
    ty: AttributeType,
    key: &'a str,
}

/// Moves values out of the attributes of batches (as [`TableSchema::conform`] makes them) into the attribute columns,
/// and says what the batches are like afterwards. `None` without attributes in the schema.
pub(crate) fn settle(
    schema: &TableSchema,
    batches: Vec<RecordBatch>,
) -> Result<(Vec<RecordBatch>, Option<Note>)> {
    let Some(attributes) = attributes_column(schema) else { return Ok((batches, None)) };
    let targets: Vec<Target<'_>> = schema.columns().iter().filter_map(Target::of).collect();
    let by_key: HashMap<&str, usize> =
        targets.iter().enumerate().map(|(index, target)| (target.key, index)).collect();
    let mut seen = Keys::default();
    let mut settled = Vec::with_capacity(batches.len());
    for batch in batches {
        settled.push(settle_batch(schema, attributes.id, &targets, &by_key, batch, &mut seen)?);
    }
    let complete = targets.iter().map(|target| target.column.id).collect();
    Ok((settled, Some(Note { complete, keys: seen.finish() })))
}

impl<'a> Target<'a> {
    fn of(column: &'a Column) -> Option<Self> {
        Some(Self { column, ty: AttributeType::of(&column.ty)?, key: column.from_attribute.as_deref()? })
    }
}

fn settle_batch(
    schema: &TableSchema,
    attributes: u32,
    targets: &[Target<'_>],
    by_key: &HashMap<&str, usize>,
    batch: RecordBatch,
    seen: &mut Keys,
) -> Result<RecordBatch> {
    let position =
        |id: u32| batch.schema_ref().fields().iter().position(|field| column_id(field) == Some(id));
    let Some(at) = position(attributes) else { return Ok(batch) };
    let map = AttributeMap::new(batch.column(at))
        .ok_or_else(|| Error::internal("attributes are kept as a map of texts"))?;
    // 1. where each target's key lies
    let mut found: Vec<Vec<u32>> = vec![Vec::new(); targets.len()];
    for row in 0..map.rows() {
        for entry in map.entries(row) {
            let Some(&target) = by_key.get(map.key(entry)) else { continue };
            let entries = &mut found[target];
            if entries.is_empty() {
                entries.resize(map.rows(), NONE);
            }
            let doubled = entries[row] != NONE;
            let first = if doubled { entries[row] } else { entry as u32 };
            entries[row] = if doubled { first | DOUBLED } else { first };
        }
    }
    // 2. the columns take what fits; what they write back byte for byte need not stay
    let mut keep = vec![true; entries_end(batch.column(at))];
    let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
    let mut columns = batch.columns().to_vec();
    for (target, entries) in targets.iter().zip(&found).filter(|(_, entries)| !entries.is_empty()) {
        let known = position(target.column.id);
        let physical = match known {
            Some(known) => Arc::clone(batch.column(known)),
            None => new_null_array(&target.column.ty.to_arrow(), map.rows()),
        };
        let filled = fill(target.ty, &physical, map, entries, &mut keep);
        let index = schema.index_of(target.column.id).expect("the target is a column of this schema");
        match known {
            Some(known) => columns[known] = filled,
            None => {
                fields.push(Arc::clone(&schema.arrow().fields()[index]));
                columns.push(filled);
            }
        }
    }
    // 3. the map keeps the rest
    for row in 0..map.rows() {
        map.entries(row).filter(|entry| keep[*entry]).for_each(|entry| seen.add(map.key(entry)));
    }
    if keep.contains(&false) {
        columns[at] = without(batch.column(at).as_map(), &keep)?;
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::internal("cannot settle attributes").with_source(error))
}

fn entries_end(array: &ArrayRef) -> usize {
    array.as_map().value_offsets().last().map_or(0, |end| *end as usize)
}

/// The column with the values of the map in rows that have none of their own.
fn fill(
    ty: AttributeType,
    physical: &ArrayRef,
    map: AttributeMap<'_>,
    entries: &[u32],
    keep: &mut [bool],
) -> ArrayRef {
    let mut scratch = String::new();
    let json = |row: usize| {
        let entry = entries[row];
        if entry == NONE || physical.is_valid(row) {
            return None;
        }
        let at = (entry & !DOUBLED) as usize;
        map.value(at).map(|json| (json, at, entry & DOUBLED == 0))
    };
    macro_rules! build {
        ($builder:ty, $known:expr, $read:path) => {{
            let known = $known;
            let mut builder = <$builder>::new();
            for row in 0..entries.len() {
                match json(row).map(|(json, at, single)| ($read(json, &mut scratch), at, single)) {
                    Some((Fit::Exact(value), at, single)) => {
                        keep[at] = !single;
                        builder.append_value(value);
                    }
                    Some((Fit::Loose(value), ..)) => builder.append_value(value),
                    Some((Fit::Contradicts, ..)) => builder.append_null(),
                    None if known.is_valid(row) => builder.append_value(known.value(row)),
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    match ty {
        AttributeType::Boolean => build!(BooleanBuilder, physical.as_boolean(), json::boolean),
        AttributeType::Int32 => build!(Int32Builder, physical.as_primitive::<Int32Type>(), json::int32),
        AttributeType::Int64 => build!(Int64Builder, physical.as_primitive::<Int64Type>(), json::int64),
        AttributeType::Float32 => {
            build!(Float32Builder, physical.as_primitive::<Float32Type>(), json::float32)
        }
        AttributeType::Float64 => {
            build!(Float64Builder, physical.as_primitive::<Float64Type>(), json::float64)
        }
        AttributeType::Text => build!(StringBuilder, physical.as_string::<i32>(), json::text),
    }
}

/// The map without some of its entries. A row whose entries all went is NULL: they are in columns now.
fn without(map: &MapArray, keep: &[bool]) -> Result<ArrayRef> {
    let offsets = map.value_offsets();
    let mut kept: Vec<u32> = Vec::with_capacity(keep.len());
    let mut ends: Vec<i32> = vec![0];
    let mut valid = Vec::with_capacity(map.len());
    for row in 0..map.len() {
        let entries = if map.is_null(row) { 0..0 } else { offsets[row] as usize..offsets[row + 1] as usize };
        let before = kept.len();
        let had = entries.len();
        kept.extend(entries.filter(|entry| keep[*entry]).map(|entry| entry as u32));
        valid.push(map.is_valid(row) && (had == 0 || kept.len() > before));
        ends.push(kept.len() as i32);
    }
    let failed = |error| Error::internal("cannot take entries out of attributes").with_source(error);
    let entries = take(map.entries(), &UInt32Array::from(kept), None).map_err(failed)?;
    let DataType::Map(field, ordered) = map.data_type() else { unreachable!("a map array is of a map type") };
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let map = MapArray::try_new(
        Arc::clone(field),
        offsets,
        entries.as_struct().clone(),
        Some(NullBuffer::from(valid)),
        *ordered,
    );
    Ok(Arc::new(map.map_err(failed)?))
}
