//! A world: rounds of work, each followed by a quiet point, a close, a crash or another writer.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytesize::ByteSize;
use driftline_storage::{
    Durability, ErrorKind, StorageOptions,
    testing::{Crash, ManualClock, Operation, SimDisk, Stop},
};
use futures::future::join_all;
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinHandle;

use super::{
    act::{ROLES, Role, Rules, act, attempt, new_rows, send},
    keep::{look, look_again, settle_down, sleep_over},
    ledger::{Ledger, Survives},
    process::{Scene, Writer},
    rows::spec,
    schedule::{Kind, Schedule},
    store::{InFlight, SlowStore},
};

/// When the world begins: in summer, a few hours before midnight.
const BEGIN_NS: i64 = 1_785_000_000_000_000_000;
/// How often a database is opened before it must succeed.
const OPENS_MAX: usize = 6;

pub(super) struct World {
    scene: Arc<Scene>,
    random: ChaCha8Rng,
    disk: SimDisk,
    /// Puts of processes that are dead by now.
    late: Vec<JoinHandle<()>>,
    rules: Rules,
}

impl World {
    /// Plays all rounds of a seed.
    pub(super) async fn run(schedule: Schedule, seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(!seed);
        let scene = Scene {
            schedule,
            clock: Arc::new(ManualClock::new(BEGIN_NS)),
            ledger: Mutex::new(Ledger::default()),
            written: Arc::default(),
            processes: AtomicU64::new(0),
            removals: AtomicU64::new(0),
            purges: AtomicU64::new(0),
            options: options(&mut random),
        };
        let rules = Rules { note_bytes_max: *[8, 200, 3_000].choose(&mut random).unwrap(), is_slow: false };
        let mut world =
            Self { scene: Arc::new(scene), random, disk: SimDisk::new(), late: Vec::new(), rules };
        let mut writer = world.open(Survives::Life).await;
        for table in 0..2 {
            writer.storage.create_table(spec(table)).await.expect("nothing fails yet");
        }
        let rounds = world.random.random_range(2..5);
        for round in 0..rounds {
            world.scene.schedule.note(&format!("round {round}"));
            world.rules.is_slow = world.random.random_ratio(1, 3);
            writer = match world.random.random_range(0..4) {
                0 => world.take_over(writer).await,
                _ => world.round(writer).await,
            };
        }
        world.scene.schedule.set_faults(0.0);
        settle_down(&writer, &mut world.random).await;
        world.end(writer).await;
    }

    /// Actors work; then it is quiet, or all is over.
    async fn round(&mut self, writer: Arc<Writer>) -> Arc<Writer> {
        let faults = *[0.0, 0.0, 0.0, 0.01, 0.05].choose(&mut self.random).unwrap();
        self.set_faults(&writer, faults);
        if self.random.random_ratio(1, 3) {
            let steps = self.random.random_range(1..80);
            let stop = if self.random.random_bool(0.5) { Stop::Before } else { Stop::After };
            self.scene.schedule.note(&format!("dies {stop:?} write {steps} from here"));
            self.disk.stop_at_write(self.disk.operations(Operation::Write) + steps, stop);
        }
        let actors = self.actors(&writer);
        if self.random.random_ratio(1, 8) {
            writer.turn("close early").await;
            writer.is_closing.store(true, Ordering::SeqCst);
            drop(writer.storage.close().await);
        }
        finished(actors).await;
        finished(std::mem::take(&mut self.late)).await;
        if self.disk.is_stopped() {
            let crash = *[Crash::Killed, Crash::Lost, Crash::Torn].choose(&mut self.random).unwrap();
            return self.crash(writer, crash).await;
        }
        self.disk.stop_at_write(0, Stop::Before);
        self.scene.schedule.set_faults(0.0);
        if writer.is_closing.load(Ordering::SeqCst) {
            look_again(&writer).await;
            return self.crash(writer, Crash::Killed).await;
        }
        settle_down(&writer, &mut self.random).await;
        if writer.storage.status().poisoned.is_none() {
            self.sync(&writer).await;
            let days = self.random.random_range(0..2);
            sleep_over(&writer, days);
        }
        // whoever stopped for good is no use any more
        let ends = if writer.storage.status().poisoned.is_some() { 1..5 } else { 0..6 };
        match self.random.random_range(ends) {
            0 | 5 => writer,
            1 => self.crash(writer, Crash::Killed).await,
            2 => self.crash(writer, Crash::Lost).await,
            3 => self.crash(writer, Crash::Torn).await,
            _ => self.close(writer).await,
        }
    }

