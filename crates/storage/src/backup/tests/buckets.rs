//! Backups into one prefix of a bucket, which has no lock, and copies of one database that went on apart.

use super::*;
use crate::backup::{destination::Places, lease::Lease};
use crate::manifest::Manifest;

fn pruned() -> BackupOptions<'static> {
    BackupOptions { prune: true, ..BackupOptions::default() }
}

fn bucket(disk: &SimDisk) -> BackupTarget {
    BackupTarget::bucket("s3://backups/db", disk.store())
}

// breaks when one backup removes what another one, under way in the same prefix, is about to name
#[tokio::test]
async fn one_backup_at_a_time_has_a_bucket() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    let clock = std::sync::Arc::new(ManualClock::new(1_785_000_000_000_000_000));
    let storage = on(&disk, 1).clock(std::sync::Arc::clone(&clock) as _).open().await.unwrap();
    storage.create_table(spec("t")).await.unwrap();
    append(&storage, "t", 0..5).await;
    storage.backup(bucket(&place), BackupOptions::default()).await.unwrap();
    // another run holds the place, and dies or sleeps
    let store = place.store();
    let places = Places { manifest: Manifest::new(std::sync::Arc::clone(&store) as _, 0), store };
    let other = Lease::take(&storage.core, "s3://backups/db", &places).await.unwrap();
    append(&storage, "t", 5..7).await;
    let refused = storage.backup(bucket(&place), pruned()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(refused.message().contains("another backup writes to s3://backups/db"), "{refused}");
    clock.advance(Duration::from_secs(4 * 60));
    other.keep(&storage.core, &places).await.unwrap();
    clock.advance(Duration::from_secs(4 * 60));
    assert!(storage.backup(bucket(&place), pruned()).await.is_err(), "the other was heard of since");
    clock.advance(Duration::from_secs(2 * 60));
    storage.backup(bucket(&place), pruned()).await.unwrap();
    let lost = other.check(&storage.core, &places).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Conflict, "who slept so long has lost the place");
    other.release(&places).await;
    assert_eq!(held(&place, "t").await, (0..7).collect::<Vec<_>>());
    // who is done, and who failed, gives it back
    storage.backup(bucket(&place), BackupOptions::default()).await.unwrap();
    place.fail(Operation::Write, place.operations(Operation::Write) + 3, Fault::DiskFull);
    append(&storage, "t", 7..9).await;
    storage.backup(bucket(&place), BackupOptions::default()).await.unwrap_err();
    storage.backup(bucket(&place), BackupOptions::default()).await.unwrap();
    assert_eq!(held(&place, "t").await, (0..9).collect::<Vec<_>>());
}

// breaks when a backup that was asked to stop goes on, leaves its place taken, or takes the backup before with it
#[tokio::test]
async fn a_backup_that_is_cancelled_gives_its_place_back() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    let storage = on(&disk, 1).open().await.unwrap();
    storage.create_table(spec("t")).await.unwrap();
    append(&storage, "t", 0..5).await;
    storage.backup(bucket(&place), BackupOptions::default()).await.unwrap();
    delete_below(&storage, "t", 2).await;
    append(&storage, "t", 5..9).await;
    let mut asked = 0;
    loop {
        let questions = AtomicU64::new(0);
        let is_cancelled = || questions.fetch_add(1, Ordering::Relaxed) == asked;
        let options = BackupOptions { prune: true, is_cancelled: &is_cancelled, ..BackupOptions::default() };
        let Err(error) = storage.backup(bucket(&place), options).await else { break };
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        let store = place.store();
        assert!(store.head(&Path::from("LOCK")).await.is_err(), "question {asked}");
        let held = held(&place, "t").await;
        assert!(held == [0, 1, 2, 3, 4] || held == [2, 3, 4, 5, 6, 7, 8], "question {asked}: {held:?}");
        asked += 1;
    }
    assert!(asked > 3, "{asked} questions");
    assert_eq!(held(&place, "t").await, [2, 3, 4, 5, 6, 7, 8]);
}

// breaks when the backup of another history of the same version is taken for this one
#[tokio::test]
async fn copies_that_went_on_apart_do_not_share_a_backup() {
    let (disk, place, later) = (SimDisk::new(), SimDisk::new(), SimDisk::new());
    let writer = filled(&disk).await;
    backup(&writer, &place).await;
    let source = on(&place, 2).read_only(true).open().await.unwrap();
    for (seed, is_first) in [(10, true), (11, false)] {
        let restored = SimDisk::new();
        source.restore(to(&restored), BackupOptions::default()).await.unwrap();
        let storage = on(&restored, seed).open().await.unwrap();
        append(&storage, "t", 100 + seed as i64..102 + seed as i64).await;
        let done = storage.backup(to(&later), BackupOptions::default()).await;
        if is_first {
            done.unwrap();
        } else {
            let error = done.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.message().contains("went on from an older copy"), "{error}");
        }
    }
}
