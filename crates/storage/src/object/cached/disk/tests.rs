use tempfile::TempDir;

use super::*;

fn open(directory: &TempDir) -> Arc<Disk> {
    Arc::new(Disk::open(directory.path().to_owned(), 1_000).unwrap())
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

// breaks when a read that was under way while its object was removed brings a block back, or a block is overlooked that another
// process wrote
#[test]
fn what_is_removed_does_not_come_back() {
    let directory = TempDir::new().unwrap();
    let disk = open(&directory);
    let (first, second, other) = (disk.begin("a.parquet"), disk.begin("a.parquet"), disk.begin("aa.parquet"));
    first.put(0, b"block");
    other.put(0, b"other");
    for name in ["a.parquet-000001.block", "a.parquet-000002.block-4711-0.tmp"] {
        fs::write(directory.path().join(name), "of another process").unwrap();
    }
    let removal = disk.begin("a.parquet");
    disk.remove([&removal]);
    first.put(0, b"block");
    drop((first, removal));
    second.put(3, b"block");
    assert_eq!(names(&directory), ["aa.parquet-000000.block"]);
    assert_eq!(disk.take("a.parquet", 0), None);
    assert_eq!(disk.take("aa.parquet", 0).unwrap(), "other");
    drop((second, other));
    assert!(disk.lock().busy.is_empty());
    assert_eq!(disk.lock().bytes, (b"other".len() + CHECKSUM_BYTES) as u64);
    // what could not be removed from the store is kept when it is read again
    disk.begin("a.parquet").put(0, b"block");
    assert_eq!(disk.take("a.parquet", 0).unwrap(), "block");
}

// breaks when a file that another process renames or removes just now makes the directory useless
#[test]
fn what_is_gone_since_it_was_listed_is_passed_over() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("a-000000.block"), "12345").unwrap();
    let listed = ["a-000000.block", "a-000001.block", "a-000002.block-4711-0.tmp", "README"];
    let found = look(directory.path(), listed.map(str::to_owned)).unwrap();
    let found: Vec<_> = found.into_iter().map(|(_, name, bytes)| (name, bytes)).collect();
    assert_eq!(found, [("a-000000.block".to_owned(), 5)]);
}

// breaks when an open removes what another process is writing, or leaves for ever what one left that was killed
#[test]
fn only_what_was_left_long_ago_goes() {
    let directory = TempDir::new().unwrap();
    for (name, minutes) in
        [("a-000000.block-17-0.tmp", 0), ("b-000000.block-17-1.tmp", 30), ("18-0.tmp", 90), ("README", 90)]
    {
        let file = fs::File::create(directory.path().join(name)).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(minutes * 60)).unwrap();
    }
    open(&directory);
    assert_eq!(names(&directory), ["README", "a-000000.block-17-0.tmp", "b-000000.block-17-1.tmp"]);
}
