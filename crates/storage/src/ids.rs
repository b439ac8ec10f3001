//! Names for new objects and queries: ULIDs from the injected clock and a seeded generator, so that a simulation replays.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use ulid::Ulid;

use crate::clock::Clock;

/// Makes ULIDs that sort by the time of their making.
#[derive(Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    /// The last millisecond that was given out: time does not go back, whatever the clock does.
    last_ms: AtomicU64,
    random: Mutex<ChaCha8Rng>,
}

impl Ids {
    /// A seed gives the names of one writer epoch; the next epoch gets others from the same seed.
    pub fn new(clock: Arc<dyn Clock>, seed: Option<u64>, epoch: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed.unwrap_or_else(rand::random));
        random.set_stream(epoch);
        Self { clock, last_ms: AtomicU64::new(0), random: Mutex::new(random) }
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
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let bits = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        Ulid::from_parts(ms, bits).to_string()
    }
}
