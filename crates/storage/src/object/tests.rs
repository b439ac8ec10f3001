//! The conformance suite: what the storage relies on, checked for every store that it runs on.

use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
};

use std::sync::Arc;

use super::LocalStore;
use crate::location::Location;
use crate::testing::{Fault, Operation, SimDisk};

fn create() -> PutOptions {
    PutOptions { mode: PutMode::Create, ..PutOptions::default() }
}

async fn read(store: &dyn ObjectStore, path: &str) -> Vec<u8> {
    store.get(&path.into()).await.unwrap().bytes().await.unwrap().to_vec()
}

async fn names(store: &dyn ObjectStore, prefix: Option<&str>) -> Vec<String> {
    let prefix = prefix.map(Path::from);
    let listed: Vec<_> = store.list(prefix.as_ref()).try_collect().await.unwrap();
    let mut names: Vec<String> = listed.into_iter().map(|meta| meta.location.to_string()).collect();
    names.sort_unstable();
    names
}

/// Runs a check on all stores: the last is prepared as that of a bucket is.
async fn everywhere(check: impl AsyncFn(&dyn ObjectStore)) {
    let directory = tempfile::tempdir().unwrap();
    check(&LocalStore::open(directory.path().join("a").join("b")).unwrap()).await;
    check(&*SimDisk::new().store()).await;
    check(&InMemory::new()).await;
    check(&*Location::parse("memory://").unwrap().connect(&Arc::default()).unwrap()).await;
}

/// Would break if a put appended, kept old bytes, or if a missing object were anything but `NotFound`.
#[tokio::test]
async fn an_object_is_what_was_put_last() {
    everywhere(async |store| {
        let path = Path::from("deep/er/object");
        assert!(matches!(store.get(&path).await, Err(Error::NotFound { .. })));
        assert!(matches!(store.head(&path).await, Err(Error::NotFound { .. })));
        store.put(&path, "first, and longer".into()).await.unwrap();
        store.put(&path, "second".into()).await.unwrap();
        assert_eq!(read(store, "deep/er/object").await, b"second");
        assert_eq!(store.head(&path).await.unwrap().size, 6);
        assert_eq!(store.get_range(&path, 1..4).await.unwrap(), "eco");
        assert_eq!(store.get_ranges(&path, &[0..1, 4..6]).await.unwrap(), ["s", "nd"]);
        assert!(store.get_range(&path, 7..9).await.is_err());
        store.delete(&path).await.unwrap();
        assert!(matches!(store.get(&path).await, Err(Error::NotFound { .. })));
        assert!(matches!(store.delete(&path).await, Ok(()) | Err(Error::NotFound { .. })));
        store.put(&path, vec![].into()).await.unwrap();
        assert_eq!(read(store, "deep/er/object").await, b"");
    })
    .await;
}

/// Would break if a manifest version could be written twice: the writer epoch hangs on it.
#[tokio::test]
async fn of_many_creates_exactly_one_succeeds() {
    everywhere(async |store| {
        let path = Path::from("manifest/1.json");
        let creates = (0..16).map(|n| store.put_opts(&path, format!("writer {n}").into(), create()));
        let results = futures::future::join_all(creates).await;
        let winners: Vec<usize> = (0..16).filter(|n| results[*n].is_ok()).collect();
        assert_eq!(winners.len(), 1);
        let losers = results.iter().filter(|result| matches!(result, Err(Error::AlreadyExists { .. })));
        assert_eq!(losers.count(), 15);
        assert_eq!(read(store, "manifest/1.json").await, format!("writer {}", winners[0]).as_bytes());
        assert_eq!(names(store, None).await, ["manifest/1.json"]);
    })
    .await;
}

/// Would break if one of the first puts of a new store failed, because another one was about to make the directory of unfinished objects.
#[tokio::test]
async fn the_first_puts_may_come_at_once() {
    for _ in 0..30 {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path()).unwrap();
        let puts = (0..16).map(|n| {
            let store = store.clone();
            async move { store.put(&format!("data/{n}").into(), "new".into()).await }
        });
        for put in futures::future::join_all(puts).await {
            put.unwrap();
        }
    }
}

