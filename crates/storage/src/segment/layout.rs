//! How columns are encoded and compressed. The choices and their figures: docs/decisions/0001-column-encodings.md.

use arrow::datatypes::Schema;
use parquet::{
    arrow::ArrowSchemaConverter,
    basic::{Compression, Encoding, LogicalType, Type, ZstdLevel},
    file::{
        metadata::SortingColumn,
        properties::{BloomFilterPosition, EnabledStatistics, WriterProperties},
    },
    schema::types::{ColumnDescriptor, SchemaDescriptor},
};

use super::dictionaries::Dictionaries;
use crate::{
    error::{Error, Result},
    schema::{TableSchema, column_id},
};

/// Row groups are cut behind this many rows, at the next change of the sort prefix.
pub(crate) const ROW_GROUP_ROWS_MIN: usize = 64 * 1024;
/// Row groups are cut here at the latest.
pub(crate) const ROW_GROUP_ROWS_MAX: usize = 256 * 1024;
/// Row groups of tables sorted by time alone: there is no prefix whose change could be waited for.
pub(crate) const ROW_GROUP_ROWS_BY_TIME: usize = 128 * 1024;
/// Row groups hold at most about this many bytes in memory, however few rows that are.
pub(crate) const ROW_GROUP_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows of a data page.
const PAGE_ROWS_MAX: usize = 8 * 1024;
/// Bytes of a data page before compression, about. Who wants one row decodes its page: small pages are good for look-ups, and cost only
/// their headers where codecs find nothing beyond a value.
const NUMBER_PAGE_BYTES: usize = 8 * 1024;
const ID_PAGE_BYTES: usize = 32 * 1024;
/// Text is alike from row to row, which a codec sees in a large page.
const TEXT_PAGE_BYTES: usize = 128 * 1024;
/// Bytes of a dictionary; a column whose values need more goes on without one. Small, for what is tried in vain is waste.
const DICTIONARY_BYTES_MAX: usize = 128 * 1024;
/// Rate of false positives of bloom filters. A look-up asks those of a thousand row groups: hardly one of them may be wrong.
const BLOOM_FALSE_POSITIVES: f64 = 0.001;
/// Longest minimum and maximum of a text kept exactly.
const STATISTICS_BYTES_MAX: usize = 64;

/// How one leaf column is written: with a dictionary first where that is said, then in the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leaf {
    dictionary: bool,
    encoding: Encoding,
    compression: Compression,
    page_bytes: usize,
}

/// Makes the writer's properties for a segment with the columns of `file`, with dictionaries where they are not known to be in vain.
pub(super) fn properties(
    schema: &TableSchema,
    file: &Schema,
    row_group_rows: usize,
    dictionaries: &Dictionaries,
) -> Result<WriterProperties> {
    let leaves = descriptor(file)?;
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("driftline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_write_batch_size(PAGE_ROWS_MAX / 8)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_bloom_filter_position(BloomFilterPosition::AfterRowGroup)
        .set_sorting_columns(Some(sorting_columns(schema, file, &leaves)));
    for (index, leaf) in leaves.columns().iter().enumerate() {
        let id = column_id(file.field(leaves.get_column_root_idx(index)));
        let is_id = id.is_some_and(|id| schema.bloom_columns().contains(&id));
        let choice = choose(leaf, is_id);
        let dictionary = choice.dictionary && dictionaries.is_worth(&leaves, file, index);
        let path = leaf.path();
        properties = properties
            .set_column_dictionary_enabled(path.clone(), dictionary)
            .set_column_encoding(path.clone(), choice.encoding)
            .set_column_compression(path.clone(), choice.compression)
            .set_column_data_page_size_limit(path.clone(), choice.page_bytes);
        if id.is_some_and(|id| schema.sort_key().contains(&id)) {
            // only what is filtered by ranges within a row group has a page index
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::Page);
        }
        if is_id {
            properties = properties
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path.clone(), row_group_rows.max(1) as u64);
        }
    }
    Ok(properties.build())
}

/// The leaf columns of a file with these columns.
fn descriptor(file: &Schema) -> Result<SchemaDescriptor> {
    ArrowSchemaConverter::new()
        .convert(file)
        .map_err(|error| Error::internal("a column type has no Parquet form").with_source(error))
}

fn choose(column: &ColumnDescriptor, is_id: bool) -> Leaf {
    let (none, lz4) = (Compression::UNCOMPRESSED, Compression::LZ4_RAW);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let text = matches!(column.logical_type_ref(), Some(LogicalType::String));
    let time = matches!(column.logical_type_ref(), Some(LogicalType::Timestamp { .. }));
    let (dictionary, encoding, compression) = match column.physical_type() {
        Type::BYTE_ARRAY => (text && !is_id, Encoding::DELTA_LENGTH_BYTE_ARRAY, zstd),
        Type::INT64 if time => (false, Encoding::DELTA_BINARY_PACKED, none),
        Type::INT32 | Type::INT64 => (true, Encoding::DELTA_BINARY_PACKED, lz4),
        Type::FLOAT | Type::DOUBLE | Type::FIXED_LEN_BYTE_ARRAY => (true, Encoding::PLAIN, lz4),
        Type::BOOLEAN | Type::INT96 => (false, Encoding::PLAIN, lz4),
    };
    let page_bytes = match column.physical_type() {
        Type::BYTE_ARRAY if is_id => ID_PAGE_BYTES,
        Type::BYTE_ARRAY => TEXT_PAGE_BYTES,
        _ => NUMBER_PAGE_BYTES,
    };
    Leaf { dictionary, encoding, compression, page_bytes }
}

/// The sort key as Parquet declares it. A key column without any value is constant and left out.
fn sorting_columns(schema: &TableSchema, file: &Schema, leaves: &SchemaDescriptor) -> Vec<SortingColumn> {
    let position = |id: &u32| file.fields().iter().position(|field| column_id(field) == Some(*id));
    let roots = schema.sort_key().iter().filter_map(position);
    let leaf = |root: usize| (0..leaves.num_columns()).find(|leaf| leaves.get_column_root_idx(*leaf) == root);
    roots
        .filter_map(leaf)
        .map(|leaf| SortingColumn { column_idx: leaf as i32, descending: false, nulls_first: true })
        .collect()
}
