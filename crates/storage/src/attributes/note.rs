//! What a segment says of its attributes, in the key-value metadata of the file: which attribute columns are complete,
//! and which keys its map still has. With it a column is pruned by its statistics, and the map stays unread.

use std::collections::BTreeSet;

use parquet::file::metadata::{KeyValue, ParquetMetaData};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    schema::TableSchema,
};

/// The key in the metadata of the file.
const KEY: &str = "driftline.attributes";
/// Keys that a note lists; with more of them it says nothing about keys.
const KEYS_MAX: usize = 256;
/// Bytes of all keys that a note lists.
const KEY_BYTES_MAX: usize = 16 * 1024;

/// What a segment says of its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Ids of the attribute columns that have the value of every row which has a fitting one.
    pub(crate) complete: BTreeSet<u32>,
    /// All keys that any row of the map may have; `None` where there are too many to say.
    pub(crate) keys: Option<BTreeSet<String>>,
}

impl Note {
    pub(crate) fn to_key_value(&self) -> Result<KeyValue> {
        let json = serde_json::to_string(self)
            .map_err(|error| Error::internal("cannot write the note on attributes").with_source(error))?;
        Ok(KeyValue::new(KEY.to_owned(), json))
    }

    /// Reads the note; `None` where there is none.
    pub(crate) fn read(path: &str, metadata: &ParquetMetaData) -> Result<Option<Self>> {
        let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let json = pairs.filter(|pair| pair.key == KEY).find_map(|pair| pair.value.as_deref());
        json.map(|json| serde_json::from_str(json).map_err(|error| Error::corrupted(path, error))).transpose()
    }

    pub(crate) fn memory_size(&self) -> usize {
        let keys = self.keys.iter().flatten().map(|key| key.len() + size_of::<String>());
        self.complete.len() * size_of::<u32>() + keys.sum::<usize>()
    }
}

/// Collects the keys of maps, up to the limits of a note.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    keys: BTreeSet<String>,
    bytes: usize,
    too_many: bool,
}

impl Keys {
    pub(super) fn add(&mut self, key: &str) {
        if self.too_many || self.keys.contains(key) {
            return;
        }
        self.bytes += key.len();
        self.too_many = self.keys.len() == KEYS_MAX || self.bytes > KEY_BYTES_MAX;
        self.keys.insert(key.to_owned());
    }

    /// Adds the keys that a note lists, or that it has too many.
    pub(crate) fn add_all(&mut self, note: &Note) {
        match &note.keys {
            Some(keys) => keys.iter().for_each(|key| self.add(key)),
            None => self.too_many = true,
        }
    }

    pub(super) fn finish(self) -> Option<BTreeSet<String>> {
        (!self.too_many).then_some(self.keys)
    }

    /// The note of rows that were all settled; `None` without attributes in the schema.
    pub(crate) fn note(&self, schema: &TableSchema) -> Option<Note> {
        super::attributes_column(schema)?;
        Some(Note { complete: super::targets(schema).collect(), keys: self.clone().finish() })
    }
}
