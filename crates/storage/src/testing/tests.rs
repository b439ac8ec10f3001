//! The simulation must be at least as unkind as the world: these tests hold it to that.

use std::io::Read;

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use super::*;
use crate::wal::{LogFile, LogStore};

fn read(disk: &SimDisk, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    disk.log().open_read(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A file with 1000 synced and 4000 unsynced bytes.
fn half_synced() -> (SimDisk, Box<dyn LogFile>) {
    let disk = SimDisk::new();
    let mut file = disk.log().create("a.wal").unwrap();
    file.append(&[1; 1_000]).unwrap();
    file.sync().unwrap();
    file.append(&[2; 4_000]).unwrap();
    (disk, file)
}

/// Would break if a crash kept what was not synced, lost what was, or was not repeatable.
#[test]
fn a_crash_leaves_what_was_synced_and_what_its_kind_allows() {
    let (disk, _file) = half_synced();
    assert_eq!(disk.synced_bytes("a.wal"), Some(1_000));
    assert_eq!(read(&disk.crash(Crash::Killed, 0), "a.wal").len(), 5_000);
    assert_eq!(read(&disk.crash(Crash::Lost, 0), "a.wal"), [1; 1_000]);
    let (mut lengths, mut with_hole) = (Vec::new(), 0);
    for seed in 0..100 {
        let torn = read(&disk.crash(Crash::Torn, seed), "a.wal");
        assert_eq!(torn[..1_000], [1; 1_000]);
        assert_eq!(torn, read(&disk.crash(Crash::Torn, seed), "a.wal"));
        with_hole += usize::from(torn[1_000..].contains(&0));
        lengths.push(torn.len());
    }
    lengths.sort_unstable();
    lengths.dedup();
    assert!(lengths.len() > 50 && with_hole > 20, "{} lengths, {with_hole} with a hole", lengths.len());
}

/// Would break if bytes that a killed process left in the page cache counted as durable for the next one.
#[test]
fn a_kill_makes_nothing_durable() {
    let (disk, _file) = half_synced();
    let next = disk.crash(Crash::Killed, 0);
    assert_eq!(read(&next.crash(Crash::Lost, 0), "a.wal").len(), 1_000);
    let next = disk.crash(Crash::Killed, 0);
    next.log().truncate("a.wal", 5_000).unwrap();
    assert_eq!(read(&next.crash(Crash::Lost, 0), "a.wal").len(), 5_000);
}

/// Would break if a second sync could repair a failed one: the kernel drops the pages that it could not write.
#[test]
fn a_failed_sync_is_never_made_good() {
    let (disk, mut file) = half_synced();
    disk.fail(Operation::Write, disk.operations(Operation::Write) + 1, Fault::Io);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(disk.synced_bytes("a.wal"), Some(1_000));
}

/// Would break if a failed write were always whole or always absent.
#[test]
fn a_failed_append_leaves_a_part() {
    let (disk, mut file) = half_synced();
    disk.fail(Operation::Write, disk.operations(Operation::Write) + 1, Fault::DiskFull);
    let error = file.append(&[3; 100]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(read(&disk, "a.wal").len(), 5_050);
}

/// Would break if a dead process could still write, or if log and store counted for themselves.
#[tokio::test]
async fn a_stop_ends_log_and_store_together() {
    for stop in [Stop::Before, Stop::After] {
        let disk = SimDisk::new();
        disk.stop_at_write(2, stop);
        let (log, store) = (disk.log(), disk.store());
        log.create("a.wal").unwrap();
        assert!(store.put(&"a".into(), "a".into()).await.is_err());
        assert!(disk.is_stopped());
        assert!(log.create("b.wal").is_err() && log.list().is_err());
        assert!(store.put(&"b".into(), "b".into()).await.is_err());
        let after = disk.crash(Crash::Lost, 0);
        let objects: Vec<_> = after.store().list(None).try_collect().await.unwrap();
        assert_eq!(objects.len(), usize::from(stop == Stop::After));
        assert_eq!(after.log().list().unwrap(), ["a.wal"]);
        // two worlds from here on
        after.store().put(&"c".into(), "c".into()).await.unwrap();
        let twin = disk.crash(Crash::Lost, 0);
        assert!(twin.store().get(&"c".into()).await.is_err());
    }
}

/// Would break if a fault fired twice, or at another operation than asked for.
#[tokio::test]
async fn a_fault_fires_once() {
    let disk = SimDisk::new();
    disk.fail(Operation::Write, 2, Fault::Io);
    disk.fail(Operation::Read, 1, Fault::Io);
    let store = disk.store();
    let results = [store.put(&"a".into(), "a".into()).await, store.put(&"b".into(), "b".into()).await];
    assert_eq!(results.map(|result| result.is_ok()), [true, false]);
    assert!(store.get(&"a".into()).await.is_err());
    assert!(store.get(&"a".into()).await.is_ok());
    assert!(store.put(&"b".into(), "b".into()).await.is_ok());
    assert_eq!((disk.operations(Operation::Write), disk.operations(Operation::Read)), (3, 2));
}
