//! The workload: every kind of call that changes a database, in an order that makes them meet.

use std::sync::Arc;

use anyhow::Result;
use driftline_storage::testing::{ManualClock, SimDisk};
use driftline_storage::{
    BulkLoad, ColumnType, Durability, Error, LoadReport, NewColumn, Storage, StorageOptions, TableChange,
    TableOptions, TableSpec,
};

use super::ledger::{Ledger, batch};

type Rows = [(&'static str, usize)];

/// Where the database lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Objects and log files on a disk.
    #[default]
    Disk,
    /// Objects alone, the log among them.
    Bucket,
}

/// Opens the database on a simulated disk. Every process has its own seed: the clock stands still, and the names of objects
/// must differ.
pub(super) async fn open(disk: &SimDisk, place: Place, process: u64) -> Result<Storage, Error> {
    let storage = match place {
        Place::Disk => Storage::builder("simulated").log(disk.log()),
        Place::Bucket => Storage::builder("memory://"),
    };
    storage
        .options(StorageOptions::default())
        .clock(Arc::new(ManualClock::new(1_785_585_600_000_000_000)))
        .seed(process)
        .object_store(disk.store())
        .open()
        .await
}

/// Opens the database of a process that lives on: an error of the device comes once, the second attempt works.
async fn open_again(disk: &SimDisk, place: Place, process: u64) -> Result<Storage, Error> {
    match open(disk, place, process).await {
        Err(_) => open(disk, place, process + 1).await,
        opened => opened,
    }
}

/// Runs the workload. Calls that fail are noted as attempted, and the next one follows; so it fails only when the database
/// cannot be opened.
pub(super) async fn run(disk: &SimDisk, ledger: &mut Ledger) -> Result<Storage, Error> {
    let storage = open_again(disk, ledger.place, 10).await?;
    create(&storage, ledger, "a").await;
    append(&storage, ledger, &[("a", 3)], Durability::Durable).await;
    create(&storage, ledger, "b").await;
    append(&storage, ledger, &[("b", 2)], Durability::Durable).await;
    append(&storage, ledger, &[("a", 2), ("b", 1)], Durability::Durable).await;
    append(&storage, ledger, &[("b", 1)], Durability::Interval).await;
    flush(&storage, ledger, Some("a")).await;
    append(&storage, ledger, &[("a", 1)], Durability::Interval).await;
    append(&storage, ledger, &[("a", 2)], Durability::Durable).await;
    flush(&storage, ledger, None).await;
    bulk_load(&storage, ledger, "b", 6).await;
    bulk_create(&storage, ledger, "d", 4).await;
    // the last frame holds rows of both tables, of which one is flushed
    append(&storage, ledger, &[("a", 1), ("b", 1)], Durability::Durable).await;
    flush(&storage, ledger, Some("b")).await;
    let add = TableChange::AddColumn(NewColumn::new("extra", ColumnType::Int64));
    drop(storage.alter_table("a", add).await);
    append_extra(&storage, ledger, "a", 2).await;
    // dies with rows in memory of two tables, one of which will be gone
    create(&storage, ledger, "c").await;
    append(&storage, ledger, &[("c", 2), ("a", 1)], Durability::Durable).await;
    remove(&storage, ledger, "c").await;
    drop(storage.close().await);
    drop(storage);

    let storage = open_again(disk, ledger.place, 20).await?;
    append(&storage, ledger, &[("b", 2)], Durability::Durable).await;
    let rename = TableChange::RenameColumn { from: "note".to_owned(), to: "remark".to_owned() };
    drop(storage.alter_table("b", rename).await);
    append(&storage, ledger, &[("b", 1), ("a", 1)], Durability::Durable).await;
    append(&storage, ledger, &[("a", 1)], Durability::Memory).await;
    drop(storage);

    // the last process did not close: its log is replayed, its rows in memory alone are gone
    ledger.crashed();
    let storage = open_again(disk, ledger.place, 30).await?;
    append(&storage, ledger, &[("a", 1), ("b", 1)], Durability::Durable).await;
    flush(&storage, ledger, None).await;
    append(&storage, ledger, &[("a", 1)], Durability::Durable).await;
    Ok(storage)
}

/// What the process after a crash does: every call must work.
pub(super) async fn work_on(storage: &Storage, ledger: &mut Ledger, flushes: bool) -> Result<()> {
    let table = "after";
    ledger.create_attempted(table);
    storage.create_table(spec(table)).await?;
    ledger.created(table);
    let mut batches = Vec::new();
    let tables: Vec<&'static str> =
        ["a", "b", table].into_iter().filter(|table| storage.snapshot().table(table).is_some()).collect();
    let rows: Vec<_> = tables.iter().map(|table| (*table, 1)).collect();
    for flush in [flushes, false] {
        let (unit, ids) = ledger.attempt(&rows, false);
        for (table, ids) in tables.iter().zip(ids) {
            batches.push(((*table).to_owned(), batch(&ids, false, note(storage, table))?));
        }
        storage.append_all(std::mem::take(&mut batches), Durability::Durable).await?;
        ledger.acknowledge(unit, Durability::Durable);
        if flush {
            storage.flush(None).await?;
        }
    }
    Ok(())
}

fn spec(name: &str) -> TableSpec {
    let columns = vec![
        NewColumn::time(),
        NewColumn::new("id", ColumnType::Int64).not_null(),
        NewColumn::new("note", ColumnType::Text),
    ];
    TableSpec { name: name.to_owned(), columns, options: TableOptions::default() }
}

/// What the text column is called now.
fn note(storage: &Storage, table: &str) -> &'static str {
    let snapshot = storage.snapshot();
    match snapshot.table(table).and_then(|table| table.schema().column("remark")) {
        Some(_) => "remark",
        None => "note",
    }
}

