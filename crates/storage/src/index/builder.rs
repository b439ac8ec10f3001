//! Builds the index of a segment while its rows are written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::{
    array::{Array, AsArray, RecordBatch, StringArray},
    compute::cast,
    datatypes::DataType,
};
use roaring::RoaringBitmap;

use super::{
    Filtered, IndexNote, Lie, Place, Posting, VERSION,
    directory::{self, Line},
};
use crate::{
    attributes::{AttributeMap, attributes_column},
    error::{Error, Result},
    schema::{ColumnType, TableSchema, column_id},
};

/// A column or attribute of more distinct values is not indexed.
const VALUES_MAX: usize = 4_096;
/// The same of one that queries filter by.
const FILTERED_VALUES_MAX: usize = 65_536;
/// Values of all columns and attributes of a segment; those with the most distinct values go first.
const SEGMENT_VALUES_MAX: usize = 32_768;
/// Values of all that queries filter by, beside these.
const SEGMENT_FILTERED_VALUES_MAX: usize = 262_144;
/// Attributes that are indexed at most.
const ATTRIBUTES_MAX: usize = 256;
/// Longest value, in bytes: a column with a longer one is not indexed.
const VALUE_BYTES_MAX: usize = 256;
/// Rows of a block. The rows of a value are kept where no more than half of the blocks have one of them.
const BLOCK_ROWS: u32 = 1_024;

/// Rows of a container of a bitmap, and the bytes that it takes at most.
const CONTAINER_ROWS: u32 = 1 << 16;
const CONTAINER_BYTES: u64 = 8 << 10;
/// Bytes of one row in a container of few, with the room that a vector keeps.
const ROW_BYTES: u64 = 4;
/// Bytes of a value, its text and an empty bitmap, about.
const VALUE_BYTES: u64 = 128;

/// So few rows lie in the directory itself: a bitmap elsewhere would be one more read, and no smaller.
const FEW_ROWS_MAX: u64 = 16;

/// An index under way.
#[derive(Debug)]
pub(crate) struct IndexBuilder {
    /// By column id.
    columns: BTreeMap<u32, Values>,
    attributes_column: Option<u32>,
    attributes: BTreeMap<String, Values>,
    /// Attributes that queries filter by.
    filtered_attributes: BTreeSet<String>,
    /// Too many keys: of attributes nothing is known.
    too_many_attributes: bool,
    rows: u32,
    /// How much of it may lie in memory.
    bytes_max: u64,
}

/// The rows of the values of one column or attribute.
#[derive(Debug, Default)]
struct Values {
    known: HashMap<String, usize>,
    rows: Vec<Rows>,
    nulls: RoaringBitmap,
    /// Rows in bitmaps of values.
    count: u64,
    /// The last row that has a value, and that value, by its place and as a text: rows come in runs.
    last_row: Option<u32>,
    last: Option<usize>,
    last_text: String,
    /// Queries filter by it.
    filtered: bool,
    given_up: bool,
}

/// The rows of a value.
#[derive(Debug)]
enum Rows {
    Kept(RoaringBitmap),
    /// Only how many there are: when memory was short, they lay in more than half of the blocks.
    Counted(u64),
}

impl IndexBuilder {
    /// Begins an index of the columns of a table that are worth it, in so many bytes of memory. What queries filter by may have more values
    /// than others.
    pub(crate) fn new(schema: &TableSchema, filtered: &BTreeSet<Filtered>, bytes_max: u64) -> Self {
        let is_indexed = |ty: &ColumnType| {
            matches!(ty, ColumnType::Text | ColumnType::Boolean | ColumnType::Int32 | ColumnType::Int64)
        };
        let columns = schema.columns().iter();
        let columns =
            columns.filter(|column| is_indexed(&column.ty) && !schema.bloom_columns().contains(&column.id));
        let values = |id| Values::new(filtered.contains(&Filtered::Column(id)));
        let filtered_attributes = filtered.iter().filter_map(|filtered| match filtered {
            Filtered::Attribute(key) => Some(key.clone()),
            Filtered::Column(_) => None,
        });
        Self {
            columns: columns.map(|column| (column.id, values(column.id))).collect(),
            attributes_column: attributes_column(schema).map(|column| column.id),
            attributes: BTreeMap::new(),
            filtered_attributes: filtered_attributes.collect(),
            too_many_attributes: false,
            rows: 0,
            bytes_max,
        }
    }

