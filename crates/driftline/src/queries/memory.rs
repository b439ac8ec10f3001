//! The memory of one query: what it asks for is taken from the pool of all queries, counted, and refused beyond a limit of its own.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result as DfResult;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};

/// Consumers of memory that a message about too little of it names.
pub(crate) const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");

/// A pool for one query within the pool of all.
///
/// Within a query memory is shared fairly among the operators that can spill. Among queries it goes to whoever asks: a fair share for
/// every operator of every query would refuse a few megabytes while most of the memory lies idle.
#[derive(Debug)]
pub(crate) struct QueryMemory {
    all: Arc<dyn MemoryPool>,
    own: TrackConsumersPool<FairSpillPool>,
    bytes: AtomicUsize,
    peak: AtomicUsize,
}

impl QueryMemory {
    /// A pool of at most `limit_bytes`, and of no more than all queries have together.
    pub(super) fn new(all: Arc<dyn MemoryPool>, limit_bytes: Option<usize>) -> Self {
        let of_all = match all.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes,
            MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
        };
        let own = FairSpillPool::new(limit_bytes.map_or(of_all, |limit| limit.min(of_all)));
        let own = TrackConsumersPool::new(own, CONSUMERS_NAMED);
        Self { all, own, bytes: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// The most that was taken at one time.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak.load(Ordering::Relaxed) as u64
    }

    fn took(&self, bytes: usize) {
        let now = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.all.register(consumer);
        self.own.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.all.unregister(consumer);
        self.own.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.grow(reservation, additional);
        self.own.grow(reservation, additional);
        self.took(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.all.shrink(reservation, shrink);
        self.own.shrink(reservation, shrink);
        self.bytes.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        self.own.try_grow(reservation, additional)?;
        if let Err(error) = self.all.try_grow(reservation, additional) {
            self.own.shrink(reservation, additional);
            return Err(error);
        }
        self.took(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query(used: {}, of {})", self.reserved(), self.all)
    }
}

#[cfg(test)]
mod tests;
