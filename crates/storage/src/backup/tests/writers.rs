//! A backup beside a writer that does not stand still.

use super::*;

/// How many backups are made meanwhile.
const BACKUPS: usize = 12;

/// What a writer has done, and been told so.
#[derive(Default)]
struct Done {
    appended: AtomicI64,
    deleted: AtomicI64,
    backups_are_over: AtomicBool,
}

/// Appends to two tables at once, deletes in one, compacts and removes at once what no version needs.
async fn write(storage: &Storage, done: &Done) {
    for round in 0.. {
        let batch = vec![("t".to_owned(), rows(round..round + 1)), ("u".to_owned(), rows(round..round + 1))];
        storage.append_all(batch, Durability::Durable).await.unwrap();
        done.appended.store(round + 1, Ordering::SeqCst);
        match round % 5 {
            1 => drop(storage.flush(Some("t")).await.unwrap()),
            2 if round > 20 => {
                delete_below(storage, "t", round - 20).await;
                done.deleted.store(round - 20, Ordering::SeqCst);
            }
            3 => drop(storage.flush(None).await.unwrap()),
            4 => {
                storage.compact("t", CompactOptions::default()).await.unwrap();
                storage.compact("u", CompactOptions::default()).await.unwrap();
            }
            _ => {}
        }
        storage.collect_garbage().await.unwrap();
        if done.backups_are_over.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// What was acknowledged before is there, of one moment.
async fn check(place: &FilePath, before: (i64, i64)) {
    let reader = Storage::builder(place).read_only(true).open().await.unwrap();
    assert_eq!(reader.check(true).await.unwrap().findings, []);
    let (t, u) = (numbers(&reader, "t").await, numbers(&reader, "u").await);
    let appended = u.len() as i64;
    assert_eq!(u, (0..appended).collect::<Vec<_>>());
    let deleted = t.first().copied().unwrap_or(appended);
    assert_eq!(t, (deleted..appended).collect::<Vec<_>>(), "both tables are of one moment");
    assert!(before.0 <= appended && before.1 <= deleted, "{before:?} was before {appended}, {deleted}");
}

async fn backups_beside_a_writer(read_only: bool) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let options = StorageOptions {
        grace_period: Duration::ZERO,
        follow_interval: Duration::ZERO,
        ..StorageOptions::default()
    };
    let writer = Storage::builder(&database).options(options.clone()).open().await.unwrap();
    for table in ["t", "u"] {
        writer.create_table(spec(table)).await.unwrap();
    }
    let done = std::sync::Arc::new(Done::default());
    let writing = tokio::spawn({
        let (writer, done) = (writer.clone(), std::sync::Arc::clone(&done));
        async move { write(&writer, &done).await }
    });
    let source = match read_only {
        true => Storage::builder(&database).options(options).read_only(true).open().await.unwrap(),
        false => writer.clone(),
    };
    let place = folder.path().join("backup");
    for number in 0..BACKUPS {
        let before = (done.appended.load(Ordering::SeqCst), done.deleted.load(Ordering::SeqCst));
        let options = BackupOptions { prune: number % 4 == 3, ..BackupOptions::default() };
        source.backup(BackupTarget::directory(&place), options).await.unwrap();
        check(&place, before).await;
    }
    done.backups_are_over.store(true, Ordering::SeqCst);
    writing.await.unwrap();
}

// breaks when a backup in the process of the writer loses files to the garbage collection, or is not one moment
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer_itself_backs_up() {
    backups_beside_a_writer(false).await;
}

// breaks when a backup in another process fails for what the writer removed, or lacks what was acknowledged
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_backs_up_beside_a_writer() {
    backups_beside_a_writer(true).await;
}
