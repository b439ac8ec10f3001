//! The index of a compacted segment: which rows have a value, for values that few places of the segment have.
//!
//! A value that lies everywhere is found by reading everywhere, so its rows are only counted. The rows of any other are a bitmap in the
//! [portable format of roaring](https://github.com/RoaringBitmap/RoaringFormatSpec). Indexed are columns of few enough distinct
//! texts, whole numbers or booleans, and the keys that are left in the map of attributes, each with its JSON values.
//!
//! The bitmaps lie behind the last row group of the file, and behind them the directory, a compressed Arrow IPC stream; the key-value
//! metadata say where. Other readers of Parquet skip all of it. The bytes are described in `docs/file-formats.md`.

mod builder;
mod directory;
mod filtered;

use std::{collections::HashMap, ops::Range, sync::Arc};

use parquet::file::metadata::{KeyValue, ParquetMetaData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub(crate) use builder::IndexBuilder;
use directory::{Directory, Indexed};
pub(crate) use filtered::FilterCounts;
pub use filtered::Filtered;

/// The key in the metadata of the file.
const KEY: &str = "driftline.index";
/// The version of the format that this code writes. An index of another version is not used.
const VERSION: u32 = 1;

/// Where the directory of an index lies in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexNote {
    version: u32,
    offset: u64,
    bytes: u64,
    crc32c: u32,
}

/// What a note of every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The directory of the index of a segment.
#[derive(Debug)]
pub struct SegmentIndex {
    columns: HashMap<u32, IndexedValues>,
    attributes: HashMap<String, IndexedValues>,
    memory_size: usize,
}

/// The values of a column, or of an attribute.
#[derive(Debug)]
pub struct IndexedValues {
    directory: Arc<Directory>,
    /// The lines of the values, in their order.
    values: Range<usize>,
    /// The line of the rows without a value.
    nulls: Option<usize>,
}

/// The rows of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// How many they are.
    pub rows: u64,
    lie: Lie,
}

/// Where the numbers of the rows of a value lie.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lie {
    /// Nowhere: they would say little, for the value is everywhere.
    Nowhere,
    /// In the directory, for they are few.
    Here(Vec<u32>),
    /// In a bitmap in front of it.
    At(Place),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    offset: u64,
    bytes: u32,
    crc32c: u32,
}

impl IndexNote {
    pub(crate) fn to_key_value(&self) -> Result<KeyValue> {
        let json = serde_json::to_string(self)
            .map_err(|error| Error::internal("cannot write the note on an index").with_source(error))?;
        Ok(KeyValue::new(KEY.to_owned(), json))
    }

    /// Reads the note; `None` where there is no index, or one of another version.
    pub(crate) fn read(path: &str, metadata: &ParquetMetaData) -> Result<Option<Self>> {
        let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let Some(json) = pairs.filter(|pair| pair.key == KEY).find_map(|pair| pair.value.as_deref()) else {
            return Ok(None);
        };
        let damaged = |error| Error::corrupted(path, error);
        // of a note of another version nothing but that is known
        let Version { version } = serde_json::from_str(json).map_err(damaged)?;
        if version != VERSION {
            return Ok(None);
        }
        serde_json::from_str(json).map(Some).map_err(damaged)
    }

    /// The bytes of the directory in the file.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }

    /// Reads the directory and checks it.
    pub(crate) fn open(&self, path: &str, bytes: &[u8]) -> Result<SegmentIndex> {
        let found = crc32c::crc32c(bytes);
        if found != self.crc32c {
            let problem =
                format_args!("its index has checksum {:08x}, its bytes have {found:08x}", self.crc32c);
            return Err(Error::corrupted(path, problem));
        }
        let directory = Directory::read(bytes);
        let directory =
            directory.map_err(|error| Error::corrupted(path, format_args!("its index: {error}")))?;
        Ok(SegmentIndex::new(directory))
    }
}

impl SegmentIndex {
    fn new(directory: Directory) -> Self {
        let directory = Arc::new(directory);
        let (mut columns, mut attributes) = (HashMap::new(), HashMap::new());
        let mut names = 0;
        for (of, lines) in directory.runs() {
            // the rows without a value come first
            let nulls = directory.value(lines.start).is_none().then_some(lines.start);
            let values = lines.start + usize::from(nulls.is_some())..lines.end;
            let values = IndexedValues { directory: Arc::clone(&directory), values, nulls };
            match of {
                Indexed::Column(id) => drop(columns.insert(id, values)),
                Indexed::Attribute(key) => {
                    names += key.len();
                    attributes.insert(key.to_owned(), values);
                }
            }
        }
        let of_values = size_of::<IndexedValues>() * (columns.len() + attributes.len());
        let memory_size = size_of::<Self>() + directory.memory_size() + of_values + names;
        Self { columns, attributes, memory_size }
    }

    /// The values of a column: text as it is, numbers and booleans as SQL writes them. `None` where it is not indexed.
    pub fn column(&self, column_id: u32) -> Option<&IndexedValues> {
        self.columns.get(&column_id)
    }

    /// The values of an attribute that is left in the map, as JSON. `None` where it is not indexed.
    pub fn attribute(&self, key: &str) -> Option<&IndexedValues> {
        self.attributes.get(key)
    }

    /// Bytes in memory, roughly.
    pub(crate) fn memory_size(&self) -> usize {
        self.memory_size
    }
}

impl IndexedValues {
    /// The rows of a value; `None` where no row has it.
    pub fn get(&self, value: &str) -> Option<Posting> {
        self.directory.find(self.values.clone(), value).map(|line| self.directory.posting(line))
    }

    /// All values but NULL, in order.
    pub fn values(&self) -> impl Iterator<Item = (&str, Posting)> {
        let lines = self.values.clone();
        lines.filter_map(|line| Some((self.directory.value(line)?, self.directory.posting(line))))
    }

    /// The rows without a value; `None` where every row has one. Of an attribute it is always `None`.
    pub fn nulls(&self) -> Option<Posting> {
        self.nulls.map(|line| self.directory.posting(line))
    }
}

impl Posting {
    /// Whether its rows are known, not only their number.
    pub fn is_stored(&self) -> bool {
        self.lie != Lie::Nowhere
    }

    /// The rows, where the directory has them.
    pub(crate) fn few(&self) -> &[u32] {
        match &self.lie {
            Lie::Here(rows) => rows,
            _ => &[],
        }
    }

    /// The bytes of the bitmap in the file, and their checksum.
    pub(crate) fn place(&self) -> Option<(Range<u64>, u32)> {
        match &self.lie {
            Lie::At(place) => {
                Some((place.offset..place.offset.saturating_add(u64::from(place.bytes)), place.crc32c))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
