use std::sync::Mutex;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::Int64Type;
use futures::FutureExt;

use super::*;
use crate::testing::{Crash, Fault, ManualClock, Operation, SimDisk, Stop};

/// A log under test, and what it delivered: position and first value of each record.
struct Bench {
    disk: SimDisk,
    wal: Wal,
    clock: Arc<ManualClock>,
    delivered: Arc<Mutex<Vec<(u64, i64)>>>,
}

fn record(value: i64) -> Record {
    let column = Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    Record { batch_id: None, entries: vec![Entry { table_id: 1, batch }] }
}

fn value(record: &Record) -> i64 {
    use arrow::array::AsArray;
    record.entries[0].batch.column(0).as_primitive::<Int64Type>().value(0)
}

fn replayed(log: &dyn LogStore, from: u64) -> Result<(ReplayReport, Vec<(u64, i64)>)> {
    let mut rows = Vec::new();
    let report = replay(log, Position(from), &mut |position, record| {
        rows.push((position.0, value(&record)));
        Ok(())
    })?;
    Ok((report, rows))
}

impl Bench {
    fn open(disk: &SimDisk, epoch: u64, options: WalOptions) -> Self {
        let (report, _) = replayed(&*disk.log(), 1).unwrap();
        let clock = Arc::new(ManualClock::new(0));
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&delivered);
        let deliver = move |group: CommittedGroup| {
            let rows = group.records.iter().map(|row| (row.position.0, value(&row.record)));
            sink.lock().unwrap().extend(rows);
        };
        let wal = Wal::start(disk.log(), epoch, &report, options, Arc::clone(&clock) as _, deliver).unwrap();
        Self { disk: disk.clone(), wal, clock, delivered }
    }

    fn new() -> Self {
        Self::open(&SimDisk::new(), 1, WalOptions::default())
    }

    async fn append(&self, value: i64, durability: Durability) -> Result<u64> {
        self.wal.append(record(value), durability).await.map(|position| position.0)
    }

    fn delivered(&self) -> Vec<(u64, i64)> {
        self.delivered.lock().unwrap().clone()
    }

    fn unsynced_bytes(&self) -> usize {
        let files = self.disk.log_files();
        files.iter().map(|(name, bytes)| bytes.len() - self.disk.synced_bytes(name).unwrap()).sum()
    }
}

/// Would break if an acknowledgement came before delivery or sync, or if positions had gaps.
#[tokio::test]
async fn an_acknowledged_record_is_delivered_and_survives_a_power_cut() {
    let bench = Bench::new();
    for value in 0..5 {
        assert_eq!(bench.append(value * 10, Durability::Durable).await.unwrap(), value as u64 + 1);
        assert_eq!(bench.delivered().len(), value as usize + 1);
    }
    let after = bench.disk.crash(Crash::Lost, 0);
    let (report, rows) = replayed(&*after.log(), 1).unwrap();
    assert_eq!(rows, vec![(1, 0), (2, 10), (3, 20), (4, 30), (5, 40)]);
    assert_eq!((report.last, report.frames, report.rows), (Position(5), 5, 5));
    assert_eq!(report.torn, None);
    assert_eq!(replayed(&*after.log(), 4).unwrap().1, vec![(4, 30), (5, 40)]);
}

/// Would break if every caller paid for a sync of his own.
#[tokio::test]
async fn callers_that_wait_together_share_a_sync() {
    let bench = Bench::new();
    let appends = (0..64).map(|value| bench.append(value, Durability::Durable));
    let mut appends = Box::pin(futures::future::try_join_all(appends));
    {
        // the log thread stands in its first delivery while all the others queue up
        let _delivery = bench.delivered.lock().unwrap();
        assert!((&mut appends).now_or_never().is_none());
    }
    assert_eq!(appends.await.unwrap().len(), 64);
    // create, write and sync the header; a write a record; one sync for those before the delivery, one for the rest
    let writes = bench.disk.operations(Operation::Write);
    assert!(writes <= 3 + 64 + 2, "{writes} writes");
    let mut delivered = bench.delivered();
    assert!(delivered.is_sorted());
    delivered.dedup();
    assert_eq!(delivered.len(), 64);
}