/// Would break if a prefix were matched by characters, or if unfinished or deleted objects were listed.
#[tokio::test]
async fn lists_name_objects_by_path_segments() {
    everywhere(async |store| {
        for path in ["data/t/1", "data/t/2", "data/t/x/3", "data/tt/4", "top"] {
            store.put(&path.into(), path.into()).await.unwrap();
        }
        store.delete(&"data/t/2".into()).await.unwrap();
        assert_eq!(names(store, Some("data/t")).await, ["data/t/1", "data/t/x/3"]);
        assert_eq!(names(store, Some("nowhere")).await, Vec::<String>::new());
        assert_eq!(names(store, None).await.len(), 4);
        let offset = store.list_with_offset(Some(&"data".into()), &"data/t/1".into());
        assert_eq!(offset.try_collect::<Vec<_>>().await.unwrap().len(), 2);
        let level = store.list_with_delimiter(Some(&"data/t".into())).await.unwrap();
        assert_eq!(level.objects.len(), 1);
        assert_eq!(level.common_prefixes, ["data/t/x".into()]);
    })
    .await;
}

/// Would break if a copy or rename lost the object, or replaced one that it must not replace.
#[tokio::test]
async fn copies_and_renames_keep_the_bytes() {
    everywhere(async |store| {
        let (a, b, c) = (Path::from("a"), Path::from("deep/b"), Path::from("c"));
        store.put(&a, "a".into()).await.unwrap();
        store.put(&c, "c".into()).await.unwrap();
        store.copy(&a, &b).await.unwrap();
        store.put(&a, "changed".into()).await.unwrap();
        assert_eq!(read(store, "deep/b").await, b"a", "a copy is its own object");
        let only_new = CopyOptions::new().with_mode(CopyMode::Create);
        assert!(matches!(store.copy_opts(&a, &c, only_new).await, Err(Error::AlreadyExists { .. })));
        assert!(matches!(store.rename_if_not_exists(&a, &c).await, Err(Error::AlreadyExists { .. })));
        assert_eq!(read(store, "c").await, b"c");
        store.rename(&a, &c).await.unwrap();
        assert_eq!(read(store, "c").await, b"changed");
        assert_eq!(names(store, None).await, ["c", "deep/b"]);
        assert!(matches!(store.copy(&a, &b).await, Err(Error::NotFound { .. })));
        assert!(matches!(store.rename(&a, &b).await, Err(Error::NotFound { .. })));
    })
    .await;
}

/// Would break if parts were visible early, in arrival order instead of call order, or after an abort.
#[tokio::test]
async fn an_upload_in_parts_appears_when_it_completes() {
    everywhere(async |store| {
        let path = Path::from("deep/parts");
        let options = PutMultipartOptions::default();
        let mut upload = store.put_multipart_opts(&path, options.clone()).await.unwrap();
        let (first, second) = (upload.put_part("hello ".into()), upload.put_part("world".into()));
        second.await.unwrap();
        first.await.unwrap();
        assert_eq!(names(store, None).await, Vec::<String>::new());
        upload.complete().await.unwrap();
        assert_eq!(read(store, "deep/parts").await, b"hello world");
        let mut upload = store.put_multipart_opts(&"other".into(), options.clone()).await.unwrap();
        upload.put_part("gone".into()).await.unwrap();
        upload.abort().await.unwrap();
        drop(store.put_multipart_opts(&"forgotten".into(), options).await.unwrap());
        assert_eq!(names(store, None).await, ["deep/parts"]);
    })
    .await;
}

