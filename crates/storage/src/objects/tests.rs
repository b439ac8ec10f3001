use bytes::Bytes;
use tempfile::TempDir;

use crate::{ErrorKind, Storage};

#[tokio::test]
async fn objects_come_back_and_a_snapshot_keeps_those_of_its_moment() {
    // breaks when the root forgets a name, when a replaced object is overwritten, or a dropped one stays visible
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    let put =
        |name, content, replace| storage.put_object("baseline", name, Bytes::from_static(content), replace);
    put("a", b"one", false).await.unwrap();
    put("b", b"", false).await.unwrap();
    assert_eq!(put("a", b"two", false).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let before = storage.snapshot();
    put("a", b"three", true).await.unwrap();
    storage.drop_object("baseline", "b").await.unwrap();
    let error = storage.drop_object("baseline", "aa").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().contains("did you mean \"a\"?")),
        (ErrorKind::NotFound, true)
    );

    let names = |snapshot: &crate::Snapshot| -> Vec<String> {
        snapshot.objects("baseline").map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(names(&before), ["a", "b"]);
    let old = before.object("baseline", "a").unwrap();
    assert_eq!(before.read_object(old).await.unwrap(), "one", "a snapshot never changes");
    storage.close().await.unwrap();
    assert_eq!(put("c", b"", false).await.unwrap_err().kind(), ErrorKind::Closed);
    drop(storage);

    let storage = Storage::open(directory.path()).await.unwrap();
    let after = storage.snapshot();
    assert_eq!(names(&after), ["a"]);
    assert_eq!(after.read_object(after.object("baseline", "a").unwrap()).await.unwrap(), "three");
    assert!(after.object("slo", "a").is_none());
    let report = storage.check(false).await.unwrap();
    assert_eq!((report.objects, report.findings.len()), (1, 0));
}

#[tokio::test]
async fn a_damaged_object_is_an_error_that_names_it() {
    // breaks when an object is read unchecked
    let directory = TempDir::new().unwrap();
    let storage = Storage::open(directory.path()).await.unwrap();
    storage.put_object("baseline", "a", Bytes::from_static(b"content"), false).await.unwrap();
    let snapshot = storage.snapshot();
    let object = snapshot.object("baseline", "a").unwrap();
    let path = directory.path().join(object.path());
    for damage in [Some(&b"kontent"[..]), Some(b"conten"), None] {
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = damage {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = snapshot.read_object(object).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
        assert!(error.to_string().contains(&object.path()), "{error}");
        let findings = storage.check(false).await.unwrap().findings;
        assert_eq!(
            findings.iter().map(|finding| finding.object.as_str()).collect::<Vec<_>>(),
            [object.path()]
        );
        if damage.is_none() {
            std::fs::write(&path, b"content").unwrap();
        }
    }
}
