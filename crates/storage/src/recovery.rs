//! Opening a database: from what lies on the disk to a state that serves.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    backup,
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    flush::{self, Flusher},
    ids::Ids,
    maintenance::Maintainer,
    manifest::Root,
    places::Places,
    snapshot::Reading,
    state::State,
    storage::{Access, Core, Parts, Storage, StorageBuilder},
    wal::{
        self, Committed, CommittedGroup, CopiedLog, LogLayout, LogStore, Position, Record, ReplayReport,
        Torn, Wal, WalOptions,
    },
    work::Work,
};

/// Records that replay has read and that are not in memory yet.
const REPLAY_QUEUE_MAX: usize = 2;
/// What an open found, and repaired if it was one for writing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Records of the log that were read back.
    pub frames: u64,
    /// Rows that were read back into memory: acknowledged, but in no segment yet.
    pub rows: u64,
    /// The tail that an interrupted write had left in the log, cut off. For a reader: bytes at the end that are no whole
    /// record, left where they are; a writer may be at work on them.
    pub torn: Option<Torn>,
    /// Length of the log files that were read.
    pub log_bytes: u64,
    /// How long the open took.
    pub elapsed: Duration,
    /// The version of the manifest that the open made, or that a reader found.
    pub version: u64,
}

/// Opens a database, in protocol order.
pub(crate) async fn open(builder: StorageBuilder) -> Result<Storage> {
    builder.options.validate()?;
    let clock: Arc<dyn Clock> = builder.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()));
    let started_ns = clock.monotonic_ns();
    // 1. a directory is ours alone
    let places = Places::open(&builder, clock.as_ref())?;
    // 2. the newest root is the truth
    let (options, work) = (builder.options, builder.work);
    let reading = Reading::new(Arc::clone(&places.store), &options).with_cache(places.cached.clone());
    let reading = Arc::new(reading);
    let newest = reading.manifest.newest().await?;
    if newest.is_none() {
        backup::refuse_unfinished(reading.source.as_ref(), &builder.path).await?;
    }
    if newest.is_none() && !builder.create_missing {
        return Err(Error::missing(&builder.path));
    }
    places.check_log(newest.as_ref())?;
    let passed = newest.as_ref().map(|newest| Position(newest.flushed_max()));
    // 3. a root of our own epoch: from here on a writer of an older epoch cannot commit, nor acknowledge
    let mut root = newest.unwrap_or_else(Root::empty);
    root.version += 1;
    root.writer_epoch += 1;
    root.created_at = clock.now_ns();
    root.backup_of = None;
    places.sign(&mut root);
    let epoch = root.writer_epoch;
    let ids = Arc::new(Ids::new(Arc::clone(&clock), builder.seed, epoch));
    if root.database.is_empty() {
        root.database = ids.next_id();
    }
    reading.manifest.create(&root).await?;
    fence(&places, &reading, &root, passed, work).await?;
    // what lies behind it is still to be read, also where a table has passed it: a flush meanwhile must not say otherwise
    let last = Position(root.log_flushed);
    let log = reading.log_of(&root, Arc::clone(&places.log)).await?;
    let state = State::new(Arc::new(root), last, Arc::clone(&reading));
    let (flusher, messages) = mpsc::channel(flush::QUEUE_MAX);
    let (access, lock, requests) = (Access::Write, places.lock, places.requests);
    let (path, own_log) = (places.path, places.log);
    let parts = Parts {
        options,
        access,
        work,
        clock,
        ids,
        reading,
        requests,
        epoch,
        state,
        flusher,
        lock,
        path,
        log: own_log,
    };
    let core = Arc::new(Core::new(parts));
    // 4. what is acknowledged and in no segment comes back from the log
    let replayed = replay(&core, Arc::clone(&log)).await?;
    // 5. the log goes on behind it
    let deliver = {
        let core = Arc::downgrade(&core);
        move |group| {
            if let Some(core) = core.upgrade() {
                core.deliver(group);
            }
        }
    };
    let clock = Arc::clone(&core.clock);
    let wal = Wal::start(log, epoch, &replayed, WalOptions::default(), clock, deliver)?;
    let elapsed = Duration::from_nanos(core.clock.monotonic_ns().saturating_sub(started_ns));
    let version = core.state().root().version;
    core.serve(Some(wal), RecoveryReport::new(replayed, elapsed, version));
    // 6. the background work begins
    tokio::spawn(Flusher::new(&core, messages).run());
    tokio::spawn(Maintainer::new(&core).run());
    Ok(Storage::new(core))
}

