use std::sync::Arc;

use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};

use super::QueryMemory;

/// Breaks when a query takes more than its own limit or than all may, when a refusal by one pool stays booked in the other, or the
/// peak forgets.
#[test]
fn a_query_has_its_own_limit_within_that_of_all() {
    let all: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
    let memory = Arc::new(QueryMemory::new(Arc::clone(&all), Some(60)));
    let pool: Arc<dyn MemoryPool> = Arc::clone(&memory) as _;

    let held = MemoryConsumer::new("held").register(&pool);
    held.try_grow(50).unwrap();
    assert!(held.try_grow(20).is_err(), "50 + 20 > 60");
    assert_eq!((memory.reserved(), all.reserved()), (50, 50));
    held.shrink(30);

    let others = MemoryConsumer::new("others").register(&all);
    others.try_grow(75).unwrap();
    assert!(held.try_grow(10).is_err(), "95 + 10 > 100");
    others.free();
    held.try_grow(40).unwrap();
    assert_eq!((memory.reserved(), all.reserved()), (60, 60));

    drop(held);
    assert_eq!((memory.reserved(), all.reserved(), memory.peak_bytes()), (0, 0, 60));
}
