//! Which columns have more values than their dictionaries take. A flush cannot know; a compaction learns it from the segments that it
//! reads, and does not try again what was in vain: what lies in a dictionary before it is full lies there for nothing, and whoever
//! wants one page of the column has to read it.

use std::collections::HashMap;

use arrow::datatypes::Schema;
use parquet::{basic::Encoding, schema::types::SchemaDescriptor};

use super::SegmentReader;
use crate::schema::column_id;

/// The id of a column, and the number of a leaf in it.
type Place = (u32, usize);

/// What segments say of the dictionaries of their leaf columns.
#[derive(Debug, Default)]
pub(crate) struct Dictionaries {
    rows: HashMap<Place, Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    /// In row groups whose pages all go by the dictionary.
    within: i64,
    /// In the others.
    beyond: i64,
}

impl Dictionaries {
    /// Adds what a segment says.
    pub(crate) fn add(&mut self, segment: &SegmentReader) {
        let metadata = segment.parquet_metadata();
        let leaves = metadata.file_metadata().schema_descr();
        for leaf in 0..leaves.num_columns() {
            let Some(place) = place(leaves, segment.arrow_schema(), leaf) else { continue };
            let rows = self.rows.entry(place).or_default();
            for group in metadata.row_groups() {
                let encodings = group.column(leaf).page_encoding_stats_mask();
                match encodings.is_some_and(|encodings| encodings.is_only(Encoding::RLE_DICTIONARY)) {
                    true => rows.within += group.num_rows(),
                    false => rows.beyond += group.num_rows(),
                }
            }
        }
    }

    /// Whether a leaf is to have a dictionary, as far as is known.
    pub(super) fn is_worth(&self, leaves: &SchemaDescriptor, file: &Schema, leaf: usize) -> bool {
        let rows = place(leaves, file, leaf).and_then(|place| self.rows.get(&place));
        rows.is_none_or(|rows| rows.within >= rows.beyond)
    }
}

fn place(leaves: &SchemaDescriptor, file: &Schema, leaf: usize) -> Option<Place> {
    let root = leaves.get_column_root_idx(leaf);
    let first = (0..leaf).find(|other| leaves.get_column_root_idx(*other) == root).unwrap_or(leaf);
    Some((column_id(file.field(root))?, leaf - first))
}
