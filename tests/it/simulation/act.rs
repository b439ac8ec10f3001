//! What actors do, one call of the database a step.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use driftline_storage::{Clock, Durability, Result, TimeRange};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    DAY_NS,
    keep::{keep_order, tick},
    ledger::Survives,
    process::Writer,
    rows::{Row, TABLES, batch, segment},
};

/// Days over which new rows are spread, the present one included.
const DAYS: i64 = 5;

/// Somebody who works on a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Append,
    Load,
    Delete,
    Read,
    /// Opens the database for reading only, as another process would.
    Watch,
    /// Flushes, compacts, retires, collects garbage.
    Keep,
    /// Lets time pass.
    Tick,
}

pub(super) const ROLES: [Role; 7] =
    [Role::Append, Role::Load, Role::Delete, Role::Read, Role::Watch, Role::Keep, Role::Tick];

/// How a round is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Bytes of the longest note.
    pub(super) note_bytes_max: usize,
    /// Time passes in small steps, so that no row waits for a sync on a thread that nobody waits for.
    pub(super) is_slow: bool,
}

/// Works until all steps are done or the process is dead.
pub(super) async fn act(writer: Arc<Writer>, role: Role, steps: u32, rules: Rules, mut random: ChaCha8Rng) {
    for _ in 0..steps {
        if !writer.turn(&format!("{role:?}")).await {
            break;
        }
        match role {
            Role::Append => append(&writer, rules, &mut random).await,
            Role::Load => load(&writer, rules, &mut random).await,
            Role::Delete => delete(&writer, &mut random).await,
            Role::Read => read(&writer, &mut random).await,
            Role::Watch => watch(&writer).await,
            Role::Keep => keep_order(&writer, &mut random).await,
            Role::Tick => tick(&writer, rules, &mut random),
        }
    }
}

/// Makes rows of the last days; some are of one moment, and some come late.
pub(super) fn new_rows(
    writer: &Writer,
    count: usize,
    table: usize,
    rules: Rules,
    random: &mut ChaCha8Rng,
) -> Vec<Row> {
    let now_ns = writer.scene.clock.now_ns();
    let today = now_ns.div_euclid(DAY_NS);
    let mut ledger = writer.scene.ledger.lock().unwrap();
    let day = today - random.random_range(0..DAYS);
    (0..count)
        .map(|_| {
            let day = if random.random_ratio(3, 4) { day } else { today - random.random_range(0..DAYS) };
            let time = day * DAY_NS + random.random_range(0..4) * (DAY_NS / 4);
            let note_bytes = random.random_range(0..=rules.note_bytes_max);
            Row { number: ledger.next_row(), table, time, note_bytes }
        })
        .collect()
}

/// Notes rows as attempted. Those of a writer that was replaced must never be seen.
pub(super) fn attempt(writer: &Writer, rows: Vec<Row>, durability: Durability, named: bool) -> usize {
    let mut ledger = writer.scene.ledger.lock().unwrap();
    let (first, last) = (rows.first().map(|row| row.number), rows.last().map(|row| row.number));
    let unit = ledger.attempt(rows, durability, named && !writer.is_challenged());
    let what = format!("{}: unit {unit} is {first:?} to {last:?}, {durability:?}", writer.process);
    writer.scene.schedule.note(&what);
    if writer.is_replaced() {
        ledger.never(unit);
    }
    unit
}

async fn append(writer: &Arc<Writer>, rules: Rules, random: &mut ChaCha8Rng) {
    let again = writer.scene.ledger.lock().unwrap().unknown();
    if let Some(unit) = again.choose(random).filter(|_| random.random_ratio(1, 2) && !writer.is_challenged())
    {
        writer.scene.ledger.lock().unwrap().attempt_again(*unit);
        return send(writer, *unit).await;
    }
    let mut rows = Vec::new();
    for table in 0..TABLES.len() {
        if rows.is_empty() || random.random_ratio(1, 3) {
            let count = if random.random_ratio(1, 8) { 60 } else { random.random_range(1..8) };
            rows.extend(new_rows(writer, count, (table + rows.len()) % TABLES.len(), rules, random));
        }
    }
    let durability = match random.random_range(0..6) {
        0 if rules.is_slow => Durability::Interval,
        1 => Durability::Memory,
        _ => Durability::Durable,
    };
    let named = durability == Durability::Durable && random.random_ratio(1, 2);
    let unit = attempt(writer, rows, durability, named);
    send(writer, unit).await;
}

