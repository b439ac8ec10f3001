//! A flush that makes columns of attributes dies anywhere: every acknowledged value is there once, in the map or in its column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow::array::{
    Array, ArrayRef, AsArray, MapBuilder, RecordBatch, StringBuilder, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampNanosecondType};
use driftline_storage::testing::{Crash, SimDisk, Stop};
use driftline_storage::{
    ATTRIBUTES_COLUMN, AttributeMap, ColumnType, Durability, NewColumn, Storage, TableChange, TableOptions,
    TableSpec, TimeRange, column_id,
};

use super::workload::{Place, open};

const KEY: &str = "app.intent";

fn spec() -> TableSpec {
    let map = ColumnType::Map(Box::new(ColumnType::Text), Box::new(ColumnType::Text));
    TableSpec {
        name: "t".to_owned(),
        columns: vec![NewColumn::time(), NewColumn::new(ATTRIBUTES_COLUMN, map)],
        options: TableOptions { promote_attributes: true, ..TableOptions::default() },
    }
}

fn batch(rows: Range<i64>) -> Result<RecordBatch> {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows.clone() {
        map.keys().append_value(KEY);
        map.values().append_value(format!("\"v{row}\""));
        map.append(true)?;
    }
    let time: ArrayRef = Arc::new(TimestampNanosecondArray::from_iter_values(rows).with_timezone("UTC"));
    let map: ArrayRef = Arc::new(map.finish());
    Ok(RecordBatch::try_from_iter([("time", time), (ATTRIBUTES_COLUMN, map)])?)
}

/// Appends and flushes until the disk stops; answers how many rows were acknowledged.
async fn run(disk: &SimDisk) -> Result<i64> {
    let Ok(storage) = open(disk, Place::Disk, 10).await else { return Ok(0) };
    drop(storage.create_table(spec()).await);
    let mut acknowledged = 0;
    for (rows, flush) in [(0..80, true), (80..90, true), (90..170, false), (170..180, true)] {
        let end = rows.end;
        if storage.append("t", batch(rows)?, Durability::Durable).await.is_err() {
            break;
        }
        acknowledged = end;
        let other = NewColumn::new(format!("c{end}"), ColumnType::Int64);
        let (_, flushed) = tokio::join!(storage.alter_table("t", TableChange::AddColumn(other)), async {
            if flush { storage.flush(None).await.map(drop) } else { Ok(()) }
        });
        drop(flushed);
    }
    Ok(acknowledged)
}

/// The value of every row: time and text.
async fn values(storage: &Storage) -> Result<BTreeMap<i64, String>> {
    let snapshot = storage.snapshot();
    let Some(table) = snapshot.table("t") else { return Ok(BTreeMap::new()) };
    let columns = table.schema().columns();
    let from_attribute = columns.iter().find(|column| column.from_attribute.as_deref() == Some(KEY));
    let ids: Vec<u32> =
        [table.schema().column("time"), table.schema().column(ATTRIBUTES_COLUMN), from_attribute]
            .into_iter()
            .flatten()
            .map(|column| column.id)
            .collect();
    let mut found = BTreeMap::new();
    for segment in table.segments(TimeRange::ALL).await? {
        let reader = table.open_segment(&segment).await?;
        for group in 0..reader.row_groups() {
            take(&reader.read_columns(group, &ids).await?, &mut found)?;
        }
    }
    for batch in table.memory() {
        let schema = batch.schema();
        let position = |id: &u32| schema.fields().iter().position(|field| column_id(field) == Some(*id));
        let arrays: Vec<_> =
            ids.iter().map(|id| position(id).map(|at| Arc::clone(batch.column(at)))).collect();
        take(&arrays, &mut found)?;
    }
    Ok(found)
}

fn take(columns: &[Option<ArrayRef>], found: &mut BTreeMap<i64, String>) -> Result<()> {
    let times = columns[0].as_ref().context("every batch has times")?;
    let texts = columns.get(2).cloned().flatten().map(|array| cast(&array, &DataType::Utf8)).transpose()?;
    for (row, time) in times.as_primitive::<TimestampNanosecondType>().values().iter().enumerate() {
        let map = columns[1].as_ref().and_then(|array| AttributeMap::new(array.as_ref()));
        let in_map = map.and_then(|map| map.value(map.find(row, KEY)?)).map(|json| json.trim_matches('"'));
        let texts = texts.as_ref().map(|texts| texts.as_string::<i32>());
        let in_column = texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row));
        ensure!(in_map.is_some() != in_column.is_some(), "row {time}: {in_map:?} and {in_column:?}");
        let value = in_map.or(in_column).context("one of them")?;
        ensure!(found.insert(*time, value.to_owned()).is_none(), "row {time} is there twice");
    }
    Ok(())
}

/// Would break if a promotion and the segments that use it were not one step, or a column took the id of another.
#[tokio::test]
async fn a_promotion_that_is_stopped_anywhere_loses_no_value() -> Result<()> {
    for stop in [Stop::Before, Stop::After] {
        for n in 1.. {
            ensure!(n < super::OPERATIONS_MAX, "the workload does not end");
            let disk = SimDisk::new();
            disk.stop_at_write(n, stop);
            let acknowledged = run(&disk).await?;
            let stopped = disk.is_stopped();
            let place = format!("{stop:?} write {n}");
            for crash in [Crash::Killed, Crash::Lost, Crash::Torn] {
                let storage = open(&disk.crash(crash, n), Place::Disk, 40).await.context(place.clone())?;
                for _ in 0..2 {
                    let found = values(&storage).await.with_context(|| format!("{place}, {crash:?}"))?;
                    for row in 0..acknowledged {
                        ensure!(found.get(&row) == Some(&format!("v{row}")), "{place}, {crash:?}: row {row}");
                    }
                    storage.flush(None).await?;
                }
            }
            if !stopped {
                ensure!(n > 20 && acknowledged == 180, "the workload does not do what it should");
                break;
            }
        }
    }
    Ok(())
}
