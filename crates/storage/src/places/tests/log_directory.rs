//! Log directories beside buckets: whose they are, and who needs them.

use super::*;
use crate::{BackupOptions, BackupTarget};

/// A database with one row in a segment and the next one in the log alone.
async fn filled(store: &Arc<InMemory>, directory: &Path, number: i64) -> Storage {
    let storage = beside(store, directory).open().await.unwrap();
    create(&storage).await;
    append(&storage, number).await.unwrap();
    storage.flush(None).await.unwrap();
    append(&storage, number + 1).await.unwrap();
    storage
}

async fn refused(builder: StorageBuilder, says: &str) {
    let error = builder.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.message().contains(says), "{error}");
}

/// What the file of a log directory says.
fn ids(directory: &Path) -> Vec<String> {
    fs::read_to_string(directory.join(ID_FILE)).unwrap().lines().map(str::to_owned).collect()
}

fn set_ids(directory: &Path, ids: &str) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join(ID_FILE), ids).unwrap();
}

// breaks when a reader shows rows of another database's log, takes them for damage, or cannot do without a log
#[tokio::test]
async fn a_reader_reads_no_log_of_another_database() {
    let [store, other, plain] = [(); 3].map(|()| Arc::new(InMemory::new()));
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let writer = filled(&store, &at("log"), 1).await;
    let _other = filled(&other, &at("log of other"), 11).await;
    let in_bucket = on(&plain).open().await.unwrap();
    create(&in_bucket).await;
    append(&in_bucket, 21).await.unwrap();
    set_ids(&at("blank"), "\n");
    set_ids(&at("taken"), &format!("{}\nanother\n", ids(&at("log"))[0]));
    let now_ns = writer.core.clock.now_ns();
    for (store, log, says) in [
        (&other, "log", "is not the log directory of this database"),
        (&store, "log of other", "is not the log directory of this database"),
        (&store, "taken", "belongs to another database: its file ID says another, not"),
        (&store, "missing", "has no file ID"),
        (&store, "blank", "has no file ID"),
        (&plain, "log", "open it without log_directory"),
    ] {
        refused(beside(store, &at(log)).read_only(true), says).await;
        refused(beside(store, &at(log)).as_of(now_ns), says).await;
    }
    let without = on(&store).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&without).await, [1], "what is flushed");
    let with = beside(&store, &at("log")).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&with).await, [1, 2]);
    for builder in [on(&store), beside(&store, &at("log"))] {
        assert_eq!(numbers(&builder.as_of(now_ns).open().await.unwrap()).await, [1]);
    }
}

// breaks when a backup lacks the rows that lie beside the bucket alone, or when who has them, or needs none, cannot make one
#[tokio::test]
async fn a_backup_needs_the_log_directory() {
    let (store, folder) = (Arc::new(InMemory::new()), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    let writer = filled(&store, &at("log"), 1).await;
    let to = |name: &str| BackupTarget::directory(at(name));
    let held = async |name: &str| {
        let backup = Storage::builder(at(name)).read_only(true).open().await.unwrap();
        numbers(&backup).await
    };
    let without = on(&store).read_only(true).open().await.unwrap();
    let error = without.backup(to("refused"), BackupOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.message().contains("pass it as --log-dir"), "{error}");
    assert!(!at("refused").exists(), "nothing is made where it is refused");

    let with = beside(&store, &at("log")).read_only(true).open().await.unwrap();
    let report = with.backup(to("beside"), BackupOptions::default()).await.unwrap();
    assert_eq!((report.log_rows, held("beside").await), (1, vec![1, 2]));
    // the copy has all that it needs in itself
    let copy = Arc::new(InMemory::new());
    let target = BackupTarget::store(Arc::clone(&copy) as _);
    with.backup(target, BackupOptions::default()).await.unwrap();
    assert_eq!(numbers(&on(&copy).read_only(true).open().await.unwrap()).await, [1, 2]);
    refused(beside(&copy, &at("log")).read_only(true), "this is a backup").await;

    let past = on(&store).as_of(writer.core.clock.now_ns()).open().await.unwrap();
    past.backup(to("past"), BackupOptions::default()).await.unwrap();
    assert_eq!(held("past").await, [1], "a version of the past is what was flushed");
    writer.backup(to("of the writer"), BackupOptions::default()).await.unwrap();
    assert_eq!(held("of the writer").await, [1, 2]);
}

// breaks when another database is made where one has its log: whoever opens first would remove rows of the other
#[tokio::test]
async fn a_log_directory_is_of_one_database() {
    let [store, other] = [(); 2].map(|()| Arc::new(InMemory::new()));
    let directory = TempDir::new().unwrap();
    let log = directory.path();
    filled(&store, log, 1).await.close().await.unwrap();
    refused(beside(&other, log), "is that of another database: a new one needs an empty directory").await;
    let storage = beside(&store, log).open().await.unwrap();
    append(&storage, 3).await.unwrap();
    // killed
    drop(storage);
    refused(beside(&other, log), "is that of another database: a new one needs an empty directory").await;
    let storage = beside(&store, log).open().await.unwrap();
    assert_eq!((storage.recovery().rows, numbers(&storage).await), (1, vec![1, 2, 3]));
    drop(storage);
    // a log that does not say whose it is, but has rows; and one that says that it is another's
    let id = ids(log).swap_remove(0);
    set_ids(log, &id);
    refused(beside(&other, log), "a new one needs an empty directory").await;
    set_ids(log, &format!("{id}\nanother\n"));
    refused(beside(&store, log), "belongs to another database").await;
}

// breaks when a creation that was cut off cannot go on, or when a directory in the place of a lost one is refused or stays nobody's
#[tokio::test]
async fn a_log_directory_becomes_that_of_its_database() {
    let [store, other] = [(); 2].map(|()| Arc::new(InMemory::new()));
    let folder = TempDir::new().unwrap();
    let (log, replaced) = (folder.path().join("log"), folder.path().join("replaced"));
    // cut off before there was a root, and then while the file was written
    let error = beside(&store, &log).create_missing(false).open().await.unwrap_err();
    assert_eq!((error.kind(), ids(&log).len()), (ErrorKind::NotFound, 1));
    set_ids(&log, "");
    let storage = filled(&store, &log, 1).await;
    let root = storage.snapshot().root().clone();
    let written = ids(&log);
    assert_eq!(written, [root.log.unwrap(), root.database]);
    drop(storage);
    // cut off when the root was there
    set_ids(&log, &written[0]);
    let storage = beside(&store, &log).open().await.unwrap();
    assert_eq!((ids(&log), numbers(&storage).await), (written.clone(), vec![1, 2]));
    drop(storage);
    // the disk is lost, and with it what was not flushed
    set_ids(&replaced, &written[0]);
    let storage = beside(&store, &replaced).open().await.unwrap();
    assert_eq!((ids(&replaced), numbers(&storage).await), (written, vec![1]));
    append(&storage, 5).await.unwrap();
    storage.close().await.unwrap();
    refused(beside(&other, &replaced), "is that of another database").await;
}
