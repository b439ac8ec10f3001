//! Objects: immutable files named by a path. Manifest versions and segments are objects, in any
//! [`ObjectStore`](object_store::ObjectStore).
//!
//! What the storage relies on, whichever store it is, and what the conformance suite in the tests checks:
//! - a put is atomic: an object is there whole or not at all, and when the put returns it is durable;
//! - of several puts with `PutMode::Create` to one path exactly one succeeds, the others fail with `AlreadyExists`;
//! - a missing object is `NotFound`; a list names whole path segments, in any order, and never an unfinished put.
//!
//! `PutMode::Update` and attributes are not relied on: stores of files have neither.

mod cached;
mod counted;
mod local;
mod requests;
mod settled;

pub(crate) use self::cached::CachedStore;
pub(crate) use self::counted::{CountedConnector, CountedStore};
pub use self::local::LocalStore;
pub(crate) use self::requests::Requests;
pub use self::requests::{RequestCounts, StoreOperation};
pub(crate) use self::settled::SettledStore;

#[cfg(test)]
mod tests;
