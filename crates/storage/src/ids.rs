//! Names for new objects and queries: ULIDs from the injected clock and a seeded generator, so that a simulation replays.

use std::sync::{Arc, Mutex, PoisonError};

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
    random: Mutex<ChaCha8Rng>,
}

impl Ids {
    /// A seed gives the names of one writer epoch; the next epoch gets others from the same seed.
    pub fn new(clock: Arc<dyn Clock>, seed: Option<u64>, epoch: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed.unwrap_or_else(rand::random));
        random.set_stream(epoch);
        Self { clock, random: Mutex::new(random) }
    }

    /// The next name: 26 characters, sorted by the millisecond of its making.
    pub fn next_id(&self) -> String {
        let ms = u64::try_from(self.clock.now_ns() / 1_000_000).unwrap_or(0);
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let bits = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        Ulid::from_parts(ms, bits).to_string()
    }
}
