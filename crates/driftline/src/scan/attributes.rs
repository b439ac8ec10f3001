//! Attributes as SQL sees them: the map that was stored, together with what lies in columns `FROM ATTRIBUTE`.
//!
//! Which attributes have columns is a matter of storage and changes while the database runs; no answer may show it. So
//! the map that leaves the scan has all of them, and where a query wants but one, as `attr(attributes, 'key')`, the scan
//! hands out that one from its column and leaves the map unread where it can.

use std::sync::Arc;

use arrow::array::{Array, ArrayBuilder, ArrayRef, MapArray, StringBuilder, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use driftline_functions::attribute_text;
use driftline_storage::{AttributeMap, write_json};

use super::layout::Layout;

/// Puts columns in the place of `attr(attributes, 'key')`, in an expression over the columns of a layout.
pub(super) fn as_columns(
    expr: &Arc<dyn PhysicalExpr>,
    layout: &Arc<Layout>,
) -> DfResult<(Arc<dyn PhysicalExpr>, Arc<Layout>)> {
    let mut layout = Arc::clone(layout);
    let changed = Arc::clone(expr).transform_down(|node| {
        let Some(key) = key_of(&node, &layout) else { return Ok(Transformed::no(node)) };
        let (next, index) = layout.with_attribute(&key, &node.to_string());
        layout = next;
        Ok(Transformed::yes(Arc::new(Column::new(layout.schema().field(index).name(), index)) as _))
    })?;
    Ok((changed.data, layout))
}

/// The key of `attr(attributes, 'key')`.
fn key_of(node: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Option<String> {
    let function = node.downcast_ref::<ScalarFunctionExpr>().filter(|function| function.name() == "attr")?;
    let [map, key] = function.args() else { return None };
    let map = map.downcast_ref::<Column>()?;
    if Some(map.index()) != layout.attributes() {
        return None;
    }
    match key.downcast_ref::<Literal>()?.value() {
        ScalarValue::Utf8(key) | ScalarValue::Utf8View(key) | ScalarValue::LargeUtf8(key) => key.clone(),
        _ => None,
    }
}

/// One attribute of every row as text: from the map, and where that lacks it from its column.
pub(super) fn one(rows: usize, key: &str, map: Option<&ArrayRef>, column: Option<&ArrayRef>) -> ArrayRef {
    let map = map.and_then(|map| AttributeMap::new(map.as_ref()));
    let mut texts = StringBuilder::with_capacity(rows, 0);
    let mut json = String::new();
    for row in 0..rows {
        if let Some((map, entry)) = map.and_then(|map| Some((map, map.find(row, key)?))) {
            texts.append_option(map.value(entry).and_then(attribute_text));
            continue;
        }
        json.clear();
        match column {
            Some(column) if write_json(&mut json, column.as_ref(), row) => {
                texts.append_option(attribute_text(&json));
            }
            _ => texts.append_null(),
        }
    }
    Arc::new(texts.finish())
}

/// An entry of a row on its way into the whole map.
#[derive(Clone, Copy)]
enum Entry {
    Stored(usize),
    InColumn(usize),
}

/// The whole map: what was stored, and the values of columns whose keys it lacks; sorted by key.
pub(super) fn whole(stored: &ArrayRef, columns: &[(&str, ArrayRef)]) -> DfResult<ArrayRef> {
    let Some(map) = AttributeMap::new(stored.as_ref()) else { return Ok(Arc::clone(stored)) };
    if columns.is_empty() && (0..map.rows()).all(|row| is_sorted(map, row)) {
        return Ok(Arc::clone(stored));
    }
    let (mut keys, mut values) = (StringBuilder::new(), StringBuilder::new());
    let mut ends: Vec<i32> = vec![0];
    let mut valid = Vec::with_capacity(map.rows());
    let mut row_entries: Vec<(&str, Entry)> = vec![];
    let mut json = String::new();
    for row in 0..map.rows() {
        row_entries.clear();
        row_entries.extend(map.entries(row).map(|entry| (map.key(entry), Entry::Stored(entry))));
        let in_map = row_entries.len();
        for (index, (key, column)) in columns.iter().enumerate() {
            if column.is_valid(row) && !row_entries[..in_map].iter().any(|(known, _)| known == key) {
                row_entries.push((key, Entry::InColumn(index)));
            }
        }
        // stable: of a key that comes twice the first stays the first
        row_entries.sort_by_key(|(key, _)| *key);
        for (key, entry) in &row_entries {
            match entry {
                Entry::Stored(entry) => values.append_option(map.value(*entry)),
                Entry::InColumn(index) => {
                    json.clear();
                    write_json(&mut json, columns[*index].1.as_ref(), row);
                    values.append_value(&json);
                }
            }
            keys.append_value(key);
        }
        valid.push(map.is_valid(row) || !row_entries.is_empty());
        ends.push(i32::try_from(keys.len()).map_err(|_| {
            datafusion::common::exec_datafusion_err!("the attributes of a row group have too many entries")
        })?);
    }
    let DataType::Map(entries, ordered) = stored.data_type() else { return Ok(Arc::clone(stored)) };
    let DataType::Struct(fields) = entries.data_type() else { return Ok(Arc::clone(stored)) };
    let pairs: Vec<ArrayRef> = vec![Arc::new(keys.finish()), Arc::new(values.finish())];
    let pairs = StructArray::try_new(fields.clone(), pairs, None)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *ordered)?))
}

fn is_sorted(map: AttributeMap<'_>, row: usize) -> bool {
    let entries = map.entries(row);
    entries.clone().zip(entries.skip(1)).all(|(a, b)| map.key(a) <= map.key(b))
}

#[cfg(test)]
mod tests;