/// Makes the log that of this root. A directory beside a bucket says so from here on; where no lock keeps older writers away,
/// what they may append ends.
async fn fence(
    places: &Places,
    reading: &Reading,
    root: &Root,
    passed: Option<Position>,
    work: Work,
) -> Result<()> {
    if places.log.layout() == LogLayout::Files {
        return places.claim_log(root);
    }
    let (log, epoch) = (Arc::clone(&places.log), root.writer_epoch);
    let fenced = work.start(move || wal::take_over(log.as_ref(), epoch, passed)).await;
    fenced.map_err(|error| Error::internal("the take-over stopped").with_source(error))??;
    // who came after us has gone on where our fence may now lie behind him
    if reading.manifest.newest_version().await? != Some(root.version) {
        let message = "another writer has taken over this database while it was opened";
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    Ok(())
}

/// Reads the log behind the flushed positions into memory. Memory stays bounded: when it is full its rows are flushed
/// before more are read.
async fn replay(core: &Arc<Core>, log: Arc<dyn LogStore>) -> Result<ReplayReport> {
    let root = Arc::clone(core.state().root());
    core.recall_batches().await?;
    let mut tail = LogTail::behind(&root, log, wal::replay, core.work);
    let mut rows = 0;
    while let Some(group) = tail.next().await {
        rows += group.rows();
        let now_ns = core.clock.monotonic_ns();
        core.batches.deliver(&group);
        core.publish(|state| (state.delivered(group, now_ns), ()));
        if core.state().active_bytes() as u64 >= core.options.memtable_bytes.as_u64() {
            let tables: Vec<u64> = root.tables.iter().map(|table| table.id).collect();
            flush::flush_tables(core, &tables).await?;
        }
    }
    let report = tail.end().await?;
    let last = report.last.max(Position(root.flushed_max()));
    // the seal of a clean close is a position, too: only when it is passed may its file go
    core.publish(|state| (state.reached(last), ()));
    Ok(ReplayReport { last, rows, ..report })
}

/// The records of the log behind a root, read in the background, without the rows that lie in segments.
pub(crate) struct LogTail {
    records: mpsc::Receiver<Committed>,
    reader: JoinHandle<Result<ReplayReport>>,
}

/// How a log is read: [`wal::replay`] also cuts its torn tail, [`wal::inspect`] changes nothing.
type ReadLog =
    fn(&dyn LogStore, Position, &mut dyn FnMut(Position, Record) -> Result<()>) -> Result<ReplayReport>;

impl LogTail {
    /// What lies in the log alone.
    pub(crate) fn behind(root: &Root, log: Arc<dyn LogStore>, read: ReadLog, work: Work) -> Self {
        Self::from(root, Position(root.log_flushed).next(), log, read, work)
    }

    /// The same from a position on.
    pub(crate) fn from(
        root: &Root,
        from: Position,
        log: Arc<dyn LogStore>,
        read: ReadLog,
        work: Work,
    ) -> Self {
        let flushed: Vec<(u64, u64)> = root.tables.iter().map(|table| (table.id, table.flushed)).collect();
        // a task cannot wait for room
        let queue_max = if work == Work::Tasks { Semaphore::MAX_PERMITS } else { REPLAY_QUEUE_MAX };
        let (queue, records) = mpsc::channel(queue_max);
        let reader = work.start(move || {
            read(log.as_ref(), from, &mut |position, mut record| {
                // rows that lie in segments, and rows of tables that are gone
                record.entries.retain(|entry| {
                    flushed.iter().any(|(table, flushed)| *table == entry.table_id && position.0 > *flushed)
                });
                let committed = Committed { position, record };
                let sent = match work {
                    Work::Threads => queue.blocking_send(committed).is_ok(),
                    Work::Tasks => queue.try_send(committed).is_ok(),
                };
                if sent { Ok(()) } else { Err(Error::internal("the replay was abandoned")) }
            })
        });
        Self { records, reader }
    }

    /// The next record, as a group of its own.
    pub(crate) async fn next(&mut self) -> Option<CommittedGroup> {
        self.records.recv().await.map(|record| CommittedGroup { records: vec![record] })
    }

    /// What was found, when there are no more records. Its rows are those of all frames.
    pub(crate) async fn end(self) -> Result<ReplayReport> {
        let ended = self.reader.await;
        ended.unwrap_or_else(|error| Err(Error::internal("the replay stopped").with_source(error)))
    }
}

impl Reading {
    /// The log of a root: with the piece before it that a backup has in objects.
    pub(crate) async fn log_of(&self, root: &Root, log: Arc<dyn LogStore>) -> Result<Arc<dyn LogStore>> {
        let Some(copy) = &root.log_copy else { return Ok(log) };
        let mut files = Vec::with_capacity(copy.files.len());
        for object in &copy.files {
            files.push(self.read_object(object).await?);
        }
        Ok(Arc::new(CopiedLog::before(copy.epoch, files, Some(log))))
    }
}

impl RecoveryReport {
    pub(crate) fn new(replayed: ReplayReport, elapsed: Duration, version: u64) -> Self {
        let ReplayReport { frames, rows, torn, files, .. } = replayed;
        let log_bytes = files.iter().map(|file| file.bytes).sum();
        Self { frames, rows, torn, log_bytes, elapsed, version }
    }
}
