//! The bytes of values in arrays, row by row, without copying them.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::datatypes::{ByteViewType, DataType, Int64Type};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;

/// An argument of a function: an array, or a constant that stands for all rows.
pub(super) struct Column {
    values: ArrayRef,
    is_constant: bool,
}

impl Column {
    pub(super) fn of(argument: &ColumnarValue) -> DfResult<Self> {
        Ok(match argument {
            ColumnarValue::Array(values) => Self { values: values.clone(), is_constant: false },
            ColumnarValue::Scalar(value) => Self { values: value.to_array()?, is_constant: true },
        })
    }

    pub(super) fn data_type(&self) -> &DataType {
        self.values.data_type()
    }

    pub(super) fn values(&self) -> &ArrayRef {
        &self.values
    }

    /// The place of a row in the array.
    pub(super) fn at(&self, row: usize) -> usize {
        if self.is_constant { 0 } else { row }
    }

    pub(super) fn integer(&self, row: usize) -> Option<i64> {
        let at = self.at(row);
        let integers = self.values.as_primitive_opt::<Int64Type>()?;
        integers.is_valid(at).then(|| integers.value(at))
    }

    /// An integer from zero on: NULL and what is less are zero.
    pub(super) fn count(&self, row: usize) -> u64 {
        self.integer(row).and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
    }

    /// The text of a row; none where it is NULL or no text.
    pub(super) fn text(&self, row: usize) -> &str {
        let at = self.at(row);
        if self.values.is_null(at) {
            return "";
        }
        match self.values.data_type() {
            DataType::Utf8 => self.values.as_string::<i32>().value(at),
            DataType::LargeUtf8 => self.values.as_string::<i64>().value(at),
            DataType::Utf8View => self.values.as_string_view().value(at),
            _ => "",
        }
    }

    /// The bytes of the text or binary of a row.
    pub(super) fn text_bytes(&self, row: usize) -> u64 {
        data_bytes(&self.values, self.at(row), 1)
    }

    /// The bytes of the text or binary of all rows.
    pub(super) fn all_text_bytes(&self, rows: usize) -> u64 {
        self.all(rows, data_bytes)
    }

    /// The bytes that the value of a row takes in an array.
    pub(super) fn value_bytes(&self, row: usize) -> u64 {
        value_bytes(&self.values, self.at(row), 1)
    }

    pub(super) fn all_value_bytes(&self, rows: usize) -> u64 {
        self.all(rows, value_bytes)
    }

    fn all(&self, rows: usize, bytes: fn(&dyn Array, usize, usize) -> u64) -> u64 {
        match self.is_constant {
            true => bytes(&self.values, 0, 1).saturating_mul(rows as u64),
            false => bytes(&self.values, 0, self.values.len()),
        }
    }

    /// The elements of the list of a row, as their array and a range of it.
    pub(super) fn elements(&self, row: usize) -> Option<(&ArrayRef, usize, usize)> {
        let at = self.at(row);
        match self.values.data_type() {
            DataType::List(_) => {
                let list = self.values.as_list::<i32>();
                let (start, length) = range(list.value_offsets(), at, 1);
                Some((list.values(), start, length))
            }
            DataType::LargeList(_) => {
                let list = self.values.as_list::<i64>();
                let (start, length) = range(list.value_offsets(), at, 1);
                Some((list.values(), start, length))
            }
            DataType::FixedSizeList(_, width) => {
                let width = usize::try_from(*width).unwrap_or_default();
                Some((self.values.as_fixed_size_list().values(), at * width, width))
            }
            _ => None,
        }
    }
}

