//! What keeps a database in order, at any time; and at a quiet point, where it must come out exactly.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use driftline_storage::{
    Clock, CompactOptions, TimeRange,
    wal::{LogStore, Position, inspect},
};
use futures::TryStreamExt;
use object_store::ObjectStore;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    DAY, DAY_NS,
    act::{GRACE, Rules},
    ledger::{Survives, is_retired},
    process::Writer,
    rows::{RETENTION_DAYS, Seen, TABLES, named, segment},
};

/// Lets some time pass; now and then the clock is set back.
pub(super) fn tick(writer: &Writer, rules: Rules, random: &mut ChaCha8Rng) {
    let clock = &writer.scene.clock;
    let step = match random.random_range(0..8) {
        0..4 => Duration::from_millis(1),
        _ if rules.is_slow => Duration::from_micros(100),
        4 => Duration::from_secs(1),
        5 => Duration::from_secs(70),
        6 => {
            clock.set_now_ns(clock.now_ns() - random.random_range(1..50) * 1_000_000_000);
            return writer.scene.schedule.note("the clock is set back");
        }
        _ => {
            writer.scene.removals.fetch_add(1, Ordering::SeqCst);
            2 * GRACE
        }
    };
    clock.advance(step);
    writer.scene.schedule.note(&format!("{step:?} pass"));
}

/// One of the duties.
pub(super) async fn keep_order(writer: &Arc<Writer>, random: &mut ChaCha8Rng) {
    let table = random.random_range(0..TABLES.len());
    match random.random_range(0..10) {
        0..3 => flush(writer, random.random_bool(0.5).then_some(table)).await,
        3..6 => compact(writer, table).await,
        6 => retire(writer).await,
        7 => match writer.storage.collect_garbage().await {
            Ok(_) => {}
            Err(error) => writer.failed("collect garbage", &error),
        },
        8 => {
            writer.scene.removals.fetch_add(1, Ordering::SeqCst);
            writer.scene.purges.fetch_add(1, Ordering::SeqCst);
            let held = random.random_bool(0.5).then(|| writer.storage.snapshot());
            for _ in 0..if held.is_some() { random.random_range(0..8) } else { 0 } {
                writer.turn("purge on").await;
            }
            if let Err(error) = writer.storage.purge().await {
                writer.failed("purge", &error);
            }
            writer.scene.purges.fetch_sub(1, Ordering::SeqCst);
        }
        _ => match writer.storage.check(random.random_bool(0.5)).await {
            // what the store did not answer is a finding, too
            Ok(report) if writer.was_faulty.load(Ordering::SeqCst) || writer.is_challenged() => drop(report),
            Ok(_) if writer.disk.is_stopped() => {}
            Ok(report) if report.findings.is_empty() => {}
            Ok(report) => writer.violated(format!("the check finds {:?}", report.findings)),
            Err(error) => writer.failed("check", &error),
        },
    }
}

async fn flush(writer: &Writer, table: Option<usize>) {
    let counts = !writer.is_replaced();
    let rows = writer.scene.ledger.lock().unwrap().acknowledged(table);
    match writer.storage.flush(table.map(|table| TABLES[table])).await {
        Ok(report) => {
            if report.tables > 0 {
                writer.committed("a flush", report.version);
            }
            if counts && !writer.is_replaced_at(report.version) {
                let broken = writer.scene.ledger.lock().unwrap().durable(&rows);
                if !broken.is_empty() {
                    writer.violated(format!("flushed rows are not found: {broken:?}"));
                }
            }
        }
        Err(error) => writer.failed("flush", &error),
    }
}

async fn compact(writer: &Writer, table: usize) {
    match writer.storage.compact(TABLES[table], CompactOptions::default()).await {
        Ok(report) if report.partitions > 0 => writer.committed("a compaction", report.version),
        Ok(_) => {}
        Err(error) => writer.failed("compact", &error),
    }
}

/// The time before which a day has left the first table.
fn cutoff_ns(writer: &Writer) -> i64 {
    writer.scene.clock.now_ns() - i64::from(RETENTION_DAYS) * DAY_NS
}

async fn retire(writer: &Writer) {
    if !writer.is_replaced() {
        writer.scene.ledger.lock().unwrap().retire(cutoff_ns(writer));
    }
    match writer.storage.apply_retention().await {
        Ok(report) if report.partitions > 0 => writer.committed("retention", report.version),
        Ok(_) => {}
        Err(error) => writer.failed("retention", &error),
    }
}

/// Reads a new snapshot at a point where nothing fails, and compares.
pub(super) async fn look(writer: &Writer, what: &str, after: Survives) -> Seen {
    let snapshot = writer.storage.snapshot();
    let bounds = writer.scene.ledger.lock().unwrap().bounds(after);
    let seen = writer.read(what, &snapshot).await.expect("nothing fails here");
    writer.scene.compare(what, &bounds, &seen);
    seen
}

/// A quiet point: nobody is at work and nothing fails.
pub(super) async fn settle_down(writer: &Writer, random: &mut ChaCha8Rng) {
    let seen = look(writer, "at a quiet point", Survives::Life).await;
    look_again(writer).await;
    if writer.storage.status().poisoned.is_some() {
        return;
    }
    let report = writer.storage.check(true).await.expect("nothing fails here");
    if !report.findings.is_empty() {
        writer.violated(format!("the check finds {:?}", report.findings));
    }
    if random.random_bool(0.5) {
        writer.storage.flush(None).await.expect("nothing fails here");
        for (table, rows) in seen.iter().enumerate() {
            writer.storage.compact(TABLES[table], CompactOptions::default()).await.expect("nor here");
            writer.scene.schedule.note(&format!("{} rows of {} are compacted", rows.len(), TABLES[table]));
        }
        let compacted = look(writer, "after a compaction", Survives::Life).await;
        if compacted != seen {
            writer.violated(format!("compaction made {compacted:?} of {seen:?}"));
        }
        look_again(writer).await;
    }
    if random.random_bool(0.5) {
        retire_exactly(writer).await;
        look_again(writer).await;
    }
    if random.random_bool(0.4) {
        purge_exactly(writer).await;
    }
}

