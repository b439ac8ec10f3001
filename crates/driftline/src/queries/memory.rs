//! The memory of one query: what it asks for is taken from the pool of all queries, counted, and refused beyond a limit of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result as DfResult;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// A pool for one query within the pool of all.
#[derive(Debug)]
pub(crate) struct QueryMemory {
    all: Arc<dyn MemoryPool>,
    /// The limit of this query; shared fairly among its operators that can spill, as that of all is among those of all queries.
    own: Option<FairSpillPool>,
    bytes: AtomicUsize,
    peak: AtomicUsize,
}

impl QueryMemory {
    pub(super) fn new(all: Arc<dyn MemoryPool>, limit_bytes: Option<usize>) -> Self {
        let own = limit_bytes.map(FairSpillPool::new);
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
        if let Some(own) = &self.own {
            own.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.all.unregister(consumer);
        if let Some(own) = &self.own {
            own.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.grow(reservation, additional);
        if let Some(own) = &self.own {
            own.grow(reservation, additional);
        }
        self.took(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.all.shrink(reservation, shrink);
        if let Some(own) = &self.own {
            own.shrink(reservation, shrink);
        }
        self.bytes.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        if let Some(own) = &self.own {
            own.try_grow(reservation, additional)?;
        }
        if let Err(error) = self.all.try_grow(reservation, additional) {
            if let Some(own) = &self.own {
                own.shrink(reservation, additional);
            }
            return Err(error);
        }
        self.took(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        match &self.own {
            Some(own) => own.memory_limit(),
            None => self.all.memory_limit(),
        }
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query(used: {}, of {})", self.reserved(), self.all)
    }
}

#[cfg(test)]
mod tests;
