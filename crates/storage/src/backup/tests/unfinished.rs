//! What a copy leaves that was cut off: no database.

use object_store::memory::InMemory;

use super::*;

async fn refused(builder: StorageBuilder, sentence: &str) {
    let error = builder.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.message().contains(sentence), "{error}");
}

// breaks when what a restore left that was cut off is opened as a new database, or keeps the next one from coming to its end
#[tokio::test]
async fn a_restore_that_was_cut_off_is_no_database() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    backup(&filled(&disk).await, &place).await;
    let source = on(&place, 2).read_only(true).open().await.unwrap();
    let mut refusals = 0;
    for n in 1..1_000 {
        let cut_off = SimDisk::new();
        cut_off.stop_at_write(n, Stop::After);
        let done = source.restore(to(&cut_off), BackupOptions::default()).await;
        let stopped = cut_off.is_stopped();
        assert!(stopped || done.is_ok(), "nothing failed, and yet: {done:?}");
        let left = cut_off.crash(Crash::Lost, n);
        let storage = match on(&left, 3).open().await {
            Ok(storage) => storage,
            Err(error) => {
                refusals += 1;
                assert_eq!(error.kind(), ErrorKind::Invalid, "write {n}: {error}");
                assert!(error.message().contains("a restore into simulated was cut off"), "{error}");
                let bucket = Storage::builder("memory://").object_store(left.store());
                refused(bucket, "a restore into memory:// was cut off").await;
                source.restore(to(&left), BackupOptions::default()).await.unwrap();
                on(&left, 4).open().await.unwrap()
            }
        };
        assert_eq!(numbers(&storage, "t").await, (4..12).collect::<Vec<_>>(), "write {n}");
        if !stopped {
            break;
        }
    }
    assert!(refusals > 15, "a restore that is refused {refusals} times writes its root too early");
}

// breaks when the note of a copy is overlooked in a directory or a bucket, or an opening that is refused leaves what is in its way
#[tokio::test]
async fn any_copy_is_finished_where_it_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let target = |name: &str| BackupTarget::directory(at(name));
    let storage = Storage::builder(at("db")).open().await.unwrap();
    storage.create_table(spec("t")).await.unwrap();
    append(&storage, "t", 0..5).await;
    storage.backup(target("whole"), BackupOptions::default()).await.unwrap();
    let whole = Storage::builder(at("whole")).read_only(true).open().await.unwrap();
    let note = format!("{{\"format\":1,\"database\":\"{}\"}}", storage.core.state().root().database);
    for (name, sentence) in [("RESTORE", "a restore into"), ("BACKUP", "a backup into")] {
        let bucket = std::sync::Arc::new(InMemory::new());
        bucket.put(&Path::from(name), note.clone().into()).await.unwrap();
        refused(Storage::builder("memory://").object_store(bucket), sentence).await;
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join(name), &note).unwrap();
        refused(Storage::builder(at(name)), sentence).await;
    }
    whole.restore(target("RESTORE"), BackupOptions::default()).await.unwrap();
    storage.backup(target("BACKUP"), BackupOptions::default()).await.unwrap();
    for copy in ["RESTORE", "BACKUP"] {
        let copy = Storage::builder(at(copy)).open().await.unwrap();
        assert_eq!(numbers(&copy, "t").await, [0, 1, 2, 3, 4]);
    }
}