    /// Lets some actors begin.
    fn actors(&mut self, writer: &Arc<Writer>) -> Vec<JoinHandle<()>> {
        let count = self.random.random_range(3..8);
        let mut roles = vec![Role::Append];
        roles.extend((1..count).map(|_| *ROLES.choose(&mut self.random).unwrap()));
        let begin = |role: &Role| {
            let random = ChaCha8Rng::from_rng(&mut self.random);
            let steps = if *role == Role::Append { 10 } else { 4 };
            tokio::spawn(act(Arc::clone(writer), *role, steps, self.rules, random))
        };
        roles.iter().map(begin).collect()
    }

    fn set_faults(&self, writer: &Writer, faults: f64) {
        self.scene.schedule.set_faults(faults);
        writer.was_faulty.fetch_or(faults > 0.0, Ordering::SeqCst);
    }

    /// A durable row: with it everything before is durable, too.
    async fn sync(&mut self, writer: &Writer) {
        let rows = new_rows(writer, 1, 1, self.rules, &mut self.random);
        let unit = attempt(writer, rows, Durability::Durable, false);
        send(writer, unit).await;
    }

    /// Closes the database and opens it again.
    async fn close(&mut self, writer: Arc<Writer>) -> Arc<Writer> {
        let faults = *[0.0, 0.0, 0.2].choose(&mut self.random).unwrap();
        self.set_faults(&writer, faults);
        writer.is_closing.store(true, Ordering::SeqCst);
        let rows = self.scene.ledger.lock().unwrap().acknowledged(None);
        match writer.storage.close().await {
            Ok(()) => drop(self.scene.ledger.lock().unwrap().durable(&rows)),
            Err(error) => writer.failed("close", &error),
        }
        self.scene.schedule.set_faults(0.0);
        look_again(&writer).await;
        self.crash(writer, Crash::Killed).await
    }

    /// Takes the process down, and opens what is left.
    async fn crash(&mut self, writer: Arc<Writer>, crash: Crash) -> Arc<Writer> {
        self.scene.schedule.note(&format!("{crash:?}"));
        let disk = self.disk.crash(crash, self.random.random_range(0..u64::MAX));
        self.disk = disk;
        let in_flight = writer.store.in_flight();
        self.end(writer).await;
        for put in in_flight {
            if self.random.random_bool(0.5) {
                self.late.push(self.put_late(put));
            }
        }
        let after = if crash == Crash::Killed { Survives::Kill } else { Survives::PowerCut };
        self.open(after).await
    }

