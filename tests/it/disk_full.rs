//! A disk that fills up: the append that does not fit says so, and takes nothing with it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use driftline_storage::wal::{LocalLog, LogFile, LogRead, LogStore};
use driftline_storage::{
    ColumnType, Durability, ErrorKind, NewColumn, Storage, TableOptions, TableSpec, TimeRange,
};

/// Log files in a real directory, on a device with room for so many bytes.
#[derive(Debug)]
struct SmallDevice {
    log: LocalLog,
    room: Arc<AtomicU64>,
}

struct SmallFile {
    file: Box<dyn LogFile>,
    room: Arc<AtomicU64>,
}

/// The error of a full device: the kernel's own, where it has a device that is always full.
fn full() -> io::Error {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let written = full.and_then(|mut full| full.write_all(b"does not fit"));
    match written {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => error,
        _ => io::ErrorKind::StorageFull.into(),
    }
}

impl LogFile for SmallFile {
    /// Writes what fits, as a device does.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.room.load(Ordering::SeqCst);
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        self.room.store(room - fits as u64, Ordering::SeqCst);
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() { Err(full()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

impl LogStore for SmallDevice {
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(SmallFile { file: self.log.create(name)?, room: Arc::clone(&self.room) }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.log.list()
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        self.log.open_read(name)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        self.log.len(name)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.log.truncate(name, len)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.log.remove(name)
    }
}

fn row(id: i64) -> Result<RecordBatch> {
    let time = TimestampNanosecondArray::from(vec![id]).with_timezone("UTC");
    let id = Int64Array::from(vec![id]);
    Ok(RecordBatch::try_from_iter([("time", Arc::new(time) as ArrayRef), ("id", Arc::new(id))])?)
}

async fn rows(storage: &Storage) -> Result<u64> {
    let snapshot = storage.snapshot();
    let table = snapshot.table("t").context("the table is gone")?;
    let segments = table.segments(TimeRange::ALL).await?;
    Ok(segments.iter().map(|segment| segment.rows).sum::<u64>() + table.memory_rows() as u64)
}

async fn open(directory: &Path, room: &Arc<AtomicU64>) -> Result<Storage> {
    let log = LocalLog::open(directory.join("wal"))?;
    let device = SmallDevice { log, room: Arc::clone(room) };
    Ok(Storage::builder(directory).log(Arc::new(device)).open().await?)
}

/// Would break if a full disk were reported as anything else, if it took acknowledged rows with it, or if the database
/// did not go on once there is room again.
#[tokio::test]
async fn a_full_disk_refuses_what_is_new_and_keeps_what_is_old() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let room = Arc::new(AtomicU64::new(10_000));
    let storage = open(directory.path(), &room).await?;
    let columns = vec![NewColumn::time(), NewColumn::new("id", ColumnType::Int64)];
    let spec = TableSpec { name: "t".to_owned(), columns, options: TableOptions::default() };
    storage.create_table(spec).await?;
    let mut acknowledged = 0;
    let error = loop {
        match storage.append("t", row(acknowledged as i64)?, Durability::Durable).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    ensure!(acknowledged > 5, "only {acknowledged} rows were taken");
    ensure!(error.kind() == ErrorKind::ResourceExhausted, "{error:?}");
    ensure!(error.message().starts_with("disk full: cannot write wal/"), "{error}");
    ensure!(error.message().contains("reopen the database"), "{error}");
    ensure!(rows(&storage).await? == acknowledged, "acknowledged rows stay readable");
    let again = storage.append("t", row(-1)?, Durability::Durable).await;
    ensure!(again.is_err_and(|error| error.kind() == ErrorKind::ResourceExhausted));
    ensure!(storage.status().poisoned.is_some());
    // a process that cannot even close properly loses nothing
    drop(storage.close().await);
    drop(storage);

    let storage = open(directory.path(), &room).await.context("open while the disk is full")?;
    ensure!(rows(&storage).await? == acknowledged);
    ensure!(storage.append("t", row(-1)?, Durability::Durable).await.is_err());
    drop(storage.close().await);
    drop(storage);

    room.store(1_000_000, Ordering::SeqCst);
    let storage = open(directory.path(), &room).await?;
    ensure!(rows(&storage).await? == acknowledged);
    storage.append("t", row(acknowledged as i64)?, Durability::Durable).await?;
    ensure!(rows(&storage).await? == acknowledged + 1);
    storage.close().await?;
    Ok(())
}
