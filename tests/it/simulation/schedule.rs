//! Who goes next: one seeded choice at a time.
//!
//! Every operation of the store and the log, and every step of an actor, waits at a gate. Only when no task can go on and no log thread
//! works is one gate opened, and what passes it may be told to fail. So all that happens follows from the seed, whatever the machine does.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hasher},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::ThreadId,
};

use driftline_storage::Storage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{runtime::Handle, sync::oneshot};

/// One gate in so many is slow.
const SLOW_SHARE: u32 = 12;
/// A slow gate stays shut while so many others are opened.
const SLOW_STEPS_MAX: u64 = 60;
/// Far more steps than a run has: what never ends fails.
const STEPS_MAX: u64 = 200_000;

/// What becomes of an operation that may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It happens.
    Happens,
    /// It does not happen: the device reports an error.
    Fails,
    /// It does not happen: the device is full.
    Full,
    /// It happens, and its caller learns of an error.
    AnswerLost,
}

/// What waits at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A step of an actor, or the answer to an operation: it cannot fail.
    Turn,
    /// An operation that may.
    Operation,
}

/// A process: one opening of the database. The log, the store and the tasks of a process share its number.
pub(super) type Process = u64;

/// The one who decides. Clones are handles on the same.
#[derive(Debug, Clone)]
pub(super) struct Schedule(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    opened: Condvar,
    runtime: ThreadId,
}

#[derive(Debug)]
struct State {
    random: ChaCha8Rng,
    /// Tasks that wait, in the order of their coming.
    tasks: Vec<Gate<oneshot::Sender<Verdict>>>,
    /// Log threads that wait.
    logs: BTreeMap<Process, Gate<()>>,
    /// Log threads that may go on.
    opened: BTreeMap<Process, Verdict>,
    /// Processes whose logs do not go on.
    held: BTreeSet<Process>,
    /// Processes for which every gate is open.
    free: BTreeSet<Process>,
    /// Writers whose log threads are waited for.
    writers: BTreeMap<Process, Storage>,
    /// How likely an operation fails.
    faults: f64,
    steps: u64,
    hasher: DefaultHasher,
    is_traced: bool,
    violations: Vec<String>,
}

#[derive(Debug)]
struct Gate<K> {
    process: Process,
    what: String,
    kind: Kind,
    /// The step before which it stays shut; unknown until it is looked at.
    slow_until: Option<u64>,
    key: K,
}

impl Schedule {
    /// Makes the schedule of a seed, for a runtime on the present thread.
    pub(super) fn new(seed: u64, is_traced: bool) -> Self {
        let state = State {
            random: ChaCha8Rng::seed_from_u64(seed),
            tasks: Vec::new(),
            logs: BTreeMap::new(),
            opened: BTreeMap::new(),
            held: BTreeSet::new(),
            free: BTreeSet::new(),
            writers: BTreeMap::new(),
            faults: 0.0,
            steps: 0,
            hasher: DefaultHasher::new(),
            is_traced,
            violations: Vec::new(),
        };
        let runtime = std::thread::current().id();
        Self(Arc::new(Shared { state: Mutex::new(state), opened: Condvar::new(), runtime }))
    }

    /// Waits until a task may go on.
    pub(super) async fn pass(&self, process: Process, kind: Kind, what: &str) -> Verdict {
        let waits = {
            let mut state = self.lock();
            if state.free.contains(&process) {
                return Verdict::Happens;
            }
            let (key, waits) = oneshot::channel();
            state.tasks.push(Gate { process, what: what.to_owned(), kind, slow_until: None, key });
            waits
        };
        waits.await.unwrap_or(Verdict::Happens)
    }

    /// Waits until a log thread may go on. The thread of the runtime goes on at once: it must not wait for itself.
    pub(super) fn pass_thread(&self, process: Process, what: &str) -> Verdict {
        let mut state = self.lock();
        if std::thread::current().id() == self.0.runtime || state.free.contains(&process) {
            return Verdict::Happens;
        }
        let (what, kind) = (what.to_owned(), Kind::Operation);
        state.logs.insert(process, Gate { process, what, kind, slow_until: None, key: () });
        loop {
            if let Some(verdict) = state.opened.remove(&process) {
                return verdict;
            }
            if state.free.contains(&process) {
                state.logs.remove(&process);
                return Verdict::Happens;
            }
            state = self.0.opened.wait(state).unwrap();
        }
    }

    /// Takes note of a writer, whose log thread is waited for from now on.
    pub(super) fn enter(&self, process: Process, writer: &Storage) {
        self.lock().writers.insert(process, writer.clone());
    }

    /// Opens every gate of a process, for good.
    pub(super) fn free(&self, process: Process) {
        let mut state = self.lock();
        state.free.insert(process);
        let (freed, wait) =
            std::mem::take(&mut state.tasks).into_iter().partition(|gate| gate.process == process);
        state.tasks = wait;
        let freed: Vec<Gate<oneshot::Sender<Verdict>>> = freed;
        let writer = state.writers.remove(&process);
        drop(state);
        self.0.opened.notify_all();
        for gate in freed {
            // fails only when its task was given up
            let _ = gate.key.send(Verdict::Happens);
        }
        drop(writer);
    }

