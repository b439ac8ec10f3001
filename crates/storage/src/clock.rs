//! Time enters the storage through [`Clock`] alone, so that tests and simulations own it.

use std::fmt::Debug;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of time.
pub trait Clock: Debug + Send + Sync {
    /// Wall-clock time in nanoseconds since the Unix epoch. May step back.
    fn now_ns(&self) -> i64;

    /// Nanoseconds since an arbitrary start. Never steps back.
    fn monotonic_ns(&self) -> u64;
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Makes a clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the place where real time enters")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the place where real time enters")]
    fn now_ns(&self) -> i64 {
        let nanos = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()),
            Err(before) => i64::try_from(before.duration().as_nanos()).map(|nanos| -nanos),
        };
        nanos.expect("the clock of a machine lies between 1677 and 2262")
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).expect("a process runs for less than 584 years")
    }
}
