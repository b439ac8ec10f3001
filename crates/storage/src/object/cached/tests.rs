use std::fs;
use std::slice::from_ref;

use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::*;
use crate::object::{CountedStore, Requests, StoreOperation};
use crate::testing::{Fault, Operation, SimDisk};

mod databases;

const SIZE: usize = 3 * BLOCK_BYTES as usize + 1_000;

/// A cache of so many blocks before an object of four, the last of them small.
struct Bench {
    directory: TempDir,
    store: Arc<dyn ObjectStore>,
    requests: Arc<Requests>,
    path: Path,
}

fn byte(at: u64) -> u8 {
    (at % 251) as u8
}

impl Bench {
    async fn new() -> Self {
        let requests = Arc::<Requests>::default();
        let store = Arc::new(CountedStore::new(Arc::new(InMemory::new()), Arc::clone(&requests)));
        let path = Path::from("data/t/date=2026-08-01/01J.parquet");
        let content: Vec<u8> = (0..SIZE as u64).map(byte).collect();
        store.put(&path, content.into()).await.unwrap();
        Self { directory: TempDir::new().unwrap(), store, requests, path }
    }

    fn open(&self, blocks: u64) -> CachedStore {
        let directory = self.directory.path().join("cache");
        CachedStore::open(Arc::clone(&self.store), directory, blocks * (BLOCK_BYTES + 4)).unwrap()
    }

    /// Reads ranges, checks them, and says how many requests that took.
    async fn read(&self, cached: &CachedStore, ranges: &[Range<u64>]) -> u64 {
        let before = self.requests.counts().requests(StoreOperation::Get);
        let read = cached.get_ranges(&self.path, ranges).await.unwrap();
        for (range, read) in ranges.iter().zip(read) {
            assert!(read.iter().copied().eq(range.clone().map(byte)), "{range:?}");
        }
        self.requests.counts().requests(StoreOperation::Get) - before
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path().join("cache")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort_unstable();
        files
    }
}

/// Would break if a block were fetched twice, lost at the next open, or put in a wrong place.
#[tokio::test]
async fn what_was_read_is_read_from_the_disk() {
    let bench = Bench::new().await;
    let cached = bench.open(10);
    let (within, across) = (5..100, BLOCK_BYTES - 10..2 * BLOCK_BYTES + 10);
    assert_eq!(bench.read(&cached, from_ref(&within)).await, 1);
    assert_eq!(bench.read(&cached, from_ref(&across)).await, 1, "two blocks, in one request");
    assert_eq!(bench.read(&cached, &[within, across.clone()]).await, 0);
    let cached = bench.open(10);
    assert_eq!(bench.read(&cached, &[across]).await, 0);
    let (all, end) = (0..SIZE as u64, SIZE as u64 - 1..SIZE as u64);
    assert_eq!(bench.read(&cached, &[all.clone(), end]).await, 1, "the last block");
    assert_eq!(bench.read(&cached, &[all]).await, 0);
    assert_eq!(bench.files().len(), 4);
    let beyond = 0..SIZE as u64 + 1;
    let (through, past) = (
        cached.get_ranges(&bench.path, from_ref(&beyond)).await,
        bench.store.get_ranges(&bench.path, from_ref(&beyond)).await,
    );
    assert_eq!(through.ok(), past.ok());
    assert!(cached.get_ranges(&Path::from("data/missing"), from_ref(&beyond)).await.is_err());
}

/// Would break if a damaged file were believed, or if it made a query fail.
#[tokio::test]
async fn a_damaged_block_is_read_again() {
    let bench = Bench::new().await;
    let all = 0..SIZE as u64;
    for damage in [
        |path: &PathBuf| fs::remove_file(path).unwrap(),
        |path: &PathBuf| fs::write(path, b"").unwrap(),
        |path: &PathBuf| fs::write(path, b"short").unwrap(),
        |path: &PathBuf| {
            let mut content = fs::read(path).unwrap();
            content[700] ^= 1;
            fs::write(path, content).unwrap();
        },
    ] {
        let cached = bench.open(10);
        bench.read(&cached, from_ref(&all)).await;
        damage(&bench.files()[1]);
        assert_eq!(bench.read(&cached, from_ref(&all)).await, 1);
        assert_eq!(bench.read(&cached, from_ref(&all)).await, 0);
    }
    // a directory that is gone
    let cached = bench.open(10);
    fs::remove_dir_all(bench.directory.path().join("cache")).unwrap();
    bench.read(&cached, &[all]).await;
}

