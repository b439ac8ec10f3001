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

/// Breaks when queries are refused memory that lies idle, because operators of other queries might ask for it.
#[test]
fn idle_operators_of_other_queries_take_nothing() {
    let all: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1000));
    let spilling =
        |pool: &Arc<dyn MemoryPool>| MemoryConsumer::new("spills").with_can_spill(true).register(pool);
    let queries: Vec<Arc<dyn MemoryPool>> =
        (0..64).map(|_| Arc::new(QueryMemory::new(Arc::clone(&all), None)) as _).collect();
    let idle: Vec<_> = queries.iter().flat_map(|pool| [spilling(pool), spilling(pool)]).collect();
    idle[0].try_grow(500).unwrap();
    assert!(idle[0].try_grow(1).is_err(), "half of a query's memory belongs to its other operator");
    idle[2].try_grow(500).unwrap();
    assert!(idle[4].try_grow(1).is_err(), "all of it is taken");
}