/// The bytes of the text or binary in some rows.
pub(super) fn data_bytes(values: &dyn Array, start: usize, rows: usize) -> u64 {
    match values.data_type() {
        DataType::Utf8 => range(values.as_string::<i32>().value_offsets(), start, rows).1 as u64,
        DataType::LargeUtf8 => range(values.as_string::<i64>().value_offsets(), start, rows).1 as u64,
        DataType::Binary => range(values.as_binary::<i32>().value_offsets(), start, rows).1 as u64,
        DataType::LargeBinary => range(values.as_binary::<i64>().value_offsets(), start, rows).1 as u64,
        DataType::Utf8View => view_bytes(values.as_string_view(), start, rows),
        DataType::BinaryView => view_bytes(values.as_binary_view(), start, rows),
        _ => 0,
    }
}

/// The bytes that some rows take in an array.
pub(super) fn value_bytes(values: &dyn Array, start: usize, rows: usize) -> u64 {
    let own = width(values.data_type()).saturating_mul(rows as u64);
    let below = match values.data_type() {
        DataType::List(_) => {
            below(values.as_list::<i32>().values(), values.as_list::<i32>().value_offsets(), start, rows)
        }
        DataType::LargeList(_) => {
            below(values.as_list::<i64>().values(), values.as_list::<i64>().value_offsets(), start, rows)
        }
        DataType::Map(..) => below(values.as_map().entries(), values.as_map().value_offsets(), start, rows),
        DataType::FixedSizeList(_, width) => {
            let width = usize::try_from(*width).unwrap_or_default();
            return value_bytes(values.as_fixed_size_list().values(), start * width, rows * width);
        }
        DataType::Struct(_) => {
            let columns = values.as_struct().columns();
            return columns
                .iter()
                .fold(0, |sum, column| sum.saturating_add(value_bytes(column, start, rows)));
        }
        _ => data_bytes(values, start, rows),
    };
    own.saturating_add(below)
}

/// The numbers, texts, ... in the lists of some rows, however deep.
pub(super) fn leaves(values: &dyn Array, start: usize, rows: usize) -> u64 {
    match values.data_type() {
        DataType::List(_) => {
            let list = values.as_list::<i32>();
            let (start, rows) = range(list.value_offsets(), start, rows);
            leaves(list.values(), start, rows)
        }
        DataType::LargeList(_) => {
            let list = values.as_list::<i64>();
            let (start, rows) = range(list.value_offsets(), start, rows);
            leaves(list.values(), start, rows)
        }
        DataType::FixedSizeList(_, width) => {
            let width = usize::try_from(*width).unwrap_or_default();
            leaves(values.as_fixed_size_list().values(), start * width, rows * width)
        }
        _ => rows as u64,
    }
}

/// The bytes that a value of a type takes by itself: all of a number, and of a text the place that says where it lies.
pub(super) fn width(data_type: &DataType) -> u64 {
    match data_type {
        DataType::Null => 0,
        DataType::Boolean => 1,
        DataType::FixedSizeBinary(width) => u64::try_from(*width).unwrap_or_default(),
        DataType::FixedSizeList(field, rows) => {
            width(field.data_type()).saturating_mul(u64::try_from(*rows).unwrap_or_default())
        }
        DataType::Struct(fields) => {
            fields.iter().fold(0, |sum, field| sum.saturating_add(width(field.data_type())))
        }
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..) => 4,
        DataType::Dictionary(key, _) => width(key),
        DataType::Utf8View | DataType::BinaryView => 16,
        other => other.primitive_width().unwrap_or(8) as u64,
    }
}

fn below(values: &dyn Array, offsets: &[impl OffsetSizeTrait], start: usize, rows: usize) -> u64 {
    let (start, rows) = range(offsets, start, rows);
    value_bytes(values, start, rows)
}

fn range(offsets: &[impl OffsetSizeTrait], start: usize, rows: usize) -> (usize, usize) {
    let first = offsets[start].as_usize();
    (first, offsets[start + rows].as_usize() - first)
}

fn view_bytes<T: ByteViewType + ?Sized>(
    values: &arrow::array::GenericByteViewArray<T>,
    start: usize,
    rows: usize,
) -> u64 {
    // the lower half of a view is the length of its text
    values.views()[start..start + rows].iter().map(|view| u64::from(*view as u32)).sum()
}
