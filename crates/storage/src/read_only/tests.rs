use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray},
    datatypes::Int64Type,
};
use bytesize::ByteSize;
use object_store::memory::InMemory;

use super::Follower;
use crate::{
    ColumnType, CompactOptions, Durability, ErrorKind, NewColumn, Result, Storage, StorageBuilder,
    StorageOptions, TableChange, TableOptions, TableSpec, TimeRange, column_id,
    places::Places,
    testing::{ManualClock, Operation, SimDisk},
    wal::{LogFile, LogRead, LogStore},
};

fn on(disk: &SimDisk) -> StorageBuilder {
    let clock = Arc::new(ManualClock::new(0));
    let options = StorageOptions { follow_interval: Duration::ZERO, ..StorageOptions::default() };
    Storage::builder("simulated")
        .seed(3)
        .clock(clock)
        .options(options)
        .object_store(disk.store())
        .log(disk.log())
}

fn table(name: &str) -> TableSpec {
    let columns = vec![
        NewColumn::time(),
        NewColumn::new("n", ColumnType::Int64),
        NewColumn::new("s", ColumnType::Text),
    ];
    TableSpec { name: name.to_owned(), columns, options: TableOptions::default() }
}

fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(numbers.clone()).with_timezone("UTC");
    let times = ("time", Arc::new(times) as ArrayRef);
    RecordBatch::try_from_iter([times, ("n", Arc::new(Int64Array::from_iter_values(numbers)))]).unwrap()
}

async fn append(storage: &Storage, table: &str, numbers: std::ops::Range<i64>) {
    storage.append(table, rows(numbers), Durability::Durable).await.unwrap();
}

/// The numbers in segments and in memory, sorted.
async fn numbers(storage: &Storage, table: &str) -> Vec<i64> {
    let snapshot = storage.snapshot();
    let table = snapshot.table(table).unwrap();
    let id = table.schema().column("n").unwrap().id;
    let mut found = Vec::new();
    let mut take = |array: &ArrayRef| found.extend_from_slice(array.as_primitive::<Int64Type>().values());
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let columns = table.open_segment(&segment).await.unwrap().read_columns(0, &[id]).await.unwrap();
        take(columns[0].as_ref().unwrap());
    }
    for batch in table.memory() {
        let position = batch.schema().fields().iter().position(|field| column_id(field) == Some(id));
        take(batch.column(position.unwrap()));
    }
    found.sort_unstable();
    found
}

/// Would break if a reader missed what is in the log alone, saw what came after it, could be brought to write, or wrote
/// by itself.
#[tokio::test]
async fn a_reader_sees_all_that_was_acknowledged_and_writes_nothing() {
    let disk = SimDisk::new();
    let writer = on(&disk).open().await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    writer.create_table(table("u")).await.unwrap();
    append(&writer, "t", 0..3).await;
    append(&writer, "u", 0..2).await;
    writer.flush(Some("t")).await.unwrap();
    append(&writer, "t", 3..5).await;

    let written = disk.operations(Operation::Write);
    let reader = on(&disk).read_only(true).open().await.unwrap();
    assert!(reader.is_read_only() && !writer.is_read_only());
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2, 3, 4]);
    assert_eq!(numbers(&reader, "u").await, [0, 1]);
    assert_eq!(reader.recovery().rows, 4, "those in no segment");
    assert_eq!(reader.status().wal_bytes, writer.status().wal_bytes);
    assert_eq!(reader.recovery().torn, None);
    let load = reader.bulk_load("t").map(drop);
    let refused: Vec<Result<()>> = vec![
        reader.append("t", rows(9..10), Durability::Memory).await.map(drop),
        reader.append_all(Vec::new(), Durability::Durable).await.map(drop),
        load,
        reader.flush(None).await.map(drop),
        reader.create_table(table("v")).await,
        reader.drop_table("t").await,
        reader.alter_table("t", TableChange::DropColumn { name: "n".to_owned() }).await,
        reader.put_definition("view", "v", "SELECT 1", true).await,
        reader.drop_definition("view", "v").await,
        reader.check_writable(),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Invalid, "the database is open for reading only")
        );
    }
    assert_eq!(disk.operations(Operation::Write), written, "the reader changed the disk");

    // the writer works on: the reader keeps its moment, the next one sees more
    append(&writer, "t", 5..6).await;
    writer.flush(None).await.unwrap();
    let written = disk.operations(Operation::Write);
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2, 3, 4]);
    let report = reader.check(true).await.unwrap();
    assert_eq!((report.findings, report.rows, report.version), (vec![], 3, reader.snapshot().version()));
    let next = on(&disk).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&next, "t").await, [0, 1, 2, 3, 4, 5]);
    next.close().await.unwrap();
    assert_eq!(next.check(false).await.unwrap_err().kind(), ErrorKind::Closed);
    drop((reader, next));
    assert_eq!(disk.operations(Operation::Write), written, "the readers changed the disk");
    append(&writer, "t", 6..7).await;
    assert_eq!(numbers(&writer, "t").await, [0, 1, 2, 3, 4, 5, 6]);
}

