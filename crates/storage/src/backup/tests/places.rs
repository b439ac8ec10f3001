//! Where a backup may lie, and where not.

use super::*;

async fn open(path: &FilePath) -> Storage {
    let options = StorageOptions { follow_interval: Duration::ZERO, ..StorageOptions::default() };
    Storage::builder(path).options(options).open().await.unwrap()
}

async fn database(path: &FilePath) -> Storage {
    let storage = open(path).await;
    storage.create_table(spec("t")).await.unwrap();
    append(&storage, "t", 0..5).await;
    storage
}

async fn refused(storage: &Storage, place: &FilePath, kind: ErrorKind, sentence: &str) {
    let error = storage.backup(BackupTarget::directory(place), BackupOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.message().contains(sentence), "{error}");
}

// breaks when a backup can overwrite something that is none, or goes into the database itself
#[tokio::test]
async fn other_directories_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let storage = database(&at("db")).await;
    for place in ["db", "db/backup", "db/data/../new/deep", "."] {
        refused(&storage, &at(place), ErrorKind::Invalid, "lie in each other").await;
    }
    assert!(!at("db/backup").exists() && !at("db/new").exists(), "nothing is made where it is refused");
    // a directory with something in it, another database, a backup of another, and a file
    std::fs::create_dir(at("photos")).unwrap();
    std::fs::write(at("photos/1.jpg"), b"1").unwrap();
    let other = database(&at("other")).await;
    other.backup(BackupTarget::directory(at("of other")), BackupOptions::default()).await.unwrap();
    other.close().await.unwrap();
    for place in ["photos", "other", "of other"] {
        refused(
            &storage,
            &at(place),
            ErrorKind::AlreadyExists,
            "neither empty nor a backup of this database",
        )
        .await;
    }
    assert_eq!(std::fs::read_dir(at("photos")).unwrap().count(), 1, "nothing is written there");
    refused(&storage, &at("photos/1.jpg"), ErrorKind::AlreadyExists, "").await;
    // a backup, by another path, until somebody writes in it
    let target = || BackupTarget::directory(at("photos/../backup"));
    storage.backup(target(), BackupOptions::default()).await.unwrap();
    let lock = crate::lock::Lock::acquire(&at("backup"), storage.core.clock.as_ref()).unwrap();
    refused(&storage, &at("backup"), ErrorKind::Conflict, "is open for writing").await;
    drop(lock);
    storage.backup(target(), BackupOptions::default()).await.unwrap();
    open(&at("backup")).await.close().await.unwrap();
    refused(&storage, &at("backup"), ErrorKind::AlreadyExists, "neither empty").await;
}

// breaks when an older copy of a database replaces its backup
#[tokio::test]
async fn an_older_copy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let target = |name: &str| BackupTarget::directory(at(name));
    let storage = database(&at("db")).await;
    storage.backup(target("early"), BackupOptions::default()).await.unwrap();
    for n in 0..9 {
        append(&storage, "t", n..n + 1).await;
        storage.flush(None).await.unwrap();
    }
    storage.backup(target("late"), BackupOptions::default()).await.unwrap();
    let early = Storage::builder(at("early")).read_only(true).open().await.unwrap();
    early.restore(target("restored"), BackupOptions::default()).await.unwrap();
    let restored = open(&at("restored")).await;
    refused(&restored, &at("late"), ErrorKind::Conflict, "it is an older copy").await;
    restored.backup(target("early"), BackupOptions::default()).await.unwrap();
}

// breaks when a database is restored over another one, or something that is no backup is
#[tokio::test]
async fn a_restored_database_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let target = |name: &str| BackupTarget::directory(at(name));
    let storage = database(&at("db")).await;
    storage.backup(target("backup"), BackupOptions::default()).await.unwrap();
    let error = storage.restore(target("new"), BackupOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let backup = Storage::builder(at("backup")).read_only(true).open().await.unwrap();
    for (place, kind) in [("db", ErrorKind::AlreadyExists), ("backup", ErrorKind::Invalid)] {
        let error = backup.restore(target(place), BackupOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    // one that was cut off goes on
    std::fs::create_dir(at("new")).unwrap();
    let database = backup.core.state().root().database.clone();
    std::fs::write(at("new/RESTORE"), format!("{{\"format\":1,\"database\":\"{database}\"}}")).unwrap();
    backup.restore(target("new"), BackupOptions::default()).await.unwrap();
    assert!(!at("new/RESTORE").exists());
    let restored = open(&at("new")).await;
    assert_eq!(numbers(&restored, "t").await, [0, 1, 2, 3, 4]);
    let newer = format!("{{\"format\":2,\"database\":\"{database}\"}}");
    std::fs::write(at("backup/BACKUP"), newer).unwrap();
    refused(&storage, &at("backup"), ErrorKind::Invalid, "has format 2, this program reads up to format 1")
        .await;
}
