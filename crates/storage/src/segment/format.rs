//! The version of what is ours in a segment, in the key-value metadata of the file: how columns are encoded for our reader, what the
//! checksums cover, what the notes mean. Other readers of Parquet skip it.

use parquet::file::metadata::{KeyValue, ParquetMetaData};

use crate::error::{Error, Result};

/// The key in the metadata of the file.
pub(super) const KEY: &str = "driftline.format";
/// The version that this code writes, and the newest that it reads.
const FORMAT: u32 = 1;

pub(super) fn to_key_value() -> KeyValue {
    KeyValue::new(KEY.to_owned(), FORMAT.to_string())
}

/// Refuses a segment of a newer format before anything else in it is looked at.
pub(super) fn check(path: &str, metadata: &ParquetMetaData) -> Result<()> {
    let mut pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let found = pairs.find(|pair| pair.key == KEY).and_then(|pair| pair.value.as_deref());
    let found = found.ok_or_else(|| Error::corrupted(path, "it does not say its format"))?;
    match found.parse::<u32>() {
        Ok(FORMAT) => Ok(()),
        Ok(newer) if newer > FORMAT => Err(Error::newer_format(path, newer, FORMAT)),
        _ => Err(Error::corrupted(path, format_args!("{found:?} is no number of a format"))),
    }
}
