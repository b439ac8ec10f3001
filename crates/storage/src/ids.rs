//! Names for new objects and queries: ULIDs from the injected clock and a seeded generator, so that a simulation replays.
//!
//! The first 32 of a ULID's 80 random bits are the epoch of the writer that made it. Whoever removes objects knows by that what was made by
//! a writer after him, whatever clocks say.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use ulid::Ulid;

use crate::clock::Clock;

/// Bits of a ULID that are random; the epoch is in those above them, the time in those above that.
const RANDOM_BITS: u32 = 48;

/// Makes ULIDs that sort by the time of their making.
#[derive(Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    /// The last millisecond that was given out: time does not go back, whatever the clock does.
    last_ms: AtomicU64,
    epoch: AtomicU32,
    random: Mutex<ChaCha8Rng>,
}

/// When, and under which writer, something of a name was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) ms: i64,
    pub(crate) epoch: u32,
}

impl Ids {
    /// A seed gives the names of one writer epoch; the next epoch gets others from the same seed.
    pub fn new(clock: Arc<dyn Clock>, seed: Option<u64>, epoch: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed.unwrap_or_else(rand::random));
        random.set_stream(epoch);
        let epoch = AtomicU32::new(in_names(epoch));
        Self { clock, last_ms: AtomicU64::new(0), epoch, random: Mutex::new(random) }
    }

    /// What is named from here on is made under another writer, which this process follows.
    pub(crate) fn enter(&self, epoch: u64) {
        self.epoch.store(in_names(epoch), Ordering::Relaxed);
    }

    /// The millisecond of the next name.
    pub(crate) fn now_ms(&self) -> u64 {
        let ms = u64::try_from(self.clock.now_ns() / 1_000_000).unwrap_or(0);
        self.last_ms.fetch_max(ms, Ordering::Relaxed).max(ms)
    }

    /// A millisecond that lies behind all names so far and before all that follow.
    pub(crate) fn tick(&self) -> u64 {
        let ms = self.now_ms();
        self.last_ms.fetch_max(ms + 1, Ordering::Relaxed);
        ms
    }

    /// The next name: 26 characters, sorted by the millisecond of its making.
    pub fn next_id(&self) -> String {
        let ms = self.now_ms();
        let epoch = u128::from(self.epoch.load(Ordering::Relaxed));
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let random = u128::from(random.next_u64() >> (u64::BITS - RANDOM_BITS));
        Ulid::from_parts(ms, epoch << RANDOM_BITS | random).to_string()
    }
}

impl Birth {
    /// `None` for what is no name of ours.
    pub(crate) fn of(id: &str) -> Option<Self> {
        let id = Ulid::from_string(id).ok()?;
        let epoch = (id.random() >> RANDOM_BITS) as u32;
        Some(Self { ms: i64::try_from(id.timestamp_ms()).ok()?, epoch })
    }

    /// Whether it was made under a writer after one of this epoch.
    pub(crate) fn is_after(self, epoch: u64) -> bool {
        self.epoch > in_names(epoch)
    }

    /// Whether it was made under a writer before one of this epoch.
    pub(crate) fn is_before(self, epoch: u64) -> bool {
        self.epoch < in_names(epoch)
    }
}

/// An epoch as names have it: four thousand million openings are not expected.
fn in_names(epoch: u64) -> u32 {
    u32::try_from(epoch).unwrap_or(u32::MAX)
}
