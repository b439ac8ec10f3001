//! The object that keeps an SLO's counts over a restart: an Arrow IPC file, one row a partition, group and minute. It is a cache: what cannot be read, or was
//! counted by another query, is counted anew. docs/file-formats.md lists the fields; its checksum is in the root that names it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Int64Type, Schema};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use serde::{Deserialize, Serialize};

use super::counts::{Counts, Events};
use super::store::Partition;
use crate::error::Result;

/// The kind under which the manifest keeps the objects.
pub(crate) const COUNTS: &str = "slo_counts";
const FINGERPRINT_KEY: &str = "driftline.slo.fingerprint";
const PARTITIONS_KEY: &str = "driftline.slo.partitions";
/// Columns that are no group: partition, minute and three counts.
const OTHER_COLUMNS: usize = 5;

/// What is counted of a partition.
#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    list: String,
    segments: BTreeSet<String>,
}

/// Writes the counts of partitions.
pub(super) fn write(fingerprint: &str, partitions: &BTreeMap<String, Partition>) -> Result<Vec<u8>> {
    let counted: BTreeMap<&str, Counted> = partitions
        .iter()
        .map(|(key, partition)| {
            let (list, segments) = (partition.list.clone(), partition.segments.clone());
            (key.as_str(), Counted { list, segments })
        })
        .collect();
    let rows: Vec<_> = partitions
        .iter()
        .flat_map(|(key, partition)| {
            partition.counts.rows().map(move |(group, minute, events)| (key, group, minute, events))
        })
        .collect();
    let groups = rows.first().map_or(0, |(_, group, ..)| group.len());
    let counts = |count: fn(&Events) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(.., events)| count(events))))
    };
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("partition".to_owned(), Arc::new(StringArray::from_iter_values(rows.iter().map(|(key, ..)| key)))),
        (
            "minute".to_owned(),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, _, minute, _)| *minute))),
        ),
        ("good".to_owned(), counts(|events| events.good)),
        ("bad".to_owned(), counts(|events| events.bad)),
        ("ineligible".to_owned(), counts(|events| events.unknown)),
    ];
    for at in 0..groups {
        let values = rows.iter().map(|(_, group, ..)| group[at].as_deref());
        columns.push((format!("group_{at}"), Arc::new(StringArray::from_iter(values))));
    }
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
    let metadata = HashMap::from([
        (FINGERPRINT_KEY.to_owned(), fingerprint.to_owned()),
        (PARTITIONS_KEY.to_owned(), serde_json::to_string(&counted).expect("texts are JSON")),
    ]);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, column)| column).collect())?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// Reads them; `None` where they are not those of this query.
pub(super) fn read(content: &[u8], fingerprint: &str) -> Option<BTreeMap<String, Partition>> {
    let reader = FileReader::try_new(Cursor::new(content), None).ok()?;
    let schema = reader.schema();
    let metadata = schema.metadata();
    if metadata.get(FINGERPRINT_KEY)? != fingerprint {
        return None;
    }
    let counted: BTreeMap<String, Counted> = serde_json::from_str(metadata.get(PARTITIONS_KEY)?).ok()?;
    let mut counts: BTreeMap<&str, Counts> =
        counted.keys().map(|key| (key.as_str(), Counts::default())).collect();
    for batch in reader {
        let batch = batch.ok()?;
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>().cloned();
        let (good, bad, unknown) = (number("good")?, number("bad")?, number("ineligible")?);
        let minutes = batch.column_by_name("minute")?.as_primitive_opt::<Int64Type>()?;
        let keys = batch.column_by_name("partition")?.as_string_opt::<i32>()?;
        let groups = (OTHER_COLUMNS..batch.num_columns()).map(|at| batch.column(at).as_string_opt::<i32>());
        let groups: Vec<&StringArray> = groups.collect::<Option<_>>()?;
        for row in 0..batch.num_rows() {
            let group: Vec<Option<String>> = groups
                .iter()
                .map(|values| values.is_valid(row).then(|| values.value(row).to_owned()))
                .collect();
            let events = Events { good: good.value(row), bad: bad.value(row), unknown: unknown.value(row) };
            counts.get_mut(keys.value(row))?.add(&group, minutes.value(row), events);
        }
    }
    let mut counts: BTreeMap<String, Counts> =
        counts.into_iter().map(|(key, counts)| (key.to_owned(), counts)).collect();
    let partition = |(key, Counted { list, segments })| {
        let counts = Arc::new(counts.remove(&key).unwrap_or_default());
        (key, Partition { list, segments, counts })
    };
    Some(counted.into_iter().map(partition).collect())
}

#[cfg(test)]
mod tests;
