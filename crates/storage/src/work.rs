//! Where work is done that computes more than it waits.
//!
//! Threads of their own keep it away from those that serve callers. A simulation wants everything in one order that it can repeat: then
//! the work is a task like any other. The thread of the log stays a thread in either case.

use tokio::task::JoinHandle;

/// Where encoding, merging and the reading of the log are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Work {
    /// On threads beside the runtime.
    #[default]
    Threads,
    /// On the runtime, as tasks.
    Tasks,
}

impl Work {
    /// Starts a piece of work that does not wait for tasks, or only for such as run meanwhile.
    pub(crate) fn start<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(work),
            Self::Tasks => tokio::spawn(async move { work() }),
        }
    }
}