/// Would break if Interval rows waited for a sync, were never synced, or if Memory rows reached the log.
#[tokio::test]
async fn weaker_durabilities_keep_exactly_their_promise() {
    let bench = Bench::new();
    assert_eq!(bench.append(1, Durability::Interval).await.unwrap(), 1);
    assert_eq!(bench.append(2, Durability::Memory).await.unwrap(), 1);
    assert_eq!(bench.append(3, Durability::Interval).await.unwrap(), 2);
    assert_eq!(bench.delivered(), vec![(1, 1), (1, 2), (2, 3)]);
    assert!(bench.unsynced_bytes() > 0);
    let killed = bench.disk.clone().log_files();
    bench.clock.advance(SYNC_INTERVAL);
    bench.append(4, Durability::Memory).await.unwrap();
    assert_eq!(bench.unsynced_bytes(), 0, "the time was up");
    assert_eq!(bench.disk.log_files(), killed, "memory rows stay out of the log");
    bench.append(5, Durability::Interval).await.unwrap();
    bench.wal.sync().await.unwrap();
    assert_eq!(bench.unsynced_bytes(), 0);
    bench.append(6, Durability::Interval).await.unwrap();
    let after = bench.disk.crash(Crash::Lost, 0);
    assert_eq!(replayed(&*after.log(), 1).unwrap().1, vec![(1, 1), (2, 3), (3, 5)]);
}

/// Would break if the thread slept on without a deadline when nobody sends anything.
#[tokio::test]
async fn an_interval_row_is_synced_without_a_further_call() {
    let options = WalOptions { sync_interval: Duration::ZERO, ..WalOptions::default() };
    let bench = Bench::open(&SimDisk::new(), 1, options);
    bench.append(1, Durability::Interval).await.unwrap();
    // enough turns for any thread to get its own
    let synced = (0..10_000_000).any(|_| {
        std::thread::yield_now();
        bench.unsynced_bytes() == 0
    });
    assert!(synced);
}

