//! Two pieces of work at the same time, for groups so large that finishing them on one thread is felt.

/// Threads that one group is finished on at most.
const THREADS_MAX: usize = 8;

/// How many threads work on one group.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX))
}

/// Runs both, on two threads where `at_once` says that it pays. The answers do not depend on it.
pub(crate) fn both<A: Send, B>(
    at_once: bool,
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> (A, B) {
    if !at_once {
        return (first(), second());
    }
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        match first.join() {
            Ok(first) => (first, second),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
