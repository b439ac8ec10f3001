//! Rows: each has a number, from which everything else in it follows. How they are written, and how they are read back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray},
    compute::cast,
    datatypes::{DataType, Int64Type, TimestampNanosecondType},
};
use driftline_storage::{
    ColumnType, IdProbe, NewColumn, PartitionEntry, Result, SegmentMeta, Snapshot, TableOptions,
    TableSnapshot, TableSpec, TimeRange, column_id,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::DAY;

/// The tables: the first keeps its rows for some days, the second for ever, in the order of its notes and with filters of its numbers.
pub(super) const TABLES: [&str; 2] = ["fleeting", "lasting"];
/// Bytes of the text that notes are cut from.
const TEXT_BYTES: usize = 1 << 20;
/// So many days the first table keeps its rows.
pub(super) const RETENTION_DAYS: u32 = 3;

/// A row: which table it is in, when it happened, and how long its note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) table: usize,
    pub(super) time: i64,
    pub(super) note_bytes: usize,
}

/// The numbers of the rows of each table.
pub(super) type Seen = [BTreeSet<i64>; TABLES.len()];

pub(super) fn spec(table: usize) -> TableSpec {
    let mut columns = vec![NewColumn::time(), NewColumn::new("row", ColumnType::Int64).not_null()];
    columns.push(NewColumn::new("note", ColumnType::Text));
    let mut options = TableOptions::default();
    match table {
        0 => options.retention = Some(DAY * RETENTION_DAYS),
        _ => {
            options.sort = vec!["note".to_owned(), "time".to_owned()];
            options.bloom = vec!["row".to_owned()];
        }
    }
    TableSpec { name: TABLES[table].to_owned(), columns, options }
}

impl Row {
    /// Text that hardly compresses.
    fn note(&self) -> &'static str {
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            let mut random = ChaCha8Rng::seed_from_u64(1);
            (0..TEXT_BYTES).map(|_| char::from(random.random_range(b' '..=b'~'))).collect()
        });
        let start = self.number as usize * 7_919 % (TEXT_BYTES - self.note_bytes);
        &TEXT[start..start + self.note_bytes]
    }
}

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.time));
    let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.number));
    let notes = StringArray::from_iter_values(rows.iter().map(Row::note));
    RecordBatch::try_from_iter([
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef),
        ("row", Arc::new(numbers) as ArrayRef),
        ("note", Arc::new(notes) as ArrayRef),
    ])
    .unwrap()
}

/// The rows of a segment by their place in it, deleted ones too.
pub(super) async fn segment(
    table: &TableSnapshot,
    segment: &Arc<SegmentMeta>,
) -> Result<Vec<(i64, i64, String)>> {
    let ids: Vec<u32> = ["row", "time", "note"].map(|name| table.schema().column(name).unwrap().id).to_vec();
    let reader = table.open_segment(segment).await?;
    let mut rows = Vec::new();
    for group in 0..reader.row_groups() {
        rows.extend(in_columns(&reader.read_columns(group, &ids).await?));
    }
    Ok(rows)
}

/// The rows that a snapshot has, compared with what was written: problems come as texts.
pub(super) async fn read(
    snapshot: &Snapshot,
    written: impl Fn(i64) -> Option<Row>,
    problems: &mut Vec<String>,
) -> Result<Seen> {
    let mut seen = Seen::default();
    for (index, name) in TABLES.iter().enumerate() {
        let Some(table) = snapshot.table(name) else { continue };
        let mut rows = Vec::new();
        for meta in table.segments(TimeRange::ALL).await? {
            let all = segment(table, &meta).await?;
            let deletions = table.deletions(&meta).await?;
            let live = deletions.and_then(|deletions| deletions.live(0..all.len() as u32));
            let before = rows.len();
            let is_live = |at: &usize| live.as_ref().is_none_or(|live| live.value(*at));
            rows.extend(all.into_iter().enumerate().filter(|(at, _)| is_live(at)).map(|(_, row)| row));
            if let Some((number, ..)) = rows.get(before)
                && !is_looked_up(table, &meta, *number).await?
            {
                problems.push(format!("row {number} of {name} is not where an id filter says"));
            }
            if (rows.len() - before) as u64 != meta.live_rows() {
                problems.push(format!("{} has {} live rows", meta.path, rows.len() - before));
            }
        }
        for batch in table.memory() {
            let column = |name: &str| {
                let id = table.schema().column(name).unwrap().id;
                let at = batch.schema().fields().iter().position(|field| column_id(field) == Some(id));
                at.map(|at| Arc::clone(batch.column(at)))
            };
            rows.extend(in_columns(&[column("row"), column("time"), column("note")]));
        }
        for (number, time, note) in rows {
            let expected = written(number).filter(|row| row.table == index);
            if expected.is_none_or(|row| row.time != time || row.note() != note) {
                problems.push(format!("row {number} of {name} at {time} is not what was written"));
            }
            if !seen[index].insert(number) {
                problems.push(format!("row {number} of {name} is there twice"));
            }
        }
    }
    Ok(seen)
}

/// Whether id filters leave the segment of a row when its number is looked for.
async fn is_looked_up(table: &TableSnapshot, meta: &SegmentMeta, number: i64) -> Result<bool> {
    let column = table.schema().column("row").unwrap().id;
    let probe = IdProbe { column, from_attribute: false, values: vec![number.to_le_bytes().to_vec()] };
    let partitions: Vec<_> = table.partitions().iter().collect();
    let answer = table.ask_ids(&[probe], &partitions).await?;
    let is_kept = |day: &&PartitionEntry| day.key == meta.partition && answer.may_be_in(day);
    let row_groups = answer.row_groups(meta);
    Ok(partitions.iter().any(is_kept) && row_groups.is_none_or(|row_groups| row_groups.contains(&true)))
}

fn in_columns(columns: &[Option<ArrayRef>]) -> Vec<(i64, i64, String)> {
    let column = |index: usize| columns[index].as_ref().expect("every row has all values");
    let times = column(1).as_primitive::<TimestampNanosecondType>();
    let numbers = column(0).as_primitive::<Int64Type>();
    let notes = cast(column(2), &DataType::Utf8).unwrap();
    let notes = notes.as_string::<i32>();
    (0..numbers.len())
        .map(|row| (numbers.value(row), times.value(row), notes.value(row).to_owned()))
        .collect()
}

/// The objects that a snapshot names and the roots up to it.
pub(super) async fn named(snapshot: &Snapshot) -> Result<BTreeMap<String, &'static str>> {
    let mut named = BTreeMap::from([(format!("manifest/{:020}.json", snapshot.version()), "root")]);
    for table in snapshot.tables() {
        named.extend(
            table.partitions().iter().map(|day| (format!("manifest/days/{}.json", day.list), "list")),
        );
        named.extend(table.id_filters().map(|path| (path, "id filter")));
        for segment in table.segments(TimeRange::ALL).await? {
            named.insert(segment.path.clone(), "segment");
            named.extend(segment.deletions.iter().map(|found| (found.path(), "deletions")));
        }
    }
    named.extend(snapshot.objects("batches").map(|(_, object)| (object.path(), "batches")));
    Ok(named)
}