    /// Keeps the log of a process where it is, or lets it go on.
    pub(super) fn hold(&self, process: Process, is_held: bool) {
        let mut state = self.lock();
        if is_held {
            state.held.insert(process)
        } else {
            state.held.remove(&process)
        };
    }

    /// Sets how likely operations fail from now on.
    pub(super) fn set_faults(&self, faults: f64) {
        self.lock().faults = faults;
    }

    /// Whether operations may fail.
    pub(super) fn has_faults(&self) -> bool {
        self.lock().faults > 0.0
    }

    /// Writes what happens into the trace.
    pub(super) fn note(&self, what: &str) {
        self.lock().note(what);
    }

    /// Takes note of something that must never be.
    pub(super) fn violated(&self, what: String) {
        let mut state = self.lock();
        state.note(&format!("VIOLATION {what}"));
        state.violations.push(what);
    }

    /// What must never have been.
    pub(super) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// A digest of all that happened.
    pub(super) fn digest(&self) -> u64 {
        self.lock().hasher.finish()
    }

    /// Called when no task can go on: opens a gate.
    ///
    /// # Panics
    /// When nobody waits at one: then everybody waits for everybody.
    pub(super) fn idle(&self) {
        loop {
            self.wait_for_logs();
            if Handle::current().metrics().global_queue_depth() > 0 {
                return;
            }
            let mut state = self.lock();
            let (index, verdict) = state.choose();
            if index < state.tasks.len() {
                let gate = state.tasks.remove(index);
                drop(state);
                if gate.key.send(verdict).is_ok() {
                    return;
                }
                // its task was given up
                continue;
            }
            let process = *state.logs.keys().nth(index - state.tasks.len()).unwrap();
            state.logs.remove(&process);
            state.opened.insert(process, verdict);
            drop(state);
            self.0.opened.notify_all();
        }
    }

    /// Waits until every log thread waits, for a message or at a gate.
    fn wait_for_logs(&self) {
        let writers: Vec<(Process, Storage)> =
            self.lock().writers.iter().map(|(process, writer)| (*process, writer.clone())).collect();
        for (process, writer) in writers {
            let waits = || {
                let state = self.lock();
                state.logs.contains_key(&process) && !state.opened.contains_key(&process)
            };
            while writer.status().wal_queued_bytes > 0 && !waits() {
                std::thread::yield_now();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl State {
    /// The gate that is opened next, and what becomes of what waits there.
    fn choose(&mut self) -> (usize, Verdict) {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "it does not end");
        let steps = self.steps;
        let slow: Vec<u64> = {
            let random = &mut self.random;
            let mut slow_until = |known: &mut Option<u64>| {
                *known.get_or_insert_with(|| match random.random_ratio(1, SLOW_SHARE) {
                    true => steps + random.random_range(1..=SLOW_STEPS_MAX),
                    false => steps,
                })
            };
            let tasks = self.tasks.iter_mut().map(|gate| &mut gate.slow_until);
            let logs = self.logs.values_mut().map(|gate| &mut gate.slow_until);
            tasks.chain(logs).map(&mut slow_until).collect()
        };
        let held: Vec<usize> = (self.tasks.len()..)
            .zip(self.logs.keys())
            .filter_map(|(index, process)| self.held.contains(process).then_some(index))
            .collect();
        let waiting: Vec<usize> = (0..slow.len()).filter(|index| !held.contains(index)).collect();
        let ready: Vec<usize> = waiting.iter().copied().filter(|index| slow[*index] <= steps).collect();
        let index = match ready.is_empty() {
            false => ready[self.random.random_range(0..ready.len())],
            true => waiting.into_iter().min_by_key(|index| slow[*index]).expect("somebody waits at a gate"),
        };
        let (process, kind, what) = match self.tasks.get(index) {
            Some(gate) => (gate.process, gate.kind, gate.what.clone()),
            None => {
                let gate = self.logs.values().nth(index - self.tasks.len()).unwrap();
                (gate.process, gate.kind, gate.what.clone())
            }
        };
        let verdict = match kind {
            Kind::Operation if self.random.random_bool(self.faults) => match self.random.random_range(0..4) {
                0 => Verdict::Full,
                1 => Verdict::Fails,
                _ => Verdict::AnswerLost,
            },
            _ => Verdict::Happens,
        };
        let failed = if verdict == Verdict::Happens { String::new() } else { format!(" {verdict:?}") };
        self.note(&format!("{process}: {what}{failed}"));
        (index, verdict)
    }

    #[expect(clippy::print_stderr, reason = "the trace of a seed that is run again")]
    fn note(&mut self, what: &str) {
        self.hasher.write(what.as_bytes());
        if self.is_traced {
            eprintln!("{:6} {what}", self.steps);
        }
    }
}
