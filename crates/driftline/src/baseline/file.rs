//! The object of a baseline: an Arrow IPC file of one batch, one row a key. First the key columns, then one struct a compared column, as
//! the aggregates of `driftline_functions::baseline::summary` and `clusters` answer it. The schema's metadata say the rest. Every Arrow reader
//! understands it; docs/file-formats.md lists the fields. Its checksum is in the root that names it.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use driftline_functions::baseline::{Keys, Kind, References};
use driftline_storage::NamedObject;

use super::{Baseline, BaselineColumn};
use crate::error::{Error, ErrorKind, Result};

/// The version of the format that this code reads and writes. A reader takes the fields that it knows, by name: a later program
/// may add fields, as one did with the distributions of numbers, without another version.
const FORMAT: u32 = 1;

const FORMAT_KEY: &str = "driftline.baseline.format";
const QUERY_KEY: &str = "driftline.baseline.query";
const ROWS_KEY: &str = "driftline.baseline.rows";
const KEYS_KEY: &str = "driftline.baseline.keys";
/// In a field: the type of the column in SQL.
const TYPE_KEY: &str = "driftline.baseline.type";
/// In a field: number, text, boolean or embedding.
const KIND_KEY: &str = "driftline.baseline.kind";

/// What a column must be to be in a baseline.
pub(crate) const KINDS: &str = "a baseline holds numbers, texts, booleans and embeddings";

/// A baseline as it was measured: the keys first, then the summaries.
pub(crate) struct Measured {
    pub(crate) query: String,
    pub(crate) rows: u64,
    pub(crate) keys: usize,
    /// Name, type in SQL and kind of the compared columns.
    pub(crate) columns: Vec<(String, String, Kind)>,
    pub(crate) batch: RecordBatch,
}

/// Writes the object.
pub(crate) fn write(measured: &Measured) -> Result<Vec<u8>> {
    let schema = measured.batch.schema();
    let (keys, summaries) = schema.fields().split_at(measured.keys);
    let summaries = summaries.iter().zip(&measured.columns).map(|(field, (name, sql_type, kind))| {
        let metadata = [(TYPE_KEY, sql_type.as_str()), (KIND_KEY, kind_name(*kind))];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Arc::new(Field::new(name, field.data_type().clone(), true).with_metadata(metadata.into()))
    });
    let keys = keys.iter().map(|field| Arc::new(Field::new(field.name(), field.data_type().clone(), true)));
    let metadata = HashMap::from([
        (FORMAT_KEY.to_owned(), FORMAT.to_string()),
        (QUERY_KEY.to_owned(), measured.query.clone()),
        (ROWS_KEY.to_owned(), measured.rows.to_string()),
        (KEYS_KEY.to_owned(), measured.keys.to_string()),
    ]);
    let fields: Vec<Arc<Field>> = keys.chain(summaries).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let batch = RecordBatch::try_new(Arc::clone(&schema), measured.batch.columns().to_vec())?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// Reads the object, whose bytes are known to be those that were written.
pub(crate) fn read(
    name: &str,
    object: &NamedObject,
    content: impl AsRef<[u8]>,
    keys_missed: Arc<AtomicU64>,
) -> Result<Baseline> {
    let damaged = |problem: &str| {
        Error::new(ErrorKind::Corrupted, format!("{}: as baseline \"{name}\", {problem}", object.path()))
    };
    let reader = FileReader::try_new(Cursor::new(content.as_ref()), None)?;
    let schema = reader.schema();
    let said = |key: &str| schema.metadata().get(key).map(String::as_str);
    match said(FORMAT_KEY).and_then(|found| found.parse::<u32>().ok()) {
        Some(FORMAT) => {}
        Some(newer) if newer > FORMAT => {
            let object = format_args!("baseline \"{name}\" in {}", object.path());
            return Err(driftline_storage::Error::newer_format(object, newer, FORMAT).into());
        }
        _ => return Err(damaged("it does not say its format")),
    }
    let batch = concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>()?)?;
    let number = |key: &str| said(key).and_then(|text| text.parse::<u64>().ok());
    let (Some(rows), Some(key_count), Some(query)) = (number(ROWS_KEY), number(KEYS_KEY), said(QUERY_KEY))
    else {
        return Err(damaged("its metadata are incomplete"));
    };
    let key_count = key_count as usize;
    if key_count > batch.num_columns() {
        return Err(damaged("it has fewer columns than keys"));
    }
    let (key_arrays, summaries) = batch.columns().split_at(key_count);
    let keys = match key_count {
        0 => None,
        _ => {
            let names = schema.fields()[..key_count].iter().map(|field| field.name().clone()).collect();
            Some(Arc::new(Keys::new(names, key_arrays.to_vec())?))
        }
    };
    let column = |field: &Arc<Field>, summary: &ArrayRef| -> Result<BaselineColumn> {
        let said = |key: &str| field.metadata().get(key).map(String::as_str);
        let kind = said(KIND_KEY).and_then(kind_of).ok_or_else(|| damaged("a column has no known kind"))?;
        let references = References::read(
            (&object.id, name, field.name()),
            kind,
            summary,
            keys.clone(),
            Arc::clone(&keys_missed),
        )
        .map_err(|error| damaged(&Error::from(error).to_string()))?;
        Ok(BaselineColumn {
            name: field.name().clone(),
            sql_type: said(TYPE_KEY).unwrap_or_default().to_owned(),
            references: Arc::new(references),
        })
    };
    let fields = schema.fields()[key_count..].iter();
    let columns =
        fields.zip(summaries).map(|(field, summary)| column(field, summary)).collect::<Result<_>>()?;
    let (name, query, object) = (name.to_owned(), query.to_owned(), object.clone());
    Ok(Baseline { name, query, created_at: object.created_at, rows, keys, columns, keys_missed, object })
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "number",
        Kind::Text => "text",
        Kind::Boolean => "boolean",
        Kind::Embedding => "embedding",
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    let kinds = [Kind::Number, Kind::Text, Kind::Boolean, Kind::Embedding];
    kinds.into_iter().find(|kind| kind_name(*kind) == name)
}
