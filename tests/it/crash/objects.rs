//! Named objects: stored, replaced and dropped by a process that dies anywhere. What was acknowledged last is there, whole, or what
//! was attempted after it.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use driftline_storage::Storage;
use driftline_storage::testing::{Crash, SimDisk, Stop};

use super::workload::{Place, open};

const KIND: &str = "baseline";

/// What one name may hold: the content acknowledged last, and everything attempted since.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: Option<&'static str>,
    attempted: Vec<Option<&'static str>>,
}

async fn run(disk: &SimDisk) -> Ledger {
    let mut ledger = Ledger::default();
    let Ok(storage) = open(disk, Place::Disk, 10).await else { return ledger };
    for content in [Some("one"), Some("two"), None, Some("three"), Some("four")] {
        ledger.attempted.push(content);
        let done = match content {
            Some(text) => storage.put_object(KIND, "b", Bytes::from_static(text.as_bytes()), true).await,
            None => storage.drop_object(KIND, "b").await,
        };
        if done.is_ok() {
            ledger = Ledger { acknowledged: content, attempted: Vec::new() };
        }
    }
    ledger
}

async fn content(storage: &Storage) -> Result<Option<String>> {
    let snapshot = storage.snapshot();
    let Some(object) = snapshot.object(KIND, "b") else { return Ok(None) };
    Ok(Some(String::from_utf8(snapshot.read_object(object).await?.to_vec())?))
}

/// Would break if a root named an object that is not durable yet, or a replacement touched the object before it.
#[tokio::test]
async fn a_named_object_that_is_stopped_anywhere_is_whole() -> Result<()> {
    for stop in [Stop::Before, Stop::After] {
        for n in 1.. {
            ensure!(n < super::OPERATIONS_MAX, "the workload does not end");
            let disk = SimDisk::new();
            disk.stop_at_write(n, stop);
            let ledger = run(&disk).await;
            let stopped = disk.is_stopped();
            for crash in [Crash::Killed, Crash::Lost, Crash::Torn] {
                let place = || format!("{stop:?} write {n}, then {crash:?}: {ledger:?}");
                let storage = open(&disk.crash(crash, n), Place::Disk, 40).await.with_context(place)?;
                let found = content(&storage).await.with_context(place)?;
                let mut possible = ledger.attempted.iter().chain([&ledger.acknowledged]);
                ensure!(possible.any(|content| *content == found.as_deref()), "{}: {found:?}", place());
                let report = storage.check(true).await?;
                ensure!(report.findings.is_empty(), "{}: {:?}", place(), report.findings);
            }
            if !stopped {
                ensure!(
                    n > 10 && ledger.acknowledged == Some("four"),
                    "the workload does not do what it should"
                );
                break;
            }
        }
    }
    Ok(())
}