/// Every snapshot that was kept shows what it showed.
pub(super) async fn look_again(writer: &Writer) {
    let kept = writer.kept.lock().unwrap().clone();
    for (snapshot, seen) in kept {
        let now = writer.read("a snapshot that was kept", &snapshot).await.expect("nothing fails here");
        if now != seen {
            writer.violated(format!("snapshot {} showed {seen:?} and shows {now:?}", snapshot.version()));
        }
    }
}

/// Retention takes whole expired days, and nothing else.
async fn retire_exactly(writer: &Writer) {
    writer.storage.flush(None).await.expect("nothing fails here");
    let before = look(writer, "before retention", Survives::Life).await;
    let cutoff = cutoff_ns(writer);
    let row = |number: &i64| writer.scene.ledger.lock().unwrap().row(*number).expect("it was written");
    let expired: BTreeSet<i64> =
        before[0].iter().copied().filter(|number| is_retired(&row(number), cutoff)).collect();
    let days: BTreeSet<i64> = expired.iter().map(|number| row(number).time.div_euclid(DAY_NS)).collect();
    writer.scene.ledger.lock().unwrap().retire(cutoff);
    let report = writer.storage.apply_retention().await.expect("nothing fails here");
    let after = look(writer, "after retention", Survives::Life).await;
    let mut expected = before;
    expected[0].retain(|number| !expired.contains(number));
    if after != expected || (report.rows, report.partitions) != (expired.len() as u64, days.len() as u64) {
        writer.violated(format!("{expired:?} of {days:?} were to retire: {report:?}, {after:?} is left"));
    }
    writer.scene.ledger.lock().unwrap().settle_retired(&after);
}

/// After a purge, the objects are those that the newest version names, and no row lies anywhere that is not seen.
async fn purge_exactly(writer: &Writer) {
    writer.kept.lock().unwrap().clear();
    for table in TABLES {
        writer.storage.compact(table, CompactOptions::default()).await.expect("nothing fails here");
    }
    let seen = look(writer, "before a purge", Survives::Life).await;
    writer.scene.removals.fetch_add(1, Ordering::SeqCst);
    // what was made before the clock was set back is not of the future any more
    writer.scene.clock.advance(2 * GRACE);
    let report = writer.storage.purge().await.expect("nothing fails here");
    if let Err(error) = report.complete() {
        writer.violated(format!("nothing else reads or writes, and a purge says: {error}"));
    }
    let purged = look(writer, "after a purge", Survives::Life).await;
    if purged != seen {
        writer.violated(format!("a purge made {purged:?} of {seen:?}"));
    }
    let snapshot = writer.storage.snapshot();
    let named = named(&snapshot).await.expect("nothing fails here");
    let objects = writer.disk.store().list(None);
    let objects: Vec<String> =
        objects.map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
    let stray: Vec<&String> = objects.iter().filter(|object| !named.contains_key(*object)).collect();
    let missing: BTreeMap<_, _> = named.iter().filter(|(object, _)| !objects.contains(object)).collect();
    if !stray.is_empty() || !missing.is_empty() {
        writer.violated(format!("after a purge {stray:?} are left over, and {missing:?} are missing"));
    }
    for (index, name) in TABLES.iter().enumerate() {
        let Some(table) = snapshot.table(name) else { continue };
        for meta in table.segments(TimeRange::ALL).await.expect("nothing fails here") {
            for (number, ..) in segment(table, &meta).await.expect("nothing fails here") {
                if !seen[index].contains(&number) {
                    writer.violated(format!("row {number} still lies in {}", meta.path));
                }
            }
        }
    }
    purged_log(writer, &seen);
}

/// No row lies in the log that nobody sees.
fn purged_log(writer: &Writer, seen: &Seen) {
    let log = writer.disk.log();
    let files = writer.disk.log_files();
    let Some((_, first)) = files.first().filter(|(_, bytes)| bytes.len() >= 36) else { return };
    let from = Position(u64::from_le_bytes(first[28..36].try_into().expect("eight bytes")));
    let mut numbers = BTreeSet::new();
    let read = inspect(log.as_ref() as &dyn LogStore, from, &mut |_, record| {
        for entry in &record.entries {
            let rows = entry.batch.columns().iter().filter_map(|column| {
                column.as_any().downcast_ref::<arrow::array::Int64Array>().map(|rows| rows.values().to_vec())
            });
            numbers.extend(rows.flatten());
        }
        Ok(())
    });
    if let Err(error) = read {
        writer.violated(format!("the log cannot be read: {error}"));
    }
    numbers.retain(|number| !seen.iter().any(|rows| rows.contains(number)));
    if !numbers.is_empty() {
        writer.violated(format!("rows still lie in the log: {numbers:?}"));
    }
}

/// Lets days pass.
pub(super) fn sleep_over(writer: &Writer, days: u32) {
    writer.scene.removals.fetch_add(1, Ordering::SeqCst);
    writer.scene.clock.advance(DAY * days);
}
