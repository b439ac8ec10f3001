//! Whatever stops the process, and wherever: acknowledged ⊆ visible ⊆ attempted, and what is sent again is there once.
//!
//! One scripted workload runs on a simulated disk that dies at its n-th write, for every n, or fails one operation, for
//! every operation. The ledger knows what was attempted and what was promised, and compares it with what the next process
//! finds: table by table, batch by batch, row by row.

mod ledger;
mod objects;
mod promotion;
mod workload;

use anyhow::{Context, Result, ensure};
use driftline_storage::testing::{Crash, Fault, Operation, SimDisk, Stop};

use ledger::{Ledger, Survives};
use workload::{Place, open, run};

/// Far more operations than the workload has: an endless loop fails instead of hanging.
const OPERATIONS_MAX: u64 = 2_000;

/// Reopens what a crash left and compares; then works on, and compares once more after a power cut. A torn tail is the
/// same as a lost one by then.
async fn check_after(disk: &SimDisk, crash: Crash, seed: u64, ledger: &Ledger) -> Result<()> {
    let disk = disk.crash(crash, seed);
    let storage = open(&disk, ledger.place, 40).await.context("reopen")?;
    ledger.check(&storage, Survives::from(crash)).await?;
    // what is there already must not come twice, which the ledger sees when it reads
    workload::send_again(&storage, ledger).await.context("send again")?;
    ledger.check(&storage, Survives::from(crash)).await.context("sent again")?;
    let report = storage.check(true).await.context("check")?;
    ensure!(report.findings.is_empty(), "findings: {:?}", report.findings);
    if crash == Crash::Torn {
        return Ok(());
    }
    let mut ledger = ledger.settled(&storage).await?;
    // with a flush the next process begins from a new root, without one from the log of three processes
    let flushes = crash == Crash::Killed;
    workload::work_on(&storage, &mut ledger, flushes).await.context("work on")?;
    drop(storage);
    let disk = disk.crash(Crash::Lost, seed);
    let storage = open(&disk, ledger.place, 50).await.context("reopen twice")?;
    ledger.check(&storage, Survives::PowerCut).await.context("after the second crash")
}

async fn stop_everywhere(place: Place, stop: Stop) -> Result<()> {
    for n in 1..OPERATIONS_MAX {
        let disk = SimDisk::new();
        disk.stop_at_write(n, stop);
        let mut ledger = Ledger::at(place);
        let finished = run(&disk, &mut ledger).await;
        let stopped = disk.is_stopped();
        ensure!(stopped || finished.is_ok(), "nothing failed, and yet: {finished:?}");
        for crash in [Crash::Killed, Crash::Lost, Crash::Torn] {
            let at = || format!("{stop:?} write {n}, then {crash:?}");
            check_after(&disk, crash, n, &ledger).await.with_context(at)?;
        }
        if !stopped {
            ensure!(n > 80, "the workload has only {n} writes: it does not do what it should");
            return Ok(());
        }
    }
    anyhow::bail!("the workload does not end")
}

/// Fails one operation of a process that lives on.
async fn fail_everywhere(place: Place, operation: Operation, fault: Fault) -> Result<()> {
    for n in 1..OPERATIONS_MAX {
        let disk = SimDisk::new();
        disk.fail(operation, n, fault);
        let mut ledger = Ledger::at(place);
        let at = || format!("{fault:?} at {operation:?} {n}");
        let storage = run(&disk, &mut ledger).await.with_context(at)?;
        let ran = disk.operations(operation);
        let mut seen = ledger.check(&storage, Survives::Nothing).await;
        let checked = disk.operations(operation);
        if seen.is_err() && ran < n && n <= checked {
            // the failed operation was a read of the check itself: it said so, and works now
            seen = ledger.check(&storage, Survives::Nothing).await;
        }
        seen.with_context(at).context("the living process")?;
        if checked < n {
            ensure!(n > 20, "the workload has only {n} operations: it does not do what it should");
            return Ok(());
        }
        drop(storage);
        for crash in [Crash::Killed, Crash::Lost] {
            check_after(&disk, crash, n, &ledger).await.with_context(at).context(format!("{crash:?}"))?;
        }
    }
    anyhow::bail!("the workload does not end")
}

/// Would break if any step acknowledged before it was durable, or left half of itself behind.
#[tokio::test]
async fn a_stop_before_every_write_loses_nothing_acknowledged() -> Result<()> {
    stop_everywhere(Place::Disk, Stop::Before).await
}

/// Would break if a step that happened, but whose caller never learned of it, could not be understood by the next process.
#[tokio::test]
async fn a_stop_after_every_write_loses_nothing_acknowledged() -> Result<()> {
    stop_everywhere(Place::Disk, Stop::After).await
}

/// Would break if an error of the device were swallowed, retried blindly, or took acknowledged rows with it.
#[tokio::test]
async fn a_failed_write_is_reported_and_loses_nothing_acknowledged() -> Result<()> {
    fail_everywhere(Place::Disk, Operation::Write, Fault::Io).await
}

/// Would break if a full disk did more harm than refusing what is new.
#[tokio::test]
async fn a_full_disk_is_reported_and_loses_nothing_acknowledged() -> Result<()> {
    fail_everywhere(Place::Disk, Operation::Write, Fault::DiskFull).await
}

/// Would break if an unreadable object were taken for an empty or a missing one.
#[tokio::test]
async fn a_failed_read_is_reported_and_loses_nothing_acknowledged() -> Result<()> {
    fail_everywhere(Place::Disk, Operation::Read, Fault::Io).await
}

/// Would break if the log in a bucket acknowledged before its object was there, or if the next process did not get behind what a
/// killed one left.
#[tokio::test]
async fn a_bucket_loses_nothing_acknowledged_wherever_its_writer_stops() -> Result<()> {
    stop_everywhere(Place::Bucket, Stop::Before).await?;
    stop_everywhere(Place::Bucket, Stop::After).await
}

/// Would break if a request that failed, or lost its answer, took rows with it, or was taken for another writer's.
#[tokio::test]
async fn a_bucket_loses_nothing_acknowledged_whichever_request_fails() -> Result<()> {
    fail_everywhere(Place::Bucket, Operation::Write, Fault::Io).await?;
    fail_everywhere(Place::Bucket, Operation::Write, Fault::Unanswered).await?;
    fail_everywhere(Place::Bucket, Operation::Read, Fault::Io).await
}
