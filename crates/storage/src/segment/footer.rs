//! The parsed footer of a segment: where its columns lie and as what they are decoded.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use arrow::datatypes::{DataType, Field, Fields, Schema};
use bytes::Bytes;
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        parquet_to_arrow_schema,
    },
    basic::Encoding,
    file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaDataReader},
};

use super::{SegmentMeta, checksums::Checksums, format};
use crate::{
    attributes::Note,
    error::{Error, Result},
    index::IndexNote,
    schema::column_id,
};

/// The end of a Parquet file: length of the metadata, then `PAR1`.
const FOOTER_BYTES: usize = 8;
/// The parsed footer of a segment. Immutable, shared by all readers of the segment.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(super) arrow: ArrowReaderMetadata,
    /// The same, but that text which has a dictionary is decoded as one.
    coded: OnceLock<Option<ArrowReaderMetadata>>,
    pub(super) checksums: Checksums,
    pub(super) roots: HashMap<u32, usize>,
    /// What the segment says of its attributes.
    pub(super) note: Option<Note>,
    /// Where its index lies.
    pub(super) index: Option<IndexNote>,
    pub(super) memory_size: usize,
}

impl Footer {
    pub(super) fn parse(meta: &SegmentMeta, tail: &[u8]) -> Result<Self> {
        let damaged = |error: &dyn fmt::Display| Error::corrupted(&meta.path, error);
        let found = crc32c::crc32c(tail);
        if found != meta.tail_crc32c {
            let problem =
                format!("its tail has checksum {:08x}, its bytes have {found:08x}", meta.tail_crc32c);
            return Err(damaged(&problem));
        }
        let body = tail.len().checked_sub(FOOTER_BYTES).ok_or_else(|| damaged(&"it has no footer"))?;
        let length: [u8; 4] = tail[body..body + 4].try_into().expect("four bytes of eight");
        let start =
            usize::try_from(u32::from_le_bytes(length)).ok().and_then(|length| body.checked_sub(length));
        let start = start.ok_or_else(|| damaged(&"its footer is longer than its tail"))?;
        let metadata =
            ParquetMetaDataReader::decode_metadata(&tail[start..body]).map_err(|error| damaged(&error))?;
        format::check(&meta.path, &metadata)?;
        let mut pages = ParquetMetaDataReader::new_with_metadata(metadata)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        pages
            .read_page_indexes_sized(&Bytes::copy_from_slice(tail), meta.bytes)
            .map_err(|error| damaged(&error))?;
        let metadata = pages.finish().map_err(|error| damaged(&error))?;
        let file = metadata.file_metadata();
        let rows: i64 = metadata.row_groups().iter().map(|group| group.num_rows()).sum();
        if u64::try_from(rows).ok() != Some(meta.rows)
            || metadata.num_row_groups() != meta.row_groups as usize
        {
            return Err(damaged(&format_args!("it has {rows} rows, {} were written", meta.rows)));
        }
        let checksums = Checksums::read(&meta.path, &metadata)?;
        let written = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
        let decoded = Arc::new(as_decoded(&written.map_err(|error| damaged(&error))?));
        let roots = decoded.fields().iter().enumerate();
        let roots: HashMap<u32, usize> =
            roots.filter_map(|(index, field)| Some((column_id(field)?, index))).collect();
        if roots.len() != meta.columns.len() || meta.columns.iter().any(|id| !roots.contains_key(id)) {
            return Err(damaged(&"its columns are not those that were written"));
        }
        let note = Note::read(&meta.path, &metadata)?;
        let index = IndexNote::read(&meta.path, &metadata)?;
        let noted = note.as_ref().map_or(0, Note::memory_size);
        let memory_size = metadata.memory_size()
            + checksums.memory_size()
            + noted
            + size_of::<Self>()
            + 64 * decoded.fields().len();
        let options = ArrowReaderOptions::new().with_schema(decoded);
        let arrow =
            ArrowReaderMetadata::try_new(Arc::new(metadata), options).map_err(|error| damaged(&error))?;
        Ok(Self { arrow, coded: OnceLock::new(), checksums, roots, note, index, memory_size })
    }

    /// How a column of text is decoded as a dictionary; `None` for one that is no text, or has values that are not in one.
    pub(super) fn coded(&self, root: usize) -> Option<&ArrowReaderMetadata> {
        let coded = self.coded.get_or_init(|| {
            let written = self.arrow.schema().fields();
            let decoded = written.iter().enumerate().map(|(root, field)| match self.is_coded(root) {
                true => Arc::new(as_coded(field)),
                false => Arc::clone(field),
            });
            let decoded: Fields = decoded.collect();
            if decoded == *written {
                return None;
            }
            let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(decoded)));
            // that a text can be decoded so is no question of the data
            ArrowReaderMetadata::try_new(Arc::clone(self.arrow.metadata()), options).ok()
        });
        coded
            .as_ref()
            .filter(|coded| matches!(coded.schema().field(root).data_type(), DataType::Dictionary(..)))
    }

    fn is_coded(&self, root: usize) -> bool {
        let is_text = self.arrow.schema().field(root).data_type() == &DataType::Utf8View;
        let schema = self.arrow.parquet_schema();
        // text is one leaf
        let leaf = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root);
        let groups = self.arrow.metadata().row_groups();
        is_text
            && leaf.is_some_and(|leaf| groups.iter().all(|group| has_all_in_dictionary(group.column(leaf))))
    }
}

/// Text at top level is decoded as views, which point into the pages instead of copying them.
fn as_decoded(written: &Schema) -> Schema {
    let fields = written.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn as_coded(field: &Field) -> Field {
    let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    field.clone().with_data_type(coded)
}

/// Whether all pages of a chunk have numbers of values of its dictionary.
fn has_all_in_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    let encodings = chunk.page_encoding_stats_mask();
    chunk.dictionary_page_offset().is_some()
        && encodings.is_some_and(|encodings| encodings.is_only(Encoding::RLE_DICTIONARY))
}
