//! Where every object lies below the root of the database.

use crate::{
    error::{Error, Result},
    schema::Partitioning,
};

/// Folder of the manifest roots.
pub(crate) const MANIFEST_DIR: &str = "manifest";
/// Folder of what other processes offer to the writer.
pub(crate) const OFFER_DIR: &str = "offers";
/// Folders of the objects that a root names, itself or by its day lists, and of offers, which go when nobody takes them.
pub(crate) const OBJECT_DIRS: [&str; 5] = ["data", "deletions", "objects", "manifest/days", OFFER_DIR];
/// Folder of the write-ahead log, below the root of a local database.
pub(crate) const WAL_DIR: &str = "wal";
/// Longest name of a table, in bytes.
const TABLE_NAME_BYTES_MAX: usize = 128;
/// Longest name of a column, in bytes.
const COLUMN_NAME_BYTES_MAX: usize = 256;

pub(crate) fn root(version: u64) -> String {
    format!("{MANIFEST_DIR}/{version:020}.json")
}

/// Reads the version back from the file name of a root; `None` for everything else that lies in the folder.
pub(crate) fn root_version(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".json")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

pub(crate) fn day_list(id: &str) -> String {
    format!("{MANIFEST_DIR}/days/{id}.json")
}

/// Where a named object lies.
pub(crate) fn object(id: &str) -> String {
    format!("objects/{id}")
}

/// Where an offer lies.
pub(crate) fn offer(id: &str) -> String {
    format!("{OFFER_DIR}/{id}.json")
}

/// Where the deletion vectors of one deletion lie.
pub(crate) fn deletions(id: &str) -> String {
    format!("deletions/{id}")
}

pub(crate) fn segment(table: &str, partitioning: Partitioning, partition: &str, id: &str) -> String {
    let unit = match partitioning {
        Partitioning::Day => "date",
        Partitioning::Month => "month",
    };
    format!("data/{table}/{unit}={partition}/{id}.parquet")
}

/// Checks the name of a table: it is a folder name in every object store and needs no quoting in SQL.
pub(crate) fn validate_table_name(name: &str) -> Result<()> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if first && rest && name.len() <= TABLE_NAME_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{name:?} is no table name: allowed are lower-case letters, digits and _, at most \
         {TABLE_NAME_BYTES_MAX}, the first no digit"
    )))
}

/// Whether a text may be the name of a column.
pub(crate) fn is_column_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= COLUMN_NAME_BYTES_MAX && !name.chars().any(char::is_control)
}

/// Checks the name of a column. Shipped tables keep to lower snake case; imported ones may need more.
pub(crate) fn validate_column_name(name: &str) -> Result<()> {
    if !is_column_name(name) {
        return Err(Error::invalid(format!(
            "{name:?} is no column name: it must have 1 to {COLUMN_NAME_BYTES_MAX} bytes and no control characters"
        )));
    }
    Ok(())
}
