//! The storage engine against a model: random appends, flushes, loads, changes of tables, closes and losses of the process
//! on a real directory and on a simulated disk, compared row by row with a plain list.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use driftline_storage::{
    ColumnType, CompactOptions, Durability, NewColumn, Partitioning, Snapshot, Storage, TableChange,
    TableOptions, TableSnapshot, TableSpec, TimeRange, column_id, testing::SimDisk,
};
use proptest::prelude::*;
use tempfile::TempDir;

const DAY_NS: i64 = 86_400_000_000_000;
const TABLES: [&str; 3] = ["alpha", "beta", "gamma"];
const COLUMNS: [&str; 4] = ["a", "b", "c", "d"];
/// What the storage promises: see the merge.
const SMALL_SEGMENTS_MAX: u64 = 16;

#[derive(Debug, Clone)]
enum Step {
    Create {
        table: usize,
        monthly: bool,
        by_column: bool,
    },
    Drop {
        table: usize,
    },
    RenameTable {
        from: usize,
        to: usize,
    },
    AddColumn {
        table: usize,
        column: usize,
        text: bool,
    },
    RenameColumn {
        table: usize,
        from: usize,
        to: usize,
    },
    DropColumn {
        table: usize,
        column: usize,
    },
    Append {
        rows: Vec<(usize, Row)>,
        present: usize,
        durability: Durability,
    },
    Load {
        table: usize,
        rows: Vec<Row>,
        present: usize,
        commit: bool,
    },
    Flush {
        table: Option<usize>,
    },
    /// The rows whose number leaves a remainder.
    Delete {
        table: usize,
        divisor: i64,
        remainder: i64,
        commit: bool,
    },
    Compact {
        table: usize,
    },
    /// Objects that no version needs are removed, at once.
    Purge,
    /// Closed and opened again.
    Reopen,
    /// The process goes without a close.
    Lose,
    /// A snapshot is taken and looked at again at the end.
    Keep,
}

/// A generated row: its day, the nanosecond in it, and a number from which all values are made.
type Row = (i64, i64, i64);

fn step() -> impl Strategy<Value = Step> {
    let table = || 0..TABLES.len();
    let column = || 0..COLUMNS.len();
    let row = || (-40..40_i64, 0..4_i64, 0..6_i64);
    let durability =
        prop_oneof![Just(Durability::Durable), Just(Durability::Interval), Just(Durability::Memory)];
    prop_oneof![
        4 => (table(), any::<bool>(), any::<bool>())
            .prop_map(|(table, monthly, by_column)| Step::Create { table, monthly, by_column }),
        1 => table().prop_map(|table| Step::Drop { table }),
        1 => (table(), table()).prop_map(|(from, to)| Step::RenameTable { from, to }),
        3 => (table(), column(), any::<bool>())
            .prop_map(|(table, column, text)| Step::AddColumn { table, column, text }),
        2 => (table(), column(), column()).prop_map(|(table, from, to)| Step::RenameColumn { table, from, to }),
        2 => (table(), column()).prop_map(|(table, column)| Step::DropColumn { table, column }),
        12 => (prop::collection::vec((table(), row()), 1..40), 0..16_usize, durability)
            .prop_map(|(rows, present, durability)| Step::Append { rows, present, durability }),
        2 => (table(), prop::collection::vec(row(), 0..60), 0..16_usize, any::<bool>())
            .prop_map(|(table, rows, present, commit)| Step::Load { table, rows, present, commit }),
        4 => prop::option::of(table()).prop_map(|table| Step::Flush { table }),
        4 => (table(), 1..6_i64, 0..6_i64, prop::bool::weighted(0.8))
            .prop_map(|(table, divisor, remainder, commit)| Step::Delete { table, divisor, remainder, commit }),
        2 => table().prop_map(|table| Step::Compact { table }),
        1 => Just(Step::Purge),
        2 => Just(Step::Reopen),
        2 => Just(Step::Lose),
        1 => Just(Step::Keep),
    ]
}

/// What the storage should hold.
#[derive(Debug, Clone, Default)]
struct Model {
    tables: BTreeMap<String, Table>,
    next_row: i64,
    next_column: u32,
}

#[derive(Debug, Clone, Default)]
struct Table {
    /// The identity and type of each column beside `time` and `row`, by its present name.
    columns: BTreeMap<String, (u32, bool)>,
    sort: Option<String>,
    rows: BTreeMap<i64, Stored>,
}

