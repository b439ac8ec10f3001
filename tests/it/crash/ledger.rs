//! What was attempted, what was promised, and the comparison with what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use driftline_storage::testing::Crash;
use driftline_storage::{BatchId, Durability, Storage, TableSnapshot, TimeRange, column_id};

use super::workload::Place;

/// Rows are this far apart in time, so that a few of them touch several days.
const STEP_NS: i64 = 7 * 3_600_000_000_000;

/// What a crash leaves untouched, and with it what must still be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Survives {
    /// There was no crash: everything that was acknowledged is visible.
    Nothing,
    /// The process was killed.
    Kill,
    /// The power went.
    PowerCut,
}

impl From<Crash> for Survives {
    fn from(crash: Crash) -> Self {
        match crash {
            Crash::Killed => Self::Kill,
            Crash::Lost | Crash::Torn => Self::PowerCut,
        }
    }
}

/// Rows that one call writes: all of them are there, or none.
#[derive(Clone, Debug)]
struct Unit {
    rows: Vec<(&'static str, i64)>,
    with_extra: bool,
    /// What it is called, if it is not to be appended twice.
    name: Option<BatchId>,
    /// The worst that the acknowledged rows survive; `None` when the call failed.
    promise: Option<Survives>,
}

/// What is known of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    created: bool,
    /// It comes with its rows: nobody ever sees it empty.
    with_rows: bool,
    drop_attempted: bool,
    dropped: bool,
}

/// Everything that a workload did, as its caller saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) place: Place,
    units: Vec<Unit>,
    tables: BTreeMap<&'static str, Fate>,
    rows: i64,
}

/// The columns of a row as stored.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    time: i64,
    note: String,
    extra: Option<i64>,
}

