//! Lists, structs and text maps, built from offsets and children.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayBuilder, ArrayRef, ListArray, MapArray, NullBufferBuilder, PrimitiveArray, StringBuilder,
        StructArray, TimestampNanosecondBuilder,
    },
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, TimestampNanosecondType},
};

const FITS: &str = "the column's type was compared with the mapping's when the mapper was made";

/// The offsets of a list column. Rows without elements are NULL, so that a column nobody uses is not written.
#[derive(Debug)]
pub(crate) struct ListColumn {
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Default for ListColumn {
    fn default() -> Self {
        Self { offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }
}

impl ListColumn {
    /// Ends a row; `children` is the number of elements of all rows so far.
    pub(crate) fn end_row(&mut self, children: usize) {
        let end = i32::try_from(children).expect("a request has fewer bytes than an offset can count");
        self.nulls.append(self.offsets.last() != Some(&end));
        self.offsets.push(end);
    }

    /// Ends a row that is a list even when it has no elements.
    pub(crate) fn end_present_row(&mut self, children: usize) {
        let end = i32::try_from(children).expect("a request has fewer bytes than an offset can count");
        self.nulls.append_non_null();
        self.offsets.push(end);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let nulls = self.nulls.finish();
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), nulls)
    }
}

/// The list array of type `ty` over `children`.
pub(crate) fn list_array(lists: &mut ListColumn, children: ArrayRef, ty: &DataType) -> ArrayRef {
    let DataType::List(item) = ty else { unreachable!("{FITS}") };
    let (offsets, nulls) = lists.take();
    Arc::new(ListArray::try_new(Arc::clone(item), offsets, children, nulls).expect(FITS))
}

/// The struct array of type `ty`, from the arrays of its fields.
pub(crate) fn struct_array(ty: &DataType, nulls: Option<NullBuffer>, children: Vec<ArrayRef>) -> ArrayRef {
    let DataType::Struct(fields) = ty else { unreachable!("{FITS}") };
    Arc::new(StructArray::try_new(fields.clone(), children, nulls).expect(FITS))
}

/// The type of the i-th field of a struct type.
pub(crate) fn field_type(ty: &DataType, i: usize) -> &DataType {
    let DataType::Struct(fields) = ty else { unreachable!("{FITS}") };
    fields[i].data_type()
}

/// The element type of a list type.
pub(crate) fn item_type(ty: &DataType) -> &DataType {
    let DataType::List(item) = ty else { unreachable!("{FITS}") };
    item.data_type()
}

/// The timestamps with the time zone that the column's type spells.
pub(crate) fn time_array(builder: &mut TimestampNanosecondBuilder, ty: &DataType) -> ArrayRef {
    let DataType::Timestamp(_, zone) = ty else { unreachable!("{FITS}") };
    let array: PrimitiveArray<TimestampNanosecondType> = builder.finish();
    Arc::new(array.with_timezone_opt(zone.clone()))
}

/// A MAP<TEXT, TEXT> column. Rows without entries are NULL.
#[derive(Debug, Default)]
pub(crate) struct MapColumn {
    keys: StringBuilder,
    values: StringBuilder,
    rows: ListColumn,
}

impl MapColumn {
    /// Adds an entry to the current row.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        self.keys.append_value(key);
        self.values.append_value(value);
    }

    /// The number of entries so far, over all rows.
    pub(crate) fn entries(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn end_row(&mut self) {
        self.rows.end_row(self.entries());
    }

    /// The map array of type `ty`; the column is empty afterwards.
    pub(crate) fn finish(&mut self, ty: &DataType) -> ArrayRef {
        let DataType::Map(entries, ordered) = ty else { unreachable!("{FITS}") };
        let DataType::Struct(fields) = entries.data_type() else { unreachable!("{FITS}") };
        let (offsets, nulls) = self.rows.take();
        let children: Vec<ArrayRef> = vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        let entries_array = StructArray::try_new(fields.clone(), children, None).expect(FITS);
        let map =
            MapArray::try_new(Arc::clone(entries), offsets, entries_array, nulls, *ordered).expect(FITS);
        debug_assert_eq!(map.data_type(), ty);
        Arc::new(map)
    }
}