    /// Ends a process, which is dead or not needed any more, with all that it has begun.
    async fn end(&mut self, writer: Arc<Writer>) {
        self.scene.schedule.free(writer.process);
        drop(writer);
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets a put of a dead process arrive late.
    fn put_late(&self, put: InFlight) -> JoinHandle<()> {
        let process = self.scene.next_process();
        let store = SlowStore::new(&self.disk, &self.scene.schedule, process, &self.scene.written);
        let scene = Arc::clone(&self.scene);
        tokio::spawn(async move {
            scene.schedule.pass(process, Kind::Turn, &format!("late {}", put.path)).await;
            drop(store.write(put).await);
        })
    }

    /// Opens the database, compares what it shows, and learns from it.
    async fn open(&mut self, mut after: Survives) -> Arc<Writer> {
        let mut opens = 0;
        loop {
            opens += 1;
            let is_last = opens > OPENS_MAX;
            self.scene.schedule.set_faults(if is_last || self.random.random_bool(0.7) { 0.0 } else { 0.05 });
            if !is_last && opens > 1 && self.random.random_ratio(1, 4) {
                let steps = self.random.random_range(1..8);
                self.disk.stop_at_write(self.disk.operations(Operation::Write) + steps, Stop::Before);
            }
            let was_faulty = self.scene.schedule.has_faults();
            let (process, store, log, opened) = self.scene.open(&self.disk, false).await;
            let opened = match opened {
                Ok(storage) if self.disk.is_stopped() => {
                    drop(storage);
                    None
                }
                Ok(storage) => Some(storage),
                Err(error) => {
                    let may_conflict = error.kind() == ErrorKind::Conflict && !self.late.is_empty();
                    let may_fail = error.kind() == ErrorKind::Unavailable
                        || error.kind() == ErrorKind::ResourceExhausted;
                    if !may_conflict && !(may_fail && (was_faulty || self.disk.is_stopped())) {
                        self.scene.schedule.violated(format!("an open must not fail so: {error:?}"));
                    }
                    None
                }
            };
            if let Some(storage) = opened {
                self.disk.stop_at_write(0, Stop::Before);
                self.scene.schedule.enter(process, &storage);
                let writer = self.writer(process, store, log, storage, was_faulty);
                self.scene.schedule.set_faults(0.0);
                let seen = look(&writer, "after an open", after).await;
                self.scene.ledger.lock().unwrap().settle(&seen);
                return writer;
            }
            self.scene.schedule.free(process);
            assert!(opens < 3 * OPENS_MAX, "it cannot be opened");
            if self.disk.is_stopped() {
                let crash = if self.random.random_bool(0.5) { Crash::Killed } else { Crash::Lost };
                after = after.max(if crash == Crash::Killed { Survives::Kill } else { Survives::PowerCut });
                self.disk = self.disk.crash(crash, self.random.random_range(0..u64::MAX));
            }
        }
    }

    fn writer(
        &self,
        process: u64,
        store: SlowStore,
        log: super::store::SlowLog,
        storage: driftline_storage::Storage,
        was_faulty: bool,
    ) -> Arc<Writer> {
        Arc::new(Writer {
            scene: Arc::clone(&self.scene),
            process,
            disk: self.disk.clone(),
            store,
            log,
            storage,
            replaced_by: AtomicU64::new(0),
            is_challenged: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            was_faulty: AtomicBool::new(was_faulty),
            kept: Mutex::new(Vec::new()),
        })
    }

    /// Another writer comes while the first is at work, which does not know that its log was taken away.
    async fn take_over(&mut self, old: Arc<Writer>) -> Arc<Writer> {
        let mut actors = self.actors(&old);
        for _ in 0..self.random.random_range(0..6) {
            old.turn("not yet").await;
        }
        old.is_challenged.store(true, Ordering::SeqCst);
        self.scene.schedule.hold(old.process, true);
        let new = loop {
            let (process, store, log, opened) = self.scene.open(&self.disk, false).await;
            match opened {
                Ok(storage) => {
                    self.scene.schedule.enter(process, &storage);
                    old.replaced_by.store(storage.recovery().version, Ordering::SeqCst);
                    old.log.detach();
                    self.scene.schedule.hold(old.process, false);
                    break self.writer(process, store, log, storage, false);
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    self.scene.schedule.note(&format!("the first was faster: {error}"));
                }
                Err(error) => panic!("the second writer must not fail so: {error:?}"),
            }
        };
        let seen = look(&new, "after another writer came", Survives::Kill).await;
        self.scene.ledger.lock().unwrap().settle(&seen);
        actors.extend(self.actors(&new));
        finished(actors).await;
        // the first cannot commit any more, even if nothing it did has told it
        let rows = new_rows(&old, 1, 1, self.rules, &mut self.random);
        let unit = attempt(&old, rows, Durability::Memory, false);
        send(&old, unit).await;
        match old.storage.flush(None).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            other => old.violated(format!("it was replaced, and yet it flushes: {other:?}")),
        }
        self.end(old).await;
        self.scene.clock.advance(Duration::from_millis(1));
        settle_down(&new, &mut self.random).await;
        new
    }
}

/// Everything is small, so that every limit is met; and what is not kept in memory must be where it was.
fn options(random: &mut ChaCha8Rng) -> StorageOptions {
    let cache = if random.random_bool(0.5) { ByteSize::b(0) } else { ByteSize::mib(1) };
    StorageOptions {
        memtable_bytes: ByteSize::kib(64),
        bulk_bytes: ByteSize::kib(64),
        footer_cache_bytes: cache,
        day_list_cache_bytes: cache,
        compaction: false,
        compaction_target: ByteSize::kib(64),
        // nothing happens by the time of day
        follow_interval: Duration::ZERO,
        maintenance_interval: Duration::from_secs(86_400),
        ..StorageOptions::default()
    }
}

/// Waits until all are done.
async fn finished(tasks: Vec<JoinHandle<()>>) {
    for ended in join_all(tasks).await {
        ended.unwrap_or_else(|error| panic!("{error}"));
    }
}
