//! How long a step takes, counted in buckets, for those who watch.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets, in seconds; each takes what is as long or shorter. Longer ones are only in the count.
pub const LATENCY_BOUNDS_SECONDS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Counts that one step adds to and others read.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    buckets: [AtomicU64; LATENCY_BOUNDS_SECONDS.len()],
    count: AtomicU64,
    total_ns: AtomicU64,
}

/// How often a step was taken, and how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencyCounts {
    /// How often it took no longer than each of [`LATENCY_BOUNDS_SECONDS`].
    pub buckets: [u64; LATENCY_BOUNDS_SECONDS.len()],
    /// How often it was taken.
    pub count: u64,
    /// How long it took altogether.
    pub total: Duration,
}

impl Latencies {
    pub(crate) fn record(&self, took_ns: u64) {
        let seconds = Duration::from_nanos(took_ns).as_secs_f64();
        if let Some(bucket) = LATENCY_BOUNDS_SECONDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_ns.fetch_add(took_ns, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> LatencyCounts {
        let mut below = 0;
        LatencyCounts {
            buckets: std::array::from_fn(|bucket| {
                below += self.buckets[bucket].load(Ordering::Relaxed);
                below
            }),
            count: self.count.load(Ordering::Relaxed),
            total: Duration::from_nanos(self.total_ns.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // breaks when a bound belongs to the wrong bucket, or the buckets do not add up as Prometheus reads them
    #[test]
    fn buckets_count_everything_up_to_their_bound() {
        let latencies = Latencies::default();
        for took_ns in [1, 500_000, 500_001, 2_500_000_000, 2_500_000_001] {
            latencies.record(took_ns);
        }
        let counts = latencies.counts();
        assert_eq!(counts.buckets, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((counts.count, counts.total), (5, Duration::from_nanos(5_001_000_003)));
    }
}
