//! A clock that only tests move.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::Clock;

/// A clock that stands still until it is [advanced](Self::advance).
#[derive(Debug)]
pub struct ManualClock {
    now_ns: AtomicI64,
    monotonic_ns: AtomicU64,
}

impl ManualClock {
    /// Makes a clock that shows `now_ns` nanoseconds since the Unix epoch.
    pub fn new(now_ns: i64) -> Self {
        Self { now_ns: AtomicI64::new(now_ns), monotonic_ns: AtomicU64::new(0) }
    }

    /// Lets time pass, on the wall and monotonically.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).expect("a test takes less than 584 years");
        self.monotonic_ns.fetch_add(nanos, Ordering::SeqCst);
        self.now_ns.fetch_add(i64::try_from(nanos).expect("or less than 292"), Ordering::SeqCst);
    }

    /// Sets the wall clock, as an administrator may; monotonic time goes on.
    pub fn set_now_ns(&self, now_ns: i64) {
        self.now_ns.store(now_ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}
