//! The directory as bytes: an Arrow IPC stream of one batch, sorted by column, attribute and value.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array, UInt64Array},
    datatypes::{DataType, Field, Schema, UInt32Type, UInt64Type},
    error::ArrowError,
    ipc::{
        CompressionType,
        reader::StreamReader,
        writer::{IpcWriteOptions, StreamWriter},
    },
};

use super::{IndexedValues, Place, Posting, SegmentIndex};

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

/// Bytes of a line in memory besides its texts, about.
const LINE_BYTES: usize = 96;

pub(super) fn write(lines: &[Line]) -> Result<Vec<u8>, ArrowError> {
    let place = |line: &Line| line.posting.place.clone().unwrap_or(Place { offset: 0, bytes: 0, crc32c: 0 });
    let columns: [(Field, ArrayRef); 7] = [
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
    ];
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD))?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), batch.schema_ref(), options)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Reads a directory; the error says what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<SegmentIndex, ArrowError> {
    let wrong = |what: &str| ArrowError::ParseError(format!("its directory {what}"));
    let mut reader = StreamReader::try_new(bytes, None)?;
    let batch = reader.next().ok_or_else(|| wrong("is empty"))??;
    let column =
        |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(&format!("has no column {name}")));
    let numbers = |name: &str| {
        column(name)?
            .as_primitive_opt::<UInt32Type>()
            .ok_or_else(|| wrong(&format!("has another type of {name}")))
    };
    let large = |name: &str| {
        column(name)?
            .as_primitive_opt::<UInt64Type>()
            .ok_or_else(|| wrong(&format!("has another type of {name}")))
    };
    let texts = |name: &str| {
        column(name)?.as_string_opt::<i32>().ok_or_else(|| wrong(&format!("has another type of {name}")))
    };
    let (columns, attributes, values) = (numbers("column")?, texts("attribute")?, texts("value")?);
    let (rows, offsets, lengths, sums) =
        (large("rows")?, large("offset")?, numbers("bytes")?, numbers("crc32c")?);
    let mut index = SegmentIndex { memory_size: size_of::<SegmentIndex>(), ..SegmentIndex::default() };
    for line in 0..batch.num_rows() {
        let bytes = lengths.value(line);
        let place = Place { offset: offsets.value(line), bytes, crc32c: sums.value(line) };
        let posting = Posting { rows: rows.value(line), place: (bytes > 0).then_some(place) };
        let of: &mut IndexedValues = match attributes.is_valid(line) {
            true => index.attributes.entry(attributes.value(line).to_owned()).or_default(),
            false => index.columns.entry(columns.value(line)).or_default(),
        };
        index.memory_size += LINE_BYTES;
        match values.is_valid(line) {
            true => {
                index.memory_size += values.value(line).len();
                of.values.insert(values.value(line).to_owned(), posting);
            }
            false => of.nulls = Some(posting),
        }
    }
    Ok(index)
}
