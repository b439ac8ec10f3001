//! A world that tests can stop, break and wind back: a disk, a store and a clock.
//!
//! [`SimDisk`] keeps two images of what was written, the live one that the running process sees and the durable one that a
//! crash leaves, and counts every operation, so that a test can stop at the n-th or fail the k-th, for every n and k.

mod clock;
mod disk;
mod log;
mod store;

pub use self::clock::ManualClock;
pub use self::disk::{Crash, Fault, Operation, SimDisk, Stop};
pub use self::log::SimLog;
pub use self::store::SimStore;

#[cfg(test)]
mod tests;