/// Appends the rows of a unit.
pub(super) async fn send(writer: &Writer, unit: usize) {
    let unit_of = writer.scene.ledger.lock().unwrap().unit(unit).clone();
    let mut batches = Vec::new();
    for (table, name) in TABLES.iter().enumerate() {
        let rows: Vec<Row> = unit_of.rows.iter().filter(|row| row.table == table).copied().collect();
        if !rows.is_empty() {
            batches.push(((*name).to_owned(), batch(&rows)));
        }
    }
    let appended = match unit_of.name {
        Some(name) => writer.storage.append_once(name, batches).await.map(drop),
        None => writer.storage.append_all(batches, unit_of.durability).await.map(drop),
    };
    if let Err(error) = appended {
        return writer.failed("append", &error);
    }
    if writer.is_replaced() {
        return;
    }
    let survives = match unit_of.durability {
        Durability::Durable => Survives::PowerCut,
        Durability::Interval => Survives::Kill,
        Durability::Memory => Survives::Life,
    };
    writer.scene.schedule.note(&format!("{}: unit {unit} is appended", writer.process));
    let broken = writer.scene.ledger.lock().unwrap().acknowledge(unit, survives);
    if !broken.is_empty() {
        writer.violated(format!("rows of unit {unit} are acknowledged and were not found: {broken:?}"));
    }
}

async fn load(writer: &Arc<Writer>, rules: Rules, random: &mut ChaCha8Rng) {
    let table = random.random_range(0..TABLES.len());
    let batches: Vec<Vec<Row>> = (0..random.random_range(1..5))
        .map(|_| new_rows(writer, random.random_range(1..60), table, rules, random))
        .collect();
    let unit = attempt(writer, batches.concat(), Durability::Durable, false);
    let loaded = async {
        let mut load = writer.storage.bulk_load(TABLES[table])?;
        for rows in &batches {
            load.push(batch(rows)).await?;
            writer.turn("load on").await;
        }
        if random.random_ratio(1, 6) { Ok(None) } else { load.commit().await.map(Some) }
    };
    let loaded: Result<_> = loaded.await;
    match loaded {
        Ok(Some(report)) => {
            writer.committed("a load", report.version);
            writer.scene.schedule.note(&format!("{}: unit {unit} is loaded", writer.process));
            let broken = writer.scene.ledger.lock().unwrap().acknowledge(unit, Survives::PowerCut);
            if !broken.is_empty() && !writer.is_replaced_at(report.version) {
                writer.violated(format!("loaded rows are not found: {broken:?}"));
            }
        }
        Ok(None) => writer.scene.ledger.lock().unwrap().never(unit),
        Err(error) => writer.failed("load", &error),
    }
}