async fn create(storage: &Storage, ledger: &mut Ledger, table: &'static str) {
    ledger.create_attempted(table);
    if storage.create_table(spec(table)).await.is_ok() {
        ledger.created(table);
    }
}

async fn remove(storage: &Storage, ledger: &mut Ledger, table: &'static str) {
    ledger.drop_attempted(table);
    if storage.drop_table(table).await.is_ok() {
        ledger.dropped(table);
    }
}

async fn append(storage: &Storage, ledger: &mut Ledger, rows: &Rows, durability: Durability) {
    append_with(storage, ledger, rows, durability, false).await;
}

async fn append_extra(storage: &Storage, ledger: &mut Ledger, table: &'static str, rows: usize) {
    append_with(storage, ledger, &[(table, rows)], Durability::Durable, true).await;
}

async fn append_with(
    storage: &Storage,
    ledger: &mut Ledger,
    rows: &Rows,
    durability: Durability,
    extra: bool,
) {
    let (unit, ids) = ledger.attempt(rows, extra);
    let batches = rows.iter().zip(ids).map(|((table, _), ids)| {
        let batch = batch(&ids, extra, note(storage, table)).expect("columns of one length");
        ((*table).to_owned(), batch)
    });
    let batches = batches.collect();
    let appended = match durability {
        Durability::Durable => storage.append_once(ledger.name(unit), batches).await.map(drop),
        _ => storage.append_all(batches, durability).await.map(drop),
    };
    if appended.is_ok() {
        ledger.acknowledge(unit, durability);
    }
}

/// Appends again what was appended by name, as a client does that does not know what became of it.
pub(super) async fn send_again(storage: &Storage, ledger: &Ledger) -> Result<()> {
    for (name, rows, extra) in ledger.named() {
        let snapshot = storage.snapshot();
        let fits = |table: &str| {
            snapshot.table(table).is_some_and(|table| !extra || table.schema().column("extra").is_some())
        };
        if !rows.keys().all(|table| fits(table)) {
            continue;
        }
        let batches = rows.into_iter().map(|(table, ids)| {
            let batch = batch(&ids, extra, note(storage, table))?;
            Ok((table.to_owned(), batch))
        });
        storage.append_once(name, batches.collect::<Result<_>>()?).await?;
    }
    Ok(())
}

async fn flush(storage: &Storage, ledger: &mut Ledger, table: Option<&str>) {
    if storage.flush(table).await.is_ok() && table.is_none() {
        ledger.all_durable();
    }
}

/// Loads rows in two batches over several days: all of them or none.
async fn bulk_load(storage: &Storage, ledger: &mut Ledger, table: &'static str, rows: usize) {
    let (unit, ids) = ledger.attempt(&[(table, rows)], false);
    if fill(storage.bulk_load(table), &ids[0], note(storage, table)).await.is_ok() {
        ledger.acknowledge(unit, Durability::Durable);
    }
}

/// Loads rows into a table that comes with them: table and rows, or nothing.
async fn bulk_create(storage: &Storage, ledger: &mut Ledger, table: &'static str, rows: usize) {
    ledger.create_with_rows_attempted(table);
    let (unit, ids) = ledger.attempt(&[(table, rows)], false);
    if fill(storage.bulk_create(spec(table)), &ids[0], "note").await.is_ok() {
        ledger.created(table);
        ledger.acknowledge(unit, Durability::Durable);
    }
}

async fn fill(load: Result<BulkLoad, Error>, ids: &[i64], note: &str) -> Result<LoadReport, Error> {
    let mut load = load?;
    let (first, second) = ids.split_at(ids.len() / 2);
    for ids in [first, second] {
        load.push(batch(ids, false, note).expect("columns of one length")).await?;
    }
    load.commit().await
}