#[derive(Debug, Clone)]
struct Stored {
    time: i64,
    /// By the identity of the column, which a rename does not change.
    values: BTreeMap<u32, String>,
    /// Neither in the log nor in a segment.
    volatile: bool,
}

/// A row as it is read: time, and values by column name.
type Seen = (i64, BTreeMap<String, String>);

impl Model {
    fn expected(&self) -> BTreeMap<String, BTreeMap<i64, Seen>> {
        let table = |table: &Table| {
            let row = |row: &Stored| {
                let value = |(name, (id, _)): (&String, &(u32, bool))| {
                    Some((name.clone(), row.values.get(id)?.clone()))
                };
                (row.time, table.columns.iter().filter_map(value).collect())
            };
            table.rows.iter().map(|(number, stored)| (*number, row(stored))).collect()
        };
        self.tables.iter().map(|(name, rows)| (name.clone(), table(rows))).collect()
    }
}

/// Where the storage lies.
enum World {
    Directory(TempDir),
    Disk(SimDisk),
}

impl World {
    async fn open(&self) -> Storage {
        let opened = match self {
            Self::Directory(directory) => Storage::builder(directory.path()).seed(1).open().await,
            Self::Disk(disk) => {
                Storage::builder("").seed(1).object_store(disk.store()).log(disk.log()).open().await
            }
        };
        opened.unwrap()
    }
}

#[expect(clippy::too_many_lines, reason = "one arm a step")]
/// Does one step to the storage and to the model; a step that makes no sense now must be refused and change nothing.
async fn take(step: &Step, storage: &mut Storage, model: &mut Model, world: &World) {
    match step {
        Step::Create { table, monthly, by_column } => {
            let name = TABLES[*table];
            let created = storage.create_table(spec(name, *monthly, *by_column)).await;
            assert_eq!(created.is_ok(), !model.tables.contains_key(name));
            if created.is_ok() {
                let mut table = Table::default();
                if *by_column {
                    model.next_column += 1;
                    table.columns.insert("key".to_owned(), (model.next_column, true));
                    table.sort = Some("key".to_owned());
                }
                model.tables.insert(name.to_owned(), table);
            }
        }
        Step::Drop { table } => {
            let dropped = storage.drop_table(TABLES[*table]).await;
            assert_eq!(dropped.is_ok(), model.tables.remove(TABLES[*table]).is_some());
        }
        Step::RenameTable { from, to } => {
            let (from, to) = (TABLES[*from], TABLES[*to]);
            let renamed = storage.alter_table(from, TableChange::RenameTable { to: to.to_owned() }).await;
            assert_eq!(renamed.is_ok(), model.tables.contains_key(from) && !model.tables.contains_key(to));
            if renamed.is_ok() {
                let table = model.tables.remove(from).unwrap();
                model.tables.insert(to.to_owned(), table);
            }
        }
        Step::AddColumn { table, column, text } => {
            add_column(storage, model, *table, COLUMNS[*column], *text).await
        }
        Step::RenameColumn { table, from, to } => {
            let (from, to) = (COLUMNS[*from], COLUMNS[*to]);
            let change = TableChange::RenameColumn { from: from.to_owned(), to: to.to_owned() };
            let changed = storage.alter_table(TABLES[*table], change).await;
            let table = model.tables.get_mut(TABLES[*table]);
            let sensible =
                table.as_ref().is_some_and(|t| t.columns.contains_key(from) && !t.columns.contains_key(to));
            assert_eq!(changed.is_ok(), sensible);
            if let (true, Some(table)) = (sensible, table) {
                let column = table.columns.remove(from).unwrap();
                table.columns.insert(to.to_owned(), column);
            }
        }
        Step::DropColumn { table, column } => {
            let name = COLUMNS[*column];
            let changed =
                storage.alter_table(TABLES[*table], TableChange::DropColumn { name: name.to_owned() }).await;
            let removed = model.tables.get_mut(TABLES[*table]).and_then(|table| table.columns.remove(name));
            assert_eq!(changed.is_ok(), removed.is_some());
        }
        Step::Append { rows, present, durability } => {
            append(storage, model, rows, *present, *durability).await
        }
        Step::Load { table, rows, present, commit } => {
            load(storage, model, *table, rows, *present, *commit).await
        }
        Step::Flush { table } => {
            let name = table.map(|table| TABLES[table]);
            let flushed = storage.flush(name).await;
            assert_eq!(flushed.is_ok(), name.is_none_or(|name| model.tables.contains_key(name)));
            if flushed.is_ok() {
                let flushed =
                    model.tables.iter_mut().filter(|(table, _)| name.is_none_or(|name| name == *table));
                flushed.for_each(|(_, table)| table.rows.values_mut().for_each(|row| row.volatile = false));
            }
        }
        Step::Delete { table, divisor, remainder, commit } => {
            let is_deleted = |row: i64| row % divisor == *remainder;
            let deleted = delete(storage, TABLES[*table], is_deleted, *commit).await;
            assert_eq!(deleted.is_some(), model.tables.contains_key(TABLES[*table]));
            if let (Some(deleted), Some(table)) = (deleted, model.tables.get_mut(TABLES[*table])) {
                let before = table.rows.len();
                table.rows.retain(|row, _| !(*commit && is_deleted(*row)));
                // a deletion begins with a flush
                table.rows.values_mut().for_each(|row| row.volatile = false);
                assert_eq!(deleted, (before - table.rows.len()) as u64);
            }
        }
        Step::Compact { table: table_index } => {
            let compacted = storage.compact(TABLES[*table_index], CompactOptions::default()).await;
            assert_eq!(compacted.is_ok(), model.tables.contains_key(TABLES[*table_index]));
            if let Some(table) = model.tables.get_mut(TABLES[*table_index]) {
                table.rows.values_mut().for_each(|row| row.volatile = false);
                let snapshot = storage.snapshot();
                let segments =
                    snapshot.table(TABLES[*table_index]).unwrap().segments(TimeRange::ALL).await.unwrap();
                assert!(
                    segments.iter().all(|segment| segment.deletions.is_none()),
                    "nothing deleted is left"
                );
            }
        }
        Step::Purge => {
            storage.purge().await.unwrap();
            for table in model.tables.values_mut() {
                table.rows.values_mut().for_each(|row| row.volatile = false);
            }
        }
        Step::Reopen => {
            storage.close().await.unwrap();
            for table in model.tables.values_mut() {
                table.rows.values_mut().for_each(|row| row.volatile = false);
            }
            *storage = world.open().await;
            assert_eq!(storage.recovery().rows, 0, "a close leaves nothing in the log");
        }
        Step::Lose | Step::Keep => {}
    }
}