/// Would break if the limit were passed, or if what is in use went first.
#[tokio::test]
async fn what_was_used_longest_ago_goes() {
    let bench = Bench::new().await;
    let cached = bench.open(2);
    let block = |n: u64| n * BLOCK_BYTES..n * BLOCK_BYTES + 1;
    for n in [0, 1, 0, 2] {
        bench.read(&cached, &[block(n)]).await;
    }
    assert_eq!(bench.files().len(), 2);
    assert_eq!(bench.read(&cached, &[block(0), block(2)]).await, 0);
    assert_eq!(bench.read(&cached, &[block(1)]).await, 1);
    assert_eq!(bench.files().len(), 2);
    bench.open(1);
    assert_eq!(bench.files().len(), 1, "a smaller limit holds from the open on");
}

/// Would break if something that may change were kept.
#[tokio::test]
async fn only_what_never_changes_is_kept() {
    let bench = Bench::new().await;
    let cached = bench.open(2);
    let first = 0..5;
    for path in ["manifest/1.json", "wal/1.wal"] {
        bench.store.put(&path.into(), "first".into()).await.unwrap();
        assert_eq!(cached.get_ranges(&path.into(), from_ref(&first)).await.unwrap(), ["first"]);
        bench.store.put(&path.into(), "other".into()).await.unwrap();
        assert_eq!(cached.get_ranges(&path.into(), from_ref(&first)).await.unwrap(), ["other"]);
    }
    assert_eq!(bench.files().len(), 0);
}

// breaks when blocks outlive their object, whichever process keeps them, or go with another one
#[tokio::test]
async fn blocks_go_with_their_object() {
    let bench = Bench::new().await;
    let (all, five) = (0..SIZE as u64, 0..5);
    let (cached, beside) = (bench.open(10), bench.open(10));
    bench.read(&beside, from_ref(&all)).await;
    let other = Path::from("data/t/date=2026-08-01/01K.parquet");
    bench.store.put(&other, "other".into()).await.unwrap();
    cached.get_ranges(&other, from_ref(&five)).await.unwrap();
    assert_eq!(bench.files().len(), 5);
    // this one does not know of the blocks
    cached.delete(&bench.path).await.unwrap();
    assert_eq!(bench.files().len(), 1);
    for store in [&cached, &beside] {
        let read = store.get_ranges(&bench.path, from_ref(&all)).await;
        assert!(matches!(read, Err(object_store::Error::NotFound { .. })), "{read:?}");
    }
    cached.rename(&other, &"data/renamed".into()).await.unwrap();
    assert_eq!(bench.files().len(), 0);
    assert!(cached.get_ranges(&other, from_ref(&five)).await.is_err());
}

// breaks when blocks stay because nobody learned that their object is gone, and so nobody removes it again
#[tokio::test]
async fn blocks_go_where_the_answer_is_lost() {
    let (disk, directory) = (SimDisk::new(), TempDir::new().unwrap());
    let cached = CachedStore::open(disk.store(), directory.path().to_owned(), BLOCK_BYTES).unwrap();
    let (path, range) = (Path::from("deletions/01J"), 0..4);
    let files = || fs::read_dir(directory.path()).unwrap().count();
    for fault in [Fault::Unanswered, Fault::Io] {
        cached.put(&path, "vector".into()).await.unwrap();
        assert_eq!(cached.get_ranges(&path, from_ref(&range)).await.unwrap(), ["vect"]);
        assert_eq!(files(), 1);
        disk.fail(Operation::Write, disk.operations(Operation::Write) + 1, fault);
        cached.delete(&path).await.unwrap_err();
        assert_eq!(files(), 0, "{fault:?}");
    }
    // one that is still there is kept again, and goes as any other
    assert_eq!(cached.get_ranges(&path, from_ref(&range)).await.unwrap(), ["vect"]);
    assert_eq!(files(), 1);
    cached.delete(&path).await.unwrap();
    assert_eq!(files(), 0);
}