/// Would break if somebody began to rely on what files cannot do.
#[tokio::test]
async fn what_is_not_supported_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let local = LocalStore::open(directory.path()).unwrap();
    for store in [&local as &dyn ObjectStore, &*SimDisk::new().store()] {
        let version = object_store::UpdateVersion { e_tag: None, version: None };
        let update = PutOptions { mode: PutMode::Update(version), ..PutOptions::default() };
        let result = store.put_opts(&"a".into(), "a".into(), update).await;
        assert!(matches!(result, Err(Error::NotImplemented { .. })), "{store}");
    }
}

/// Would break if a failed or killed put left an object, or if its remains stayed for ever.
#[tokio::test]
async fn unfinished_puts_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path()).unwrap();
    let temporary = directory.path().join("tmp");
    let leftovers = || std::fs::read_dir(&temporary).unwrap().count();
    store.put(&"file".into(), "a".into()).await.unwrap();
    assert!(store.put(&"file/below".into(), "b".into()).await.is_err(), "a file is no directory");
    assert!(store.put_opts(&"file".into(), "c".into(), create()).await.is_err());
    assert_eq!(leftovers(), 0);
    std::fs::write(temporary.join("4711-0#1"), "a put that was killed").unwrap();
    assert_eq!(names(&store, None).await, ["file"], "a reader never sees it");
    LocalStore::open(directory.path()).unwrap().settle().unwrap();
    assert_eq!(leftovers(), 0);
    assert_eq!(read(&store, "file").await, b"a");
}

/// Would break if the error of a full disk could not be told from any other: the kind of our error hangs on it.
#[tokio::test]
async fn a_full_disk_is_found_among_the_causes() {
    let disk = SimDisk::new();
    disk.fail(Operation::Write, 1, Fault::DiskFull);
    let error = disk.store().put(&"a".into(), "a".into()).await.unwrap_err();
    assert_eq!(crate::Error::object("write a", error).kind(), crate::ErrorKind::ResourceExhausted);
    let error = super::local::failed("write", "a".as_ref(), std::io::ErrorKind::StorageFull.into());
    assert_eq!(crate::Error::object("write a", error).kind(), crate::ErrorKind::ResourceExhausted);
}

/// Would break if a delete stream stopped at the first missing object, or deleted in another order than it reports.
#[tokio::test]
async fn a_stream_of_deletes_reports_each() {
    everywhere(async |store| {
        let paths: Vec<Path> = (0..5).map(|n| Path::from(format!("d/{n}"))).collect();
        for path in &paths {
            store.put(path, "x".into()).await.unwrap();
        }
        let locations = futures::stream::iter(paths.clone()).map(Ok).boxed();
        let deleted: Vec<Path> = store.delete_stream(locations).try_collect().await.unwrap();
        assert_eq!(deleted, paths);
        assert_eq!(names(store, None).await, Vec::<String>::new());
    })
    .await;
}

/// Would break if a create whose answer was lost were taken for one of another writer, or one of another writer for ours.
#[tokio::test]
async fn a_create_that_lost_its_answer_is_settled() {
    let path = Path::from("wal/1.wal");
    // the answers to none, the first, the first two and all of the attempts are lost
    for (lost, succeeds) in [(0, true), (1, true), (2, true), (3, false)] {
        for fault in [Fault::Unanswered, Fault::Io] {
            let disk = SimDisk::new();
            (1..=lost).for_each(|n| disk.fail(Operation::Write, n, fault));
            let requests = Arc::default();
            let store = Location::prepared(disk.store(), &requests);
            let put = store.put_opts(&path, "ours".into(), create()).await;
            // what was created at first is found by the second attempt, which fails as the first did, or exists
            assert_eq!(put.is_ok(), succeeds || fault == Fault::Unanswered, "{lost} {fault:?}: {put:?}");
            let other = store.put_opts(&path, "another's".into(), create()).await;
            assert!(matches!(other, Err(Error::AlreadyExists { .. })) || !succeeds, "{other:?}");
            let same_size = store.put_opts(&path, "hers".into(), create()).await;
            assert!(matches!(same_size, Err(Error::AlreadyExists { .. })), "{same_size:?}");
        }
    }
}