/// Would break if a reader stood still, missed rows in the log, in segments or in a table that came later, brought back what is deleted, or
/// changed what a snapshot shows.
#[tokio::test]
async fn a_reader_follows_the_writer() {
    let disk = SimDisk::new();
    let writer = on(&disk).open().await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    append(&writer, "t", 0..3).await;
    let options = StorageOptions { follow_interval: Duration::from_millis(5), ..StorageOptions::default() };
    let reader = on(&disk).options(options).read_only(true).open().await.unwrap();
    let first = reader.snapshot();
    let sees = async |wanted: Vec<i64>| {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        let seen = async {
            // for a moment there may be no such table: it was dropped and is not made again yet
            while reader.snapshot().table("t").is_none() || numbers(&reader, "t").await != wanted {
                ticks.tick().await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(30), seen).await;
        assert!(seen.is_ok(), "the reader does not come to show {wanted:?}");
    };
    sees(vec![0, 1, 2]).await;
    // in the log alone, then in a segment, then both
    append(&writer, "t", 3..4).await;
    sees(vec![0, 1, 2, 3]).await;
    writer.flush(None).await.unwrap();
    append(&writer, "t", 4..6).await;
    sees(vec![0, 1, 2, 3, 4, 5]).await;
    writer.flush(None).await.unwrap();
    writer.compact("t", CompactOptions::default()).await.unwrap();
    append(&writer, "t", 6..7).await;
    sees(vec![0, 1, 2, 3, 4, 5, 6]).await;
    writer.drop_table("t").await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    append(&writer, "t", 9..10).await;
    sees(vec![9]).await;
    assert_eq!(first.table("t").unwrap().memory_rows(), 3, "a snapshot stays what it is");
}

// breaks when a reader follows to a version whose log is not the one that he reads
#[tokio::test]
async fn a_version_with_another_log_is_not_followed() {
    let (store, directory) = (Arc::new(InMemory::new()), tempfile::tempdir().unwrap());
    let options = StorageOptions {
        follow_interval: Duration::ZERO,
        log_directory: Some(directory.path().to_owned()),
        ..StorageOptions::default()
    };
    let on = || {
        let builder = Storage::builder("memory://").options(options.clone());
        builder.object_store(Arc::clone(&store) as _)
    };
    let writer = on().open().await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    append(&writer, "t", 0..2).await;
    let reader = on().read_only(true).open().await.unwrap();
    let places = Places::existing(&on()).unwrap();
    let mut follower = Follower::new(&reader.core, places.log, places.log_id, u64::MAX);
    append(&writer, "t", 2..3).await;
    follower.look(&reader.core).await.unwrap();
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2]);
    let shown = reader.snapshot();
    let mut root = shown.root().clone();
    root.version += 1;
    root.log = Some("of another".to_owned());
    reader.core.reading.manifest.create(&root).await.unwrap();
    let error = follower.look(&reader.core).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.message().contains("is not the log directory of this database"), "{error}");
    assert_eq!(reader.snapshot().version(), shown.version());
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2]);
}

/// What happens to a database while its log is being listed.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// A log whose owner works on right after a reader has listed its files.
struct Busy {
    log: Arc<dyn LogStore>,
    meanwhile: Mutex<Vec<Meanwhile>>,
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Busy")
    }
}