    /// Adds the next rows of the segment.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let start = self.rows;
        self.rows += batch.num_rows() as u32;
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let Some(id) = column_id(field) else { continue };
            if let Some(values) = self.columns.get_mut(&id).filter(|values| !values.given_up) {
                let texts = cast(array, &DataType::Utf8)
                    .map_err(|error| Error::internal("cannot index a column").with_source(error))?;
                values.add_all(texts.as_string::<i32>(), start);
            } else if self.attributes_column == Some(id)
                && let Some(map) = AttributeMap::new(array.as_ref())
            {
                self.add_attributes(map, start);
            }
        }
        Ok(())
    }

    fn add_attributes(&mut self, map: AttributeMap<'_>, start: u32) {
        for row in 0..map.rows() {
            for entry in map.entries(row) {
                let key = map.key(entry);
                if !self.attributes.contains_key(key) {
                    self.too_many_attributes |=
                        self.attributes.len() == ATTRIBUTES_MAX || key.len() > VALUE_BYTES_MAX;
                    if self.too_many_attributes {
                        self.attributes.clear();
                        self.attributes_column = None;
                        return;
                    }
                    let values = Values::new(self.filtered_attributes.contains(key));
                    self.attributes.insert(key.to_owned(), values);
                }
                let number = start + row as u32;
                if let Some(values) = self.attributes.get_mut(key).filter(|values| !values.has(number)) {
                    // an attribute without a value is none to SQL, as one that is not there
                    values.add(map.value(entry).unwrap_or("null"), number);
                }
            }
        }
    }

    /// Ends the index: bitmaps and directory as bytes that begin at an offset of the file, and where the directory lies; `None` where
    /// nothing is indexed.
    pub(crate) fn finish(mut self, offset: u64) -> Result<Option<(Vec<u8>, IndexNote)>> {
        self.give_up_the_largest();
        let blocks = u64::from(self.rows.div_ceil(BLOCK_ROWS));
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        let columns = self.columns.into_iter().map(|(id, values)| (id, None, values));
        let attributes = self.attributes.into_iter().map(|(key, values)| (0, Some(key), values));
        for (column, attribute, values) in columns.chain(attributes).filter(|(.., values)| !values.given_up) {
            let mut named: Vec<(Option<String>, Rows)> = values.named();
            named.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            for (value, rows) in named {
                let posting = store(rows, blocks, offset, &mut bytes)?;
                lines.push(Line { column, attribute: attribute.clone(), value, posting });
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let directory = directory::write(&lines)
            .map_err(|error| Error::internal("cannot write the directory of an index").with_source(error))?;
        let note = IndexNote {
            version: VERSION,
            offset: offset + bytes.len() as u64,
            bytes: directory.len() as u64,
            crc32c: crc32c::crc32c(&directory),
        };
        bytes.extend_from_slice(&directory);
        Ok(Some((bytes, note)))
    }

    /// Gives up what takes more memory than there may be: first the rows of frequent values, which would not be stored either if they stay as
    /// frequent; then columns and attributes, those with the most distinct values first and what queries filter by last.
    pub(crate) fn keep_within_memory(&mut self) {
        let containers = u64::from(self.rows.div_ceil(CONTAINER_ROWS));
        let blocks = u64::from(self.rows.div_ceil(BLOCK_ROWS));
        let all = self.columns.values_mut().chain(self.attributes.values_mut());
        let mut all: Vec<&mut Values> = all.filter(|values| !values.given_up).collect();
        if all.iter().map(|values| values.memory_bytes(containers)).sum::<u64>() <= self.bytes_max {
            return;
        }
        all.iter_mut().for_each(|values| values.count_frequent(blocks));
        all.sort_by_key(|values| (!values.filtered, values.rows.len()));
        let mut left = self.bytes_max;
        for values in all {
            match left.checked_sub(values.memory_bytes(containers)) {
                Some(rest) => left = rest,
                None => values.give_up(),
            }
        }
    }

    fn give_up_the_largest(&mut self) {
        let all = self.columns.values_mut().chain(self.attributes.values_mut());
        let mut all: Vec<&mut Values> = all.filter(|values| !values.given_up).collect();
        all.sort_by_key(|values| values.rows.len());
        let (mut left, mut left_of_filtered) = (SEGMENT_VALUES_MAX, SEGMENT_FILTERED_VALUES_MAX);
        for values in all {
            let left = if values.filtered { &mut left_of_filtered } else { &mut left };
            match left.checked_sub(values.rows.len()) {
                Some(rest) => *left = rest,
                None => values.give_up(),
            }
        }
    }
}

impl Values {
    fn new(filtered: bool) -> Self {
        Self { filtered, ..Self::default() }
    }

    fn max(&self) -> usize {
        if self.filtered { FILTERED_VALUES_MAX } else { VALUES_MAX }
    }

    fn add_all(&mut self, texts: &StringArray, start: u32) {
        for row in 0..texts.len() {
            if self.given_up {
                return;
            }
            let number = start + row as u32;
            match texts.is_valid(row) {
                true => self.add(texts.value(row), number),
                false => {
                    self.nulls.insert(number);
                }
            }
        }
    }

    fn add(&mut self, value: &str, row: u32) {
        let same = self.last.filter(|_| self.last_text == value);
        let at = match same.or_else(|| self.known.get(value).copied()) {
            Some(at) => at,
            None if self.rows.len() == self.max() || value.len() > VALUE_BYTES_MAX => return self.give_up(),
            None => {
                self.known.insert(value.to_owned(), self.rows.len());
                self.rows.push(Rows::Kept(RoaringBitmap::new()));
                self.rows.len() - 1
            }
        };
        match &mut self.rows[at] {
            Rows::Kept(rows) => {
                rows.insert(row);
                self.count += 1;
            }
            Rows::Counted(count) => *count += 1,
        }
        self.last_row = Some(row);
        if self.last.replace(at) != Some(at) {
            self.last_text.clear();
            self.last_text.push_str(value);
        }
    }

    /// Whether the row, the last one that came, has a value already.
    fn has(&self, row: u32) -> bool {
        self.given_up || self.last_row == Some(row)
    }

    /// Of values in more than half of so many blocks it keeps no more than their number of rows.
    fn count_frequent(&mut self, blocks: u64) {
        for rows in &mut self.rows {
            if let Rows::Kept(kept) = rows
                && is_frequent(kept, blocks)
            {
                self.count -= kept.len();
                *rows = Rows::Counted(kept.len());
            }
        }
    }

    /// Bytes in memory at most, about, with bitmaps of so many containers: a container holds single rows, or a bit for each.
    fn memory_bytes(&self, containers: u64) -> u64 {
        let values = self.rows.len() as u64;
        let kept = self.rows.iter().filter(|rows| matches!(rows, Rows::Kept(_))).count() as u64;
        let rows = (self.count * ROW_BYTES).min(kept * containers * CONTAINER_BYTES);
        values * VALUE_BYTES + rows + containers * CONTAINER_BYTES
    }

    fn give_up(&mut self) {
        *self = Self { given_up: true, ..Self::default() };
    }

    fn named(self) -> Vec<(Option<String>, Rows)> {
        let mut rows: Vec<Option<Rows>> = self.rows.into_iter().map(Some).collect();
        let values = self.known.into_iter();
        let mut named: Vec<_> =
            values.filter_map(|(value, at)| rows[at].take().map(|rows| (Some(value), rows))).collect();
        if !self.nulls.is_empty() {
            named.push((None, Rows::Kept(self.nulls)));
        }
        named
    }
}

/// Appends the bitmap of a value, where it says something and the rows are not so few that the directory has them.
fn store(rows: Rows, blocks: u64, offset: u64, bytes: &mut Vec<u8>) -> Result<Posting> {
    let mut rows = match rows {
        Rows::Kept(rows) if !is_frequent(&rows, blocks) => rows,
        Rows::Kept(rows) => return Ok(Posting { rows: rows.len(), lie: Lie::Nowhere }),
        Rows::Counted(count) => return Ok(Posting { rows: count, lie: Lie::Nowhere }),
    };
    let count = rows.len();
    if count <= FEW_ROWS_MAX {
        return Ok(Posting { rows: count, lie: Lie::Here(rows.iter().collect()) });
    }
    rows.optimize();
    let start = bytes.len();
    rows.serialize_into(&mut *bytes)
        .map_err(|error| Error::internal("cannot write a bitmap").with_source(error))?;
    let written = &bytes[start..];
    let place = Place {
        offset: offset + start as u64,
        bytes: u32::try_from(written.len()).map_err(|_| Error::internal("a bitmap is too large"))?,
        crc32c: crc32c::crc32c(written),
    };
    Ok(Posting { rows: count, lie: Lie::At(place) })
}

/// Whether more than half of the blocks have one of these rows.
fn is_frequent(rows: &RoaringBitmap, blocks: u64) -> bool {
    rows.len() * 2 > blocks && 2 * blocks_of(rows) > blocks
}

/// How many blocks have one of these rows.
fn blocks_of(rows: &RoaringBitmap) -> u64 {
    let mut blocks = 0;
    let mut last = None;
    for row in rows {
        let block = Some(row / BLOCK_ROWS);
        blocks += u64::from(block != last);
        last = block;
    }
    blocks
}