/// Would break if files grew for ever, if a position were lost between files, or if the wrong file were removed.
#[tokio::test]
async fn files_rotate_by_size_and_go_when_they_are_flushed() {
    let options = WalOptions { file_bytes_max: 1_000, ..WalOptions::default() };
    let disk = SimDisk::new();
    let bench = Bench::open(&disk, 7, options);
    for value in 1..=20 {
        bench.append(value, Durability::Interval).await.unwrap();
    }
    let files = disk.log_files();
    assert!(files.len() > 4, "{} files", files.len());
    assert_eq!(bench.wal.bytes(), files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    // only the last file may have a tail that is not synced
    for (name, bytes) in &files[..files.len() - 1] {
        assert_eq!(disk.synced_bytes(name), Some(bytes.len()));
    }
    let spans = replayed(&*disk.log(), 1).unwrap().0.files;
    assert_eq!(bench.wal.remove_before(spans[2].last).await.unwrap(), 2);
    assert_eq!(bench.wal.remove_before(spans[2].last).await.unwrap(), 0);
    assert_eq!(bench.wal.rotate().await.unwrap(), Position(20));
    assert_eq!(bench.append(21, Durability::Durable).await.unwrap(), 21);
    let (_, rows) = replayed(&*disk.log(), spans[2].first.0).unwrap();
    assert_eq!(rows.last(), Some(&(21, 21)));
    assert_eq!(rows.first().map(|row| row.0), Some(spans[2].first.0));
    // what is asked for must be there
    let error = replayed(&*disk.log(), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(error.message().contains("positions 1 to"), "{error}");
}

/// Would break if a flushed log were empty on disk but not for its next writer.
#[tokio::test]
async fn a_log_without_files_goes_on_at_its_position() {
    let bench = Bench::new();
    bench.append(1, Durability::Durable).await.unwrap();
    assert_eq!(bench.wal.remove_before(Position(1)).await.unwrap(), 0);
    assert_eq!(bench.wal.remove_before(Position(2)).await.unwrap(), 1);
    assert_eq!(bench.wal.bytes(), 0);
    bench.wal.close().await.unwrap();
    assert_eq!(bench.disk.log_files(), vec![]);
    let (report, _) = replayed(&*bench.disk.log(), 2).unwrap();
    assert_eq!(report.last, Position(1));
}

/// Would break if a new epoch overwrote, skipped or repeated positions of the last one.
#[tokio::test]
async fn epochs_continue_each_other() {
    let mut disk = SimDisk::new();
    for epoch in 1..=4_i64 {
        let bench = Bench::open(&disk, epoch as u64, WalOptions::default());
        bench.append(epoch, Durability::Durable).await.unwrap();
        if epoch % 2 == 0 {
            bench.wal.close().await.unwrap();
        }
        disk = bench.disk.crash(Crash::Lost, 0);
    }
    // a seal takes a position of its own
    assert_eq!(replayed(&*disk.log(), 1).unwrap().1, vec![(1, 1), (2, 2), (4, 3), (5, 4)]);
}

/// Would break if a failed write or sync were acknowledged, retried, or followed by another write.
#[tokio::test]
async fn a_failed_operation_poisons_the_log() {
    for (fault, kind) in
        [(Fault::Io, ErrorKind::Unavailable), (Fault::DiskFull, ErrorKind::ResourceExhausted)]
    {
        // create, write and sync the header, then a write and a sync for each record
        for n in 1..=9 {
            let bench = Bench::new();
            bench.disk.fail(Operation::Write, n, fault);
            let mut acknowledged = Vec::new();
            let error = loop {
                let value = acknowledged.len() as i64 + 1;
                match bench.append(value, Durability::Durable).await {
                    Ok(position) => acknowledged.push((position, value)),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.message().contains("reopen the database"), "{error}");
            assert_eq!(error.message().contains("disk full"), fault == Fault::DiskFull, "{error}");
            assert_eq!(bench.wal.poisoned().map(|poison| poison.kind()), Some(kind));
            assert_eq!(bench.delivered(), acknowledged);
            for durability in [Durability::Durable, Durability::Interval, Durability::Memory] {
                assert_eq!(bench.append(99, durability).await.unwrap_err().kind(), kind);
            }
            assert_eq!(bench.wal.sync().await.unwrap_err().kind(), kind);
            assert_eq!(bench.wal.close().await.unwrap_err().kind(), kind);
            assert_eq!(bench.disk.operations(Operation::Write), n, "nothing is written afterwards");
            for crash in [Crash::Killed, Crash::Lost, Crash::Torn] {
                let after = bench.disk.crash(crash, n);
                let (_, rows) = replayed(&*after.log(), 1).unwrap();
                assert!(rows.starts_with(&acknowledged), "{crash:?} after fault {n}: {rows:?}");
                assert!(rows.len() <= acknowledged.len() + 1);
            }
        }
    }
}

/// Would break if any step of the protocol acknowledged too early, whatever the crash leaves, twice in a row.
#[tokio::test]
async fn acknowledged_records_survive_a_stop_at_every_write() {
    for stop in [Stop::Before, Stop::After] {
        for crash in [Crash::Killed, Crash::Lost, Crash::Torn] {
            for n in 1.. {
                let disk = SimDisk::new();
                disk.stop_at_write(n, stop);
                let attempted = write_until_stopped(&disk).await;
                let is_whole = !disk.is_stopped();
                let after = disk.crash(crash, n);
                let (report, rows) = replayed(&*after.log(), 1).unwrap();
                attempted.check(&rows);
                // the process that reads them dies too, and takes the page cache with it
                let second = after.crash(Crash::Lost, n);
                let (again, rows_again) = replayed(&*second.log(), 1).unwrap();
                assert_eq!((again.last, &rows_again), (report.last, &rows), "{stop:?} {crash:?} at {n}");
                if is_whole {
                    break;
                }
            }
        }
    }
}

#[derive(Default)]
struct Attempted {
    acknowledged: Vec<i64>,
    attempted: Vec<i64>,
}

impl Attempted {
    fn check(&self, rows: &[(u64, i64)]) {
        let rows: Vec<i64> = rows.iter().map(|row| row.1).collect();
        assert!(rows.iter().all(|row| self.attempted.contains(row)), "{rows:?} were attempted");
        assert!(self.acknowledged.iter().all(|row| rows.contains(row)), "{rows:?} miss an acknowledged row");
        assert!(rows.is_sorted());
    }
}

/// Small files, all durabilities, a rotation, a removal that removes nothing needed, and a close.
async fn write_until_stopped(disk: &SimDisk) -> Attempted {
    let bench = Bench::open(disk, 1, WalOptions { file_bytes_max: 900, ..WalOptions::default() });
    let mut rows = Attempted::default();
    for value in 1..=8 {
        rows.attempted.push(value);
        let durability = if value % 3 == 0 { Durability::Interval } else { Durability::Durable };
        if bench.append(value, durability).await.is_ok() && durability == Durability::Durable {
            rows.acknowledged.push(value);
        }
        if value == 5 {
            drop(bench.wal.rotate().await);
        }
    }
    drop(bench.wal.close().await);
    rows
}

/// Would break if a torn write were refused instead of cut, or if the next epoch wrote behind the damage.
#[tokio::test]
async fn a_torn_tail_is_cut_and_reported_once() {
    let disk = SimDisk::new();
    let bench = Bench::open(&disk, 1, WalOptions::default());
    bench.append(1, Durability::Durable).await.unwrap();
    let (name, good) = disk.log_files().remove(0);
    bench.append(2, Durability::Durable).await.unwrap();
    let (_, whole) = disk.log_files().remove(0);
    for len in good.len() + 1..whole.len() {
        let after = SimDisk::new();
        after.set_log_file(&name, whole[..len].to_vec());
        let (report, rows) = replayed(&*after.log(), 1).unwrap();
        let torn = Torn { file: name.clone(), offset: good.len() as u64, bytes: (len - good.len()) as u64 };
        assert_eq!((report.torn, rows), (Some(torn), vec![(1, 1)]), "cut to {len} bytes");
        assert_eq!(after.log_files(), vec![(name.clone(), good.clone())]);
        assert_eq!(replayed(&*after.log(), 1).unwrap().0.torn, None);
    }
    for len in 0..frame::FILE_HEADER_BYTES {
        let after = SimDisk::new();
        after.set_log_file(&name, whole[..len].to_vec());
        let (report, rows) = replayed(&*after.log(), 1).unwrap();
        assert_eq!((report.torn.map(|torn| torn.offset), rows), (Some(0), vec![]));
        assert_eq!(after.log_files(), vec![], "a file without a header goes");
    }
}

/// Would break if frames or headers claimed a sync that never was: then what a power cut leaves of a group that was never
/// synced would be refused as damage, and the database would stay shut.
#[tokio::test]
async fn a_power_cut_in_an_unsynced_group_is_a_torn_tail() {
    for synced in [0, 1, 5] {
        let bench = Bench::new();
        for value in 0..synced {
            bench.append(value, Durability::Durable).await.unwrap();
        }
        for value in synced..12 {
            bench.append(value, Durability::Interval).await.unwrap();
        }
        for seed in 0..200 {
            let after = bench.disk.crash(Crash::Torn, seed);
            let (_, rows) = replayed(&*after.log(), 1).unwrap();
            let values: Vec<i64> = rows.iter().map(|row| row.1).collect();
            assert!(values.len() as i64 >= synced && values.iter().copied().eq(0..values.len() as i64));
        }
    }
}

/// Would break if a closed log hung, or answered as if it were broken.
#[tokio::test]
async fn a_closed_log_says_so() {
    let bench = Bench::new();
    bench.append(1, Durability::Durable).await.unwrap();
    bench.wal.close().await.unwrap();
    assert_eq!(bench.append(2, Durability::Durable).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(bench.wal.close().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(bench.wal.poisoned().map(|poison| poison.kind()), None);
}

/// Would break if a record that replay cannot hold were written.
#[tokio::test]
async fn records_have_a_size_limit() {
    let bench = Bench::new();
    let column = arrow::array::new_null_array(&arrow::datatypes::DataType::Int64, FRAME_BYTES_MAX / 8);
    assert_eq!(column.len() * 8, FRAME_BYTES_MAX);
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let record = Record { batch_id: None, entries: vec![Entry { table_id: 1, batch }] };
    let error = bench.wal.append(record, Durability::Durable).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("at most 67108864 are allowed"), "{error}");
    let nothing = Record { batch_id: None, entries: vec![] };
    assert_eq!(bench.wal.append(nothing, Durability::Durable).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(bench.append(1, Durability::Durable).await.unwrap(), 1, "the log goes on");
}

/// Would break if the real files were created, read, cut or removed in another way than the simulated ones.
#[tokio::test]
async fn the_local_log_behaves_as_the_simulated_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep").join("wal");
    for log in [SimDisk::new().log() as Arc<dyn LogStore>, Arc::new(LocalLog::open(&path).unwrap())] {
        assert_eq!(log.list().unwrap(), Vec::<String>::new());
        let mut file = log.create("a.wal").unwrap();
        assert_eq!(
            log.create("a.wal").err().map(|error| error.kind()),
            Some(std::io::ErrorKind::AlreadyExists)
        );
        file.append(b"hello ").unwrap();
        file.append(b"world").unwrap();
        file.sync().unwrap();
        assert_eq!(log.len("a.wal").unwrap(), 11);
        log.truncate("a.wal", 5).unwrap();
        file.append(b"!").unwrap();
        let mut read = String::new();
        std::io::Read::read_to_string(&mut log.open_read("a.wal").unwrap(), &mut read).unwrap();
        assert_eq!(read, "hello!");
        assert_eq!(log.list().unwrap(), ["a.wal"]);
        log.remove("a.wal").unwrap();
        for missing in [log.len("a.wal").err(), log.remove("a.wal").err(), log.truncate("a.wal", 0).err()] {
            assert_eq!(missing.map(|error| error.kind()), Some(std::io::ErrorKind::NotFound));
        }
    }
    std::fs::write(path.join("README"), "not ours").unwrap();
    assert_eq!(LocalLog::open(&path).unwrap().list().unwrap(), Vec::<String>::new());
}