/// The batch for some row ids: every other column follows from the id.
pub(super) fn batch(ids: &[i64], with_extra: bool, note: &str) -> Result<RecordBatch> {
    let time =
        TimestampNanosecondArray::from_iter_values(ids.iter().map(|id| id * STEP_NS)).with_timezone("UTC");
    let notes = StringArray::from_iter_values(ids.iter().map(|id| format!("row {id}")));
    let mut columns = vec![
        ("time", Arc::new(time) as ArrayRef),
        ("id", Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef),
        (note, Arc::new(notes) as ArrayRef),
    ];
    if with_extra {
        columns.push(("extra", Arc::new(Int64Array::from_iter_values(ids.iter().map(|id| id * 7)))));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

impl Ledger {
    /// Nothing so far, of a database in a place.
    pub(super) fn at(place: Place) -> Self {
        Self { place, ..Self::default() }
    }
    /// Numbers new rows, and notes that they are attempted. Returns the unit and the ids, table by table.
    pub(super) fn attempt(
        &mut self,
        rows: &[(&'static str, usize)],
        with_extra: bool,
    ) -> (usize, Vec<Vec<i64>>) {
        let mut unit = Unit { rows: Vec::new(), with_extra, name: None, promise: None };
        let mut ids = Vec::new();
        for (table, count) in rows {
            let first = self.rows;
            self.rows += i64::try_from(*count).expect("a few rows");
            ids.push((first..self.rows).collect::<Vec<_>>());
            unit.rows.extend((first..self.rows).map(|id| (*table, id)));
        }
        self.units.push(unit);
        (self.units.len() - 1, ids)
    }

    /// The name of a unit that is not to be appended twice.
    pub(super) fn name(&mut self, unit: usize) -> BatchId {
        let name = BatchId((unit as u128).to_le_bytes());
        self.units[unit].name = Some(name);
        name
    }

    /// The units with a name: their rows by table, and whether they have the column `extra`.
    pub(super) fn named(&self) -> impl Iterator<Item = (BatchId, BTreeMap<&'static str, Vec<i64>>, bool)> {
        self.units.iter().filter_map(|unit| {
            let mut rows: BTreeMap<_, Vec<i64>> = BTreeMap::new();
            unit.rows.iter().for_each(|(table, id)| rows.entry(*table).or_default().push(*id));
            Some((unit.name?, rows, unit.with_extra))
        })
    }

    /// Notes that a unit was acknowledged.
    pub(super) fn acknowledge(&mut self, unit: usize, durability: Durability) {
        self.units[unit].promise = Some(match durability {
            Durability::Durable => Survives::PowerCut,
            // what waits for its object is nowhere else
            Durability::Interval if self.place == Place::Bucket => Survives::Nothing,
            Durability::Interval => Survives::Kill,
            Durability::Memory => Survives::Nothing,
        });
    }

    /// Everything acknowledged so far was made durable: by a flush, by a sync.
    pub(super) fn all_durable(&mut self) {
        for promise in self.units.iter_mut().filter_map(|unit| unit.promise.as_mut()) {
            *promise = Survives::PowerCut;
        }
    }

    /// The process ended without a close: rows in memory alone may be gone.
    pub(super) fn crashed(&mut self) {
        for unit in self.units.iter_mut().filter(|unit| unit.promise == Some(Survives::Nothing)) {
            unit.promise = None;
        }
    }

    pub(super) fn create_attempted(&mut self, table: &'static str) {
        self.tables.entry(table).or_default();
    }

    pub(super) fn create_with_rows_attempted(&mut self, table: &'static str) {
        self.tables.entry(table).or_default().with_rows = true;
    }

    pub(super) fn created(&mut self, table: &'static str) {
        self.tables.entry(table).or_default().created = true;
    }

    pub(super) fn drop_attempted(&mut self, table: &'static str) {
        self.tables.entry(table).or_default().drop_attempted = true;
    }

    pub(super) fn dropped(&mut self, table: &'static str) {
        self.tables.entry(table).or_default().dropped = true;
    }

    /// Checks that acknowledged ⊆ visible ⊆ attempted.
    pub(super) async fn check(&self, storage: &Storage, survives: Survives) -> Result<()> {
        let visible = read(storage).await?;
        for (table, fate) in &self.tables {
            let there = visible.contains_key(*table);
            ensure!(there || !fate.created || fate.drop_attempted, "table {table} is gone");
            ensure!(!there || !fate.dropped, "table {table} was dropped and is back");
            let empty = visible.get(*table).is_some_and(BTreeMap::is_empty);
            ensure!(!empty || !fate.with_rows, "table {table} came without its rows");
        }
        for table in visible.keys() {
            ensure!(self.tables.contains_key(table.as_str()), "nobody ever asked for table {table}");
        }
        let mut attempted: BTreeSet<(&str, i64)> = BTreeSet::new();
        for unit in &self.units {
            self.check_unit(unit, &visible, survives).with_context(|| format!("unit {unit:?}"))?;
            attempted.extend(&unit.rows);
        }
        for (table, rows) in &visible {
            let foreign = rows.keys().find(|id| !attempted.contains(&(table.as_str(), **id)));
            ensure!(foreign.is_none(), "table {table} has row {foreign:?} that nobody wrote");
        }
        Ok(())
    }

    fn check_unit(&self, unit: &Unit, visible: &Tables, survives: Survives) -> Result<()> {
        let lasting = |(table, _): &&(&'static str, i64)| !self.tables[table].drop_attempted;
        let rows: Vec<_> = unit.rows.iter().filter(lasting).collect();
        let found = rows.iter().filter_map(|(table, id)| Some((*id, visible.get(*table)?.get(id)?)));
        let found: Vec<(i64, &Row)> = found.collect();
        let promised = unit.promise.is_some_and(|promise| promise >= survives);
        ensure!(!promised || found.len() == rows.len(), "{} of its acknowledged rows are there", found.len());
        ensure!(found.is_empty() || found.len() == rows.len(), "only {} of its rows are there", found.len());
        for (id, row) in found {
            let extra = unit.with_extra.then_some(id * 7);
            let expected = Row { time: id * STEP_NS, note: format!("row {id}"), extra };
            ensure!(*row == expected, "row {id} is {row:?}, {expected:?} was written");
        }
        Ok(())
    }

    /// The ledger of the next process: what it found is durable now, what it did not find never happened.
    pub(super) async fn settled(&self, storage: &Storage) -> Result<Self> {
        let visible = read(storage).await?;
        let mut next = self.clone();
        next.tables.retain(|table, _| visible.contains_key(*table));
        next.tables.values_mut().for_each(|fate| *fate = Fate { created: true, ..Fate::default() });
        next.units.retain_mut(|unit| {
            unit.rows.retain(|(table, id)| visible.get(*table).is_some_and(|rows| rows.contains_key(id)));
            unit.promise = Some(Survives::PowerCut);
            !unit.rows.is_empty()
        });
        Ok(next)
    }
}

type Tables = BTreeMap<String, BTreeMap<i64, Row>>;

/// Every visible row of every table, by id.
async fn read(storage: &Storage) -> Result<Tables> {
    let snapshot = storage.snapshot();
    let mut tables = Tables::new();
    for table in snapshot.tables() {
        let rows = read_table(table).await.with_context(|| format!("read table {}", table.name()))?;
        tables.insert(table.name().to_owned(), rows);
    }
    Ok(tables)
}

async fn read_table(table: &TableSnapshot) -> Result<BTreeMap<i64, Row>> {
    let schema = table.schema();
    let id = |name: &str| schema.column(name).map(|column| column.id);
    let note = id("note").or(id("remark")).context("the text column has lost its name")?;
    let columns = [id("time").context("time")?, id("id").context("id")?, note];
    let extra = id("extra");
    let ids: Vec<u32> = columns.into_iter().chain(extra).collect();
    let mut rows = BTreeMap::new();
    for segment in table.segments(TimeRange::ALL).await? {
        let reader = table.open_segment(&segment).await?;
        for group in 0..reader.row_groups() {
            take(&reader.read_columns(group, &ids).await?, &mut rows)?;
        }
    }
    for batch in table.memory() {
        let position =
            |id: &u32| batch.schema().fields().iter().position(|field| column_id(field) == Some(*id));
        let columns: Vec<_> =
            ids.iter().map(|id| position(id).map(|at| Arc::clone(batch.column(at)))).collect();
        take(&columns, &mut rows)?;
    }
    Ok(rows)
}

fn take(columns: &[Option<ArrayRef>], rows: &mut BTreeMap<i64, Row>) -> Result<()> {
    let column = |at: usize| columns[at].as_ref().with_context(|| format!("column {at} is missing"));
    let notes = cast(column(2)?, &DataType::Utf8)?;
    let extras = columns.get(3).and_then(Option::as_ref).map(|extras| extras.as_primitive::<Int64Type>());
    let times = column(0)?.as_primitive::<TimestampNanosecondType>();
    for (at, id) in column(1)?.as_primitive::<Int64Type>().values().iter().enumerate() {
        let note = notes.as_string::<i32>().value(at).to_owned();
        let extra = extras.filter(|extras| extras.is_valid(at)).map(|extras| extras.value(at));
        let twice = rows.insert(*id, Row { time: times.value(at), note, extra });
        ensure!(twice.is_none(), "row {id} is there twice");
    }
    Ok(())
}