/// Deletes the rows whose number leaves a remainder, of some days.
async fn delete(writer: &Arc<Writer>, random: &mut ChaCha8Rng) {
    let table = random.random_range(0..TABLES.len());
    let divisor = random.random_range(1..7);
    let since = writer.scene.clock.now_ns() - random.random_range(1..DAYS) * DAY_NS;
    let is_chosen = |number: i64, time: i64| number % divisor == 0 && time >= since;
    let is_given_up = random.random_ratio(1, 6);
    let mut deletion = match writer.storage.delete(TABLES[table]).await {
        Ok(deletion) => deletion,
        Err(error) => return writer.failed("begin a deletion", &error),
    };
    let found = Arc::clone(deletion.table());
    let mut rows = BTreeSet::new();
    let marked: Result<()> = async {
        for meta in found.segments(TimeRange::ALL).await? {
            let all = segment(&found, &meta).await?;
            let deletions = found.deletions(&meta).await?;
            let live = deletions.and_then(|deletions| deletions.live(0..all.len() as u32));
            let is_live = |at: usize| live.as_ref().is_none_or(|live| live.value(at));
            let chosen = (0..all.len()).filter(|at| is_live(*at) && is_chosen(all[*at].0, all[*at].1));
            let chosen: Vec<usize> = chosen.collect();
            rows.extend(chosen.iter().map(|at| all[*at].0));
            deletion.add(&meta.id, chosen.into_iter().map(|at| at as u32));
        }
        Ok(())
    }
    .await;
    if let Err(error) = marked {
        if !writer.is_replaced() {
            writer.failed("look for rows to delete", &error);
        }
        return;
    }
    writer.turn("delete on").await;
    if is_given_up {
        return;
    }
    let count = rows.len() as u64;
    // what a writer does that was replaced is nobody's concern
    let attempt = (!writer.is_replaced()).then(|| writer.scene.ledger.lock().unwrap().delete(rows));
    match (deletion.commit().await, attempt) {
        (Ok(report), attempt) => {
            if report.rows != count {
                writer.violated(format!("{} rows are deleted, {count} were marked", report.rows));
            }
            if count > 0 {
                writer.committed("a deletion", report.version);
            }
            writer.scene.schedule.note(&format!("{}: deletion {attempt:?} is done", writer.process));
            let alive = attempt.map(|attempt| writer.scene.ledger.lock().unwrap().deleted(attempt));
            if let Some(alive) = alive.filter(|alive| !alive.is_empty()) {
                writer.violated(format!("deleted rows were found by the next writer: {alive:?}"));
            }
        }
        (Err(error), attempt) => {
            writer.failed("delete", &error);
            if let Some(attempt) = attempt {
                let is_certain = writer.storage.status().poisoned.is_none() && !writer.disk.is_stopped();
                writer.scene.ledger.lock().unwrap().not_deleted(attempt, is_certain);
            }
        }
    }
}

/// Takes a snapshot, or looks again at one that was taken before.
async fn read(writer: &Arc<Writer>, random: &mut ChaCha8Rng) {
    let again = {
        let kept = writer.kept.lock().unwrap();
        kept.choose(random).filter(|_| random.random_ratio(1, 2)).cloned()
    };
    if let Some((snapshot, seen)) = again {
        if let Some(now) = writer.read("a snapshot again", &snapshot).await
            && now != seen
        {
            writer.violated(format!("snapshot {} showed {seen:?} and shows {now:?}", snapshot.version()));
        }
        return;
    }
    let snapshot = writer.storage.snapshot();
    let bounds = (!writer.is_replaced()).then(|| writer.bounds());
    if let Some(seen) = writer.read("a snapshot", &snapshot).await {
        if let Some(bounds) = bounds {
            writer.scene.compare(&format!("a snapshot of version {}", snapshot.version()), &bounds, &seen);
        }
        let mut kept = writer.kept.lock().unwrap();
        if kept.len() > 4 {
            kept.remove(0);
        }
        kept.push((snapshot, seen));
    }
}

/// Opens for reading only, compares, and compares again later.
async fn watch(writer: &Arc<Writer>) {
    let scene = &writer.scene;
    let removals = scene.removals.load(Ordering::SeqCst);
    let is_purged = scene.purges.load(Ordering::SeqCst) > 0;
    let before = scene.ledger.lock().unwrap().bounds(Survives::Kill);
    let (process, .., opened) = scene.open(&writer.disk, true).await;
    // rows of a writer whose log was taken away may be anywhere
    let after = scene.ledger.lock().unwrap().bounds(Survives::Kill);
    let bounds = before.until(&after);
    let is_comparable = !writer.is_challenged();
    let is_whole = || scene.removals.load(Ordering::SeqCst) == removals && !is_purged;
    let reader = match opened {
        Ok(reader) => reader,
        Err(error) => return writer.failed("open for reading", &error),
    };
    let snapshot = reader.snapshot();
    let mut first = None;
    for _ in 0..2 {
        match scene.read("another process", &snapshot).await {
            Ok(seen) => {
                if is_comparable {
                    scene.compare(&format!("another process at {}", snapshot.version()), &bounds, &seen);
                }
                if first.get_or_insert_with(|| seen.clone()) != &seen {
                    writer.violated(format!("what another process sees has changed to {seen:?}"));
                }
            }
            Err(error) if is_whole() => writer.failed("read in another process", &error),
            Err(_) => {}
        }
        writer.turn("watch on").await;
    }
    scene.schedule.free(process);
}

/// So long a snapshot is good in another process.
pub(super) const GRACE: Duration = Duration::from_secs(3_600);