fn spec(name: &str, monthly: bool, by_column: bool) -> TableSpec {
    let mut columns = vec![NewColumn::time(), NewColumn::new("row", ColumnType::Int64).not_null()];
    let mut sort = vec!["time".to_owned()];
    if by_column {
        columns.push(NewColumn::new("key", ColumnType::Text));
        sort.insert(0, "key".to_owned());
    }
    let partition = if monthly { Partitioning::Month } else { Partitioning::Day };
    TableSpec {
        name: name.to_owned(),
        columns,
        options: TableOptions { sort, partition, ..TableOptions::default() },
    }
}

async fn add_column(storage: &Storage, model: &mut Model, table: usize, column: &str, text: bool) {
    let ty = if text { ColumnType::Text } else { ColumnType::Int64 };
    let added = storage.alter_table(TABLES[table], TableChange::AddColumn(NewColumn::new(column, ty))).await;
    let table = model.tables.get_mut(TABLES[table]).filter(|table| !table.columns.contains_key(column));
    assert_eq!(added.is_ok(), table.is_some());
    if let Some(table) = table {
        model.next_column += 1;
        table.columns.insert(column.to_owned(), (model.next_column, text));
    }
}

async fn append(
    storage: &Storage,
    model: &mut Model,
    rows: &[(usize, Row)],
    present: usize,
    durability: Durability,
) {
    let before = model.clone();
    let mut batches = Vec::new();
    for (number, name) in TABLES.iter().enumerate() {
        let rows: Vec<Row> = rows.iter().filter(|(table, _)| *table == number).map(|(_, row)| *row).collect();
        if !rows.is_empty() {
            batches.push((
                (*name).to_owned(),
                add_rows(model, name, &rows, present, durability == Durability::Memory),
            ));
        }
    }
    let known = batches.iter().all(|(name, _)| model.tables.contains_key(name));
    let appended = storage.append_all(batches, durability).await;
    assert_eq!(appended.is_ok(), known);
    if !known {
        // all or nothing: rows for the tables that exist are refused with the others
        *model = before;
    }
}

