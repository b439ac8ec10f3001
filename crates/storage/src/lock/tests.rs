use super::*;
use crate::testing::ManualClock;

/// Would break if two writers could open one database, or if the second were not told who the first is.
#[test]
fn the_second_writer_learns_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(1_785_585_600_000_000_000);
    let lock = Lock::acquire(directory.path(), &clock).unwrap();
    let error = Lock::acquire(directory.path(), &clock).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let expected = format!(
        "database {} is open for writing by process {} ({}) since 2026-08-01T12:00:00Z",
        directory.path().display(),
        std::process::id(),
        program()
    );
    assert_eq!(error.message(), expected);
    drop(lock);
    Lock::acquire(directory.path(), &clock).unwrap();
}

/// Would break if a file left by a killed process, or garbage in it, kept the database shut or the error empty.
#[test]
fn the_content_of_the_file_decides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(0);
    let stale = format!(r#"{{"pid":1,"program":"{}","since":"long ago"}}"#, "x".repeat(9_000));
    std::fs::write(directory.path().join(LOCK_FILE), stale).unwrap();
    let _lock = Lock::acquire(directory.path(), &clock).unwrap();
    std::fs::write(directory.path().join(LOCK_FILE), "{").unwrap();
    let error = Lock::acquire(directory.path(), &clock).unwrap_err();
    assert!(error.message().ends_with("is open for writing by another process"), "{error}");
}

/// Would break if a missing directory were reported as a held lock.
#[test]
fn a_missing_directory_is_not_a_conflict() {
    let error = Lock::acquire(Path::new("no/such/directory"), &ManualClock::new(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// Would break if a copy of the open file, such as a program that is just being started has, kept the lock of one that is gone.
#[test]
fn a_copy_of_the_open_file_keeps_no_lock() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(0);
    let lock = Lock::acquire(directory.path(), &clock).unwrap();
    let _copy = lock.file.try_clone().unwrap();
    drop(lock);
    Lock::acquire(directory.path(), &clock).unwrap();
}
