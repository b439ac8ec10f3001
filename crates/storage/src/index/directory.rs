//! The directory as bytes: an Arrow IPC stream of one batch, sorted by column, attribute and value.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array},
    datatypes::{DataType, Field, Schema, UInt32Type, UInt64Type},
    error::ArrowError,
    ipc::{
        CompressionType,
        reader::StreamReader,
        writer::{IpcWriteOptions, StreamWriter},
    },
};

use super::{Lie, Place, Posting};

/// What a run of lines is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexed<'a> {
    Column(u32),
    Attribute(&'a str),
}

/// One line of the directory.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The id of the column; 0 for an attribute.
    pub(super) column: u32,
    pub(super) attribute: Option<String>,
    /// `None` for the rows without a value.
    pub(super) value: Option<String>,
    pub(super) posting: Posting,
}

/// A directory in memory, as the arrays that it was read into: a value is looked up in them, none is copied out.
#[derive(Debug)]
pub(super) struct Directory {
    columns: UInt32Array,
    attributes: StringArray,
    values: StringArray,
    rows: UInt64Array,
    offsets: UInt64Array,
    lengths: UInt32Array,
    sums: UInt32Array,
    /// Rows that are few; directories of the first programs have none.
    few: Option<ListArray>,
}

pub(super) fn write(lines: &[Line]) -> Result<Vec<u8>, ArrowError> {
    let place = |line: &Line| match &line.posting.lie {
        Lie::At(place) => place.clone(),
        _ => Place { offset: 0, bytes: 0, crc32c: 0 },
    };
    let few =
        ListArray::from_iter_primitive::<UInt32Type, _, _>(lines.iter().map(
            |line| match &line.posting.lie {
                Lie::Here(rows) => Some(rows.iter().copied().map(Some)),
                _ => None,
            },
        ));
    let columns: [(Field, ArrayRef); 8] = [
        (
            Field::new("column", DataType::UInt32, false),
            Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| line.column))),
        ),
        (
            Field::new("attribute", DataType::Utf8, true),
            Arc::new(lines.iter().map(|line| line.attribute.as_deref()).collect::<StringArray>()),
        ),
        (
            Field::new("value", DataType::Utf8, true),
            Arc::new(lines.iter().map(|line| line.value.as_deref()).collect::<StringArray>()),
        ),
        (
            Field::new("rows", DataType::UInt64, false),
            Arc::new(UInt64Array::from_iter_values(lines.iter().map(|line| line.posting.rows))),
        ),
        (
            Field::new("offset", DataType::UInt64, false),
            Arc::new(UInt64Array::from_iter_values(lines.iter().map(|line| place(line).offset))),
        ),
        (
            Field::new("bytes", DataType::UInt32, false),
            Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| place(line).bytes))),
        ),
        (
            Field::new("crc32c", DataType::UInt32, false),
            Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| place(line).crc32c))),
        ),
        (Field::new("few", few.data_type().clone(), true), Arc::new(few)),
    ];
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD))?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), batch.schema_ref(), options)?;
    writer.write(&batch)?;
    writer.into_inner()
}

impl Directory {
    /// Reads a directory; the error says what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ArrowError> {
        let wrong = |what: &str| ArrowError::ParseError(format!("its directory {what}"));
        let mut reader = StreamReader::try_new(bytes, None)?;
        let batch = reader.next().ok_or_else(|| wrong("is empty"))??;
        let column =
            |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(&format!("has no column {name}")));
        let other_type = |name: &str| wrong(&format!("has another type of {name}"));
        let numbers = |name: &str| {
            column(name)?.as_primitive_opt::<UInt32Type>().cloned().ok_or_else(|| other_type(name))
        };
        let large = |name: &str| {
            column(name)?.as_primitive_opt::<UInt64Type>().cloned().ok_or_else(|| other_type(name))
        };
        let texts =
            |name: &str| column(name)?.as_string_opt::<i32>().cloned().ok_or_else(|| other_type(name));
        let few = batch.column_by_name("few").map(|few| {
            let few = few.as_list_opt::<i32>().filter(|few| few.value_type() == DataType::UInt32);
            few.cloned().ok_or_else(|| other_type("few"))
        });
        Ok(Self {
            columns: numbers("column")?,
            attributes: texts("attribute")?,
            values: texts("value")?,
            rows: large("rows")?,
            offsets: large("offset")?,
            lengths: numbers("bytes")?,
            sums: numbers("crc32c")?,
            few: few.transpose()?,
        })
    }

    /// The runs of lines of one column or attribute, in their order.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Indexed<'_>, Range<usize>)> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let of = self.line_of(start)?;
            let end = (start + 1..).find(|line| self.line_of(*line) != Some(of))?;
            let run = (of, start..end);
            start = end;
            Some(run)
        })
    }

    fn line_of(&self, line: usize) -> Option<Indexed<'_>> {
        if line >= self.columns.len() {
            return None;
        }
        Some(match self.attributes.is_valid(line) {
            true => Indexed::Attribute(self.attributes.value(line)),
            false => Indexed::Column(self.columns.value(line)),
        })
    }

    /// The value of a line; `None` for the rows without one.
    pub(super) fn value(&self, line: usize) -> Option<&str> {
        self.values.is_valid(line).then(|| self.values.value(line))
    }

    pub(super) fn posting(&self, line: usize) -> Posting {
        let bytes = self.lengths.value(line);
        let place = Place { offset: self.offsets.value(line), bytes, crc32c: self.sums.value(line) };
        let few = self.few.as_ref().filter(|few| few.is_valid(line));
        let lie = match few {
            Some(few) => Lie::Here(few.value(line).as_primitive::<UInt32Type>().values().to_vec()),
            None if bytes > 0 => Lie::At(place),
            None => Lie::Nowhere,
        };
        Posting { rows: self.rows.value(line), lie }
    }

    /// The line of a value among lines that are in the order of their values.
    pub(super) fn find(&self, lines: Range<usize>, value: &str) -> Option<usize> {
        let (mut low, mut high) = (lines.start, lines.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.values.value(middle).cmp(value) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Bytes in memory.
    pub(super) fn memory_size(&self) -> usize {
        let texts = [&self.attributes, &self.values].map(|array| array.get_array_memory_size());
        let numbers = [&self.columns, &self.lengths, &self.sums].map(|array| array.get_array_memory_size());
        let large = [&self.rows, &self.offsets].map(|array| array.get_array_memory_size());
        let few = self.few.as_ref().map(|few| few.get_array_memory_size());
        texts.into_iter().chain(numbers).chain(large).chain(few).sum()
    }
}