async fn load(
    storage: &Storage,
    model: &mut Model,
    table: usize,
    rows: &[Row],
    present: usize,
    commit: bool,
) {
    let name = TABLES[table];
    let Ok(mut load) = storage.bulk_load(name) else {
        assert!(!model.tables.contains_key(name));
        return;
    };
    let before = model.clone();
    for part in rows.chunks(20) {
        load.push(add_rows(model, name, part, present, false)).await.unwrap();
    }
    if commit {
        assert_eq!(load.commit().await.unwrap().rows, rows.len() as u64);
    } else {
        *model = before;
    }
}

/// Adds rows to the model and returns them as a batch with some of the columns; bit i of `present` is column i.
fn add_rows(model: &mut Model, name: &str, rows: &[Row], present: usize, volatile: bool) -> RecordBatch {
    let mut table = model.tables.get_mut(name);
    let columns: Vec<(String, (u32, bool))> = table.iter().flat_map(|t| t.columns.clone()).collect();
    let columns = columns.into_iter().enumerate().filter(|(bit, _)| present >> (bit % 4) & 1 == 1);
    let columns: Vec<(String, (u32, bool))> = columns.map(|(_, column)| column).collect();
    let first = model.next_row;
    model.next_row += rows.len() as i64;
    let value = |row: &Row| (row.2 > 0).then_some(row.2);
    for (number, row) in (first..).zip(rows) {
        let values = columns.iter().filter_map(|(_, (id, text))| {
            value(row).map(|value| (*id, if *text { format!("v{value}") } else { value.to_string() }))
        });
        let stored = Stored { time: row.0 * DAY_NS + row.1, values: values.collect(), volatile };
        if let Some(table) = table.as_mut() {
            table.rows.insert(number, stored);
        }
    }
    let times = rows.iter().map(|row| row.0 * DAY_NS + row.1);
    let mut arrays: Vec<(String, ArrayRef)> = vec![
        ("time".to_owned(), Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))),
        ("row".to_owned(), Arc::new(Int64Array::from_iter_values(first..first + rows.len() as i64))),
    ];
    for (name, (_, text)) in columns {
        let array: ArrayRef = if text {
            Arc::new(
                rows.iter().map(|row| value(row).map(|value| format!("v{value}"))).collect::<StringArray>(),
            )
        } else {
            Arc::new(rows.iter().map(value).collect::<Int64Array>())
        };
        arrays.push((name, array));
    }
    RecordBatch::try_from_iter(arrays).unwrap()
}

/// Deletes the rows whose number answers, and says how many; `None` where there is no such table.
async fn delete(
    storage: &Storage,
    table: &str,
    is_deleted: impl Fn(i64) -> bool,
    commit: bool,
) -> Option<u64> {
    let mut deletion = storage.delete(table).await.ok()?;
    let table = Arc::clone(deletion.table());
    let row = table.schema().column("row").unwrap().id;
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let reader = table.open_segment(&segment).await.unwrap();
        for group in 0..reader.row_groups() {
            let start = reader.row_group_start(group);
            let numbers = reader.read_columns(group, &[row]).await.unwrap().remove(0).unwrap();
            let numbers = (start..).zip(numbers.as_primitive::<Int64Type>().values());
            // rows that are gone already are named again
            deletion.add(&segment.id, numbers.filter(|(_, row)| is_deleted(**row)).map(|(at, _)| at));
        }
    }
    if !commit {
        return Some(0);
    }
    Some(deletion.commit().await.unwrap().rows)
}