impl LogStore for Busy {
    fn create(&self, _: &str) -> io::Result<Box<dyn LogFile>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.log.list();
        let meanwhile = self.meanwhile.lock().unwrap().pop();
        meanwhile.into_iter().for_each(|work| work());
        names
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        self.log.open_read(name)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        self.log.len(name)
    }

    fn truncate(&self, _: &str, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// Would break if a reader took a log file that was flushed and removed under it for damage, or mixed two moments.
#[tokio::test]
async fn a_reader_begins_again_when_the_writer_moves_on() {
    let disk = SimDisk::new();
    let first = on(&disk).open().await.unwrap();
    first.create_table(table("t")).await.unwrap();
    append(&first, "t", 0..2).await;
    drop(first);
    // its log file stays until the next writer has flushed the rows
    let writer = on(&disk).seed(4).open().await.unwrap();
    append(&writer, "t", 2..4).await;
    let files = disk.log_files().len();
    assert!(files > 1, "{files} log files");

    let runtime = tokio::runtime::Handle::current();
    let flush = {
        let writer = writer.clone();
        move || {
            runtime.block_on(async { writer.flush(None).await.unwrap() });
            runtime.block_on(append(&writer, "t", 4..5));
        }
    };
    let log = Busy { log: disk.log(), meanwhile: Mutex::new(vec![Box::new(flush)]) };
    let reader = on(&disk).log(Arc::new(log)).read_only(true).open().await.unwrap();
    assert!(disk.log_files().len() < files, "no file was removed under the reader");
    assert_eq!(reader.snapshot().version(), writer.snapshot().version());
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2, 3, 4]);
}

/// Would break if a reader repaired a torn tail, stumbled over it, or kept quiet; or if it took damage for a torn tail
/// or for a writer that moved on.
#[tokio::test]
async fn a_torn_tail_is_reported_and_damage_is_named() {
    let disk = SimDisk::new();
    let writer = on(&disk).open().await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    for number in 0..4 {
        append(&writer, "t", number..number + 1).await;
    }
    drop(writer);
    let (file, good) = disk.log_files().pop().unwrap();

    let torn = [good.as_slice(), &good[40..60]].concat();
    disk.set_log_file(&file, torn.clone());
    let reader = on(&disk).read_only(true).open().await.unwrap();
    let found = reader.recovery().torn.clone().unwrap();
    assert_eq!((found.file.as_str(), found.offset, found.bytes), (file.as_str(), good.len() as u64, 20));
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2, 3]);
    assert_eq!(disk.log_files(), [(file.clone(), torn)], "the tail is the next writer's");

    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    disk.set_log_file(&file, flipped);
    let error = on(&disk).read_only(true).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(error.message().contains(&file) && error.message().contains("offset"), "{error}");
}

/// Would break if a reader made a database, or took all memory for the log of a writer with larger settings.
#[tokio::test]
async fn a_reader_needs_a_database_that_it_can_hold() {
    let error = on(&SimDisk::new()).read_only(true).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let place = tempfile::tempdir().unwrap();
    for path in [place.path().to_owned(), place.path().join("missing")] {
        let error = Storage::builder(&path).read_only(true).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.message(), format!("there is no database in {}", path.display()));
    }
    assert_eq!(contents(place.path()), BTreeMap::new());

    let disk = SimDisk::new();
    let writer = on(&disk).open().await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
    for _ in 0..5 {
        let time: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0]).with_timezone("UTC"));
        let batch = RecordBatch::try_from_iter([("time", time), ("s", Arc::clone(&text))]).unwrap();
        writer.append("t", batch, Durability::Durable).await.unwrap();
    }
    let options = StorageOptions { memtable_bytes: ByteSize::kib(64), ..StorageOptions::default() };
    let error = on(&disk).options(options).read_only(true).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.message().starts_with("more than 4194304 bytes"), "{error}");
}

/// All files below a directory with their bytes; directories have none.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut contents(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(&path).unwrap()));
        }
    }
    found
}

/// Would break if a reader on a real directory needed the lock, took it from a writer, or left a trace.
#[tokio::test]
async fn a_reader_of_a_directory_leaves_no_trace() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("database");
    let writer = Storage::open(&path).await.unwrap();
    writer.create_table(table("t")).await.unwrap();
    append(&writer, "t", 0..2).await;
    writer.flush(None).await.unwrap();
    append(&writer, "t", 2..3).await;
    // what an unfinished put of a living writer looks like
    let unfinished = path.join("tmp").join("1-1#1");
    fs::write(&unfinished, "half of an object").unwrap();

    let before = contents(&path);
    let reader = Storage::builder(&path).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2]);
    assert_eq!(reader.check(true).await.unwrap().findings, []);
    assert_eq!(contents(&path), before);
    drop(writer);
    let next = Storage::open(&path).await.unwrap();
    assert_eq!(numbers(&next, "t").await, [0, 1, 2]);
    next.close().await.unwrap();
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2], "its moment is still there");

    // a copy of a closed database may lack the empty directory of the log
    fs::remove_dir_all(path.join("wal")).unwrap();
    let reader = Storage::builder(&path).read_only(true).open().await.unwrap();
    assert_eq!(numbers(&reader, "t").await, [0, 1, 2]);
}