/// Reads everything that a snapshot has, and checks that segments are where and as they should be.
async fn read(snapshot: &Snapshot) -> BTreeMap<String, BTreeMap<i64, Seen>> {
    let mut tables = BTreeMap::new();
    for table in snapshot.tables() {
        let mut rows = BTreeMap::new();
        let ids: Vec<u32> = table.schema().columns().iter().map(|column| column.id).collect();
        for segment in table.segments(TimeRange::ALL).await.unwrap() {
            let reader = table.open_segment(&segment).await.unwrap();
            let deletions = table.deletions(&segment).await.unwrap();
            let before = rows.len();
            for group in 0..reader.row_groups() {
                let start = reader.row_group_start(group);
                let all = start..start + reader.row_group_rows(group) as u32;
                let live = deletions.as_ref().and_then(|deletions| deletions.live(all));
                let live = live.map(|live| BooleanArray::new(live, None));
                let arrays =
                    reader.read_columns(group, &ids).await.unwrap().into_iter().map(|array| match &live {
                        Some(live) => array.map(|array| filter(&array, live).unwrap()),
                        None => array,
                    });
                collect(table, &arrays.collect::<Vec<_>>(), &mut rows);
            }
            assert_eq!((rows.len() - before) as u64, segment.live_rows(), "rows of {} are new", segment.path);
            assert!(segment.is_sorted_by(table.schema().sort_key()));
        }
        for entry in table.partitions() {
            assert!(entry.segments <= SMALL_SEGMENTS_MAX, "{} segments in {}", entry.segments, entry.key);
        }
        for batch in table.memory() {
            let schema = batch.schema();
            let find = |id: &u32| schema.fields().iter().position(|field| column_id(field) == Some(*id));
            let arrays: Vec<_> =
                ids.iter().map(|id| find(id).map(|at| Arc::clone(batch.column(at)))).collect();
            let before = rows.len();
            collect(table, &arrays, &mut rows);
            assert_eq!(rows.len() - before, batch.num_rows(), "no row is in memory and in a segment");
        }
        tables.insert(table.name().to_owned(), rows);
    }
    tables
}

fn collect(table: &TableSnapshot, arrays: &[Option<ArrayRef>], rows: &mut BTreeMap<i64, Seen>) {
    let position = |name: &str| table.schema().index_of(table.schema().column(name).unwrap().id).unwrap();
    let times = arrays[position("time")].as_ref().unwrap().as_primitive::<TimestampNanosecondType>();
    let numbers = arrays[position("row")].as_ref().unwrap().as_primitive::<Int64Type>();
    let texts: Vec<(&str, ArrayRef)> = table
        .schema()
        .columns()
        .iter()
        .zip(arrays)
        .filter(|(column, _)| column.name != "time" && column.name != "row")
        .filter_map(|(column, array)| {
            Some((column.name.as_str(), cast(array.as_ref()?, &DataType::Utf8).ok()?))
        })
        .collect();
    for row in 0..times.len() {
        let present = texts.iter().filter(|(_, array)| array.is_valid(row));
        let values =
            present.map(|(name, array)| ((*name).to_owned(), array.as_string::<i32>().value(row).to_owned()));
        rows.insert(numbers.value(row), (times.value(row), values.collect()));
    }
}

/// Runs a history and compares after each step.
async fn run(world: World, steps: &[Step]) {
    let mut storage = world.open().await;
    let mut model = Model::default();
    let mut kept = Vec::new();
    for step in steps {
        match step {
            Step::Lose => {
                drop(std::mem::take(&mut kept));
                for table in model.tables.values_mut() {
                    table.rows.retain(|_, row| !row.volatile);
                }
                drop(storage);
                storage = world.open().await;
            }
            Step::Keep => kept.push((storage.snapshot(), model.expected())),
            _ => take(step, &mut storage, &mut model, &world).await,
        }
        assert_eq!(read(&storage.snapshot()).await, model.expected(), "after {step:?}");
    }
    for (snapshot, expected) in kept {
        assert_eq!(read(&snapshot).await, expected, "a snapshot never changes");
    }
    assert_eq!(storage.check(true).await.unwrap().findings, []);
    storage.close().await.unwrap();
}

/// A history: at least one table is there from the start.
fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40).prop_map(|mut steps| {
        steps.insert(0, Step::Create { table: 0, monthly: false, by_column: true });
        steps
    })
}

fn block_on(history: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(history);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_storage_holds_what_the_model_holds(steps in history()) {
        // breaks when any order of steps loses, doubles, invents or changes a row, or changes what a snapshot shows
        block_on(run(World::Disk(SimDisk::new()), &steps));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_directory_holds_what_the_model_holds(steps in history()) {
        // breaks as the one above, and when real files behave otherwise than the simulated disk
        block_on(run(World::Directory(TempDir::new().unwrap()), &steps));
    }
}
